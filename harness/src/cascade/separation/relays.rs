//! Overload relays that integrate the flow beyond a rating over time.

/// Flow beyond a rating that the cascade goes on for, MW: less is at rest.
const AT_REST_MW: f64 = 1e-6;
/// What an idle relay loses in a step, and what every relay gains, MW s: of the published program, where they decide ties.
const IDLE_MWS: f64 = 1e-6;
const GAIN_MWS: f64 = 1e-12;
/// Relays that reach their thresholds within this time of each other trip together, s: what lies between is rounding. Branches
/// in series carry the same flow, and whichever were first would save the other.
const TOGETHER_S: f64 = 1e-6;

/// The relay of one branch with a rating.
#[derive(Clone, Copy, Debug)]
struct Relay {
    /// Branch row.
    branch: usize,
    rating_mw: f64,
    threshold_mws: f64,
}

/// All relays, and how much each has seen.
#[derive(Clone, Debug)]
pub(super) struct Relays {
    relays: Vec<Relay>,
    seen_mws: Vec<f64>,
    /// Flow beyond the rating now, MW.
    excess_mw: Vec<f64>,
}

/// What becomes of the relays in one step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// No flow is beyond a rating.
    AtRest,
    /// So much time passes, s, and then these branches (rows, ascending) trip, if any.
    Passes(f64, Vec<usize>),
}

impl Relays {
    /// Of branches with ratings, by row; `threshold_s` times the rating is what a relay endures.
    pub(super) fn new(rating_mw: &[Option<f64>], threshold_s: f64) -> Self {
        let relays: Vec<Relay> = rating_mw
            .iter()
            .enumerate()
            .filter_map(|(branch, rating)| {
                rating.map(|rating_mw| Relay { branch, rating_mw, threshold_mws: threshold_s * rating_mw })
            })
            .collect();
        Relays { seen_mws: vec![0.0; relays.len()], excess_mw: vec![0.0; relays.len()], relays }
    }

    /// As they were made.
    pub(super) fn reset(&mut self) {
        self.seen_mws.fill(0.0);
    }

    /// Rating of a branch, MW.
    pub(super) fn rating_mw(&self, branch: usize) -> Option<f64> {
        self.relays
            .binary_search_by_key(&branch, |relay| relay.branch)
            .ok()
            .map(|at| self.relays[at].rating_mw)
    }

    /// Largest flow in shares of its rating, and the branch; `None` without ratings.
    pub(super) fn largest_loading(&self, flow_mw: &[f64]) -> Option<(f64, usize)> {
        self.relays
            .iter()
            .map(|relay| (flow_mw[relay.branch].abs() / relay.rating_mw, relay.branch))
            // The first of equals.
            .reduce(|worst, next| if next.0 > worst.0 { next } else { worst })
    }

    /// Lets time pass at these flows (by branch row, MW, zero where open) until the first relay operates, or `step_s_max`.
    pub(super) fn step(&mut self, flow_mw: &[f64], step_s_max: f64) -> Step {
        let mut first_s = f64::INFINITY;
        let mut largest_mw = f64::NEG_INFINITY;
        for (at, relay) in self.relays.iter().enumerate() {
            let excess = flow_mw[relay.branch].abs() - relay.rating_mw;
            self.excess_mw[at] = excess;
            largest_mw = largest_mw.max(excess);
            if excess > 0.0 {
                let left_s = (relay.threshold_mws - self.seen_mws[at]) / excess;
                if left_s > 0.0 {
                    first_s = first_s.min(left_s);
                }
            }
        }
        if !(largest_mw > AT_REST_MW) {
            return Step::AtRest;
        }
        let step_s = first_s.min(step_s_max);
        let operates = first_s <= step_s_max;
        let mut trips = Vec::new();
        for (at, relay) in self.relays.iter().enumerate() {
            let (seen, excess) = (&mut self.seen_mws[at], self.excess_mw[at]);
            if excess <= 0.0 {
                *seen -= IDLE_MWS;
            } else if operates && (relay.threshold_mws - *seen) / excess <= step_s + TOGETHER_S {
                trips.push(relay.branch);
                *seen = 0.0;
                continue;
            }
            *seen = (excess.mul_add(step_s, *seen) + GAIN_MWS).max(0.0);
        }
        Step::Passes(step_s, trips)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relays() -> Relays {
        Relays::new(&[Some(100.0), None, Some(100.0), Some(80.0)], 7.5)
    }

    #[test]
    fn half_of_the_rating_too_much_trips_in_fifteen_seconds() {
        let mut relays = relays();
        let Step::Passes(step_s, trips) = relays.step(&[150.0, 1e6, -20.0, 0.0], 60.0) else {
            panic!("a relay operates")
        };
        assert!((step_s - 15.0).abs() < 1e-9);
        assert_eq!(trips, [0]);
        assert_eq!(relays.step(&[0.0, 1e6, -100.0, 80.0], 60.0), Step::AtRest);
    }

    #[test]
    fn a_relay_remembers_and_cools() {
        let mut relays = relays();
        // 10 MW for 60 s of the 750 MW s that it endures; then 5 MW below the rating for 15 s, while another one trips.
        assert_eq!(relays.step(&[110.0, 0.0, 0.0, 0.0], 60.0), Step::Passes(60.0, vec![]));
        let Step::Passes(step_s, trips) = relays.step(&[95.0, 0.0, 0.0, 120.0], 60.0) else {
            panic!("a relay operates")
        };
        assert!((step_s - 15.0).abs() < 1e-6 && trips == [3]);
        // 600 - 75 of 750 are left to be forgotten: 225 at 15 MW is 15 s.
        let Step::Passes(step_s, trips) = relays.step(&[115.0, 0.0, 0.0, 0.0], 60.0) else {
            panic!("a relay operates")
        };
        assert!((step_s - 15.0).abs() < 1e-6, "{step_s}");
        assert_eq!(trips, [0]);
    }

    #[test]
    fn what_only_rounding_separates_trips_together() {
        let mut relays = relays();
        let step = relays.step(&[150.0, 0.0, 150.0 - 1e-9, 0.0], 60.0);
        assert!(matches!(step, Step::Passes(_, trips) if trips == [0, 2]));
    }

    #[test]
    fn a_trip_that_takes_longer_than_a_step_waits_for_the_next() {
        let mut relays = relays();
        assert_eq!(relays.step(&[110.0, 0.0, 0.0, 0.0], 60.0), Step::Passes(60.0, vec![]));
        let Step::Passes(step_s, trips) = relays.step(&[110.0, 0.0, 0.0, 0.0], 60.0) else {
            panic!("a relay operates")
        };
        assert!((step_s - 15.0).abs() < 1e-6 && trips == [0]);
    }
}
