//! What befell the grid as things that can be left out: an outage with its return, a move of the demand; whole, or a part of it.

use std::sync::Arc;

use powerflow::{Index, Network};
use scenarios::{Event, Moment, Scenario, TimedEvent};

/// One thing that befell the grid. An outage and the return that ends it are one: without the outage there is nothing to return from, and
/// without the return it would be another, worse scenario than the one that is explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// What begins it.
    begin: TimedEvent,
    /// The return that ends it, where one does.
    end: Option<TimedEvent>,
    /// Rows of both in the timeline.
    rows: (usize, usize),
}

impl Factor {
    /// When it begins.
    pub fn at(&self) -> Moment {
        self.begin.at
    }

    /// When it ends, where it does.
    pub fn until(&self) -> Option<Moment> {
        self.end.as_ref().map(|end| end.at)
    }

    /// What it is, for people.
    pub fn in_words(&self, network: &Network) -> String {
        let told = |timed: &TimedEvent| {
            let alone = Scenario {
                population: String::new(),
                index: 0,
                timeline: vec![timed.clone()],
                log_likelihood: None,
            };
            alone.in_words(network).pop().map_or_else(String::new, |(_, words)| words)
        };
        match &self.end {
            Some(end) => format!("{} until {} s", told(&self.begin), end.at.seconds()),
            None => told(&self.begin),
        }
    }

    /// What a smaller one would be less of, where it can be smaller; the duration of an outage that ends, the move of a demand.
    pub fn magnitude(&self) -> Option<&'static str> {
        match (&self.begin.event, &self.end) {
            (Event::DemandRamp { .. }, _) => Some("move of the demand"),
            (_, Some(_)) => Some("duration"),
            _ => None,
        }
    }
}

/// Whether a return ends an outage.
fn ends(outage: &Event, back: &Event) -> bool {
    match (outage, back) {
        (Event::BranchOut { branch }, Event::BranchBack { branch: other }) => branch == other,
        (Event::UnitOut { unit }, Event::UnitBack { unit: other }) => unit == other,
        _ => false,
    }
}

/// The factors of a timeline by their moment. Those of one moment are ordered by what they are and not by where they stood, so that the
/// order of a list changes no explanation.
pub fn factors(timeline: &[TimedEvent]) -> Vec<Factor> {
    let mut factors: Vec<Factor> = Vec::new();
    for (row, timed) in timeline.iter().enumerate() {
        let open = |factor: &&mut Factor| factor.end.is_none() && ends(&factor.begin.event, &timed.event);
        match factors.iter_mut().find(open) {
            Some(factor) => (factor.end, factor.rows.1) = (Some(timed.clone()), row),
            None => factors.push(Factor { begin: timed.clone(), end: None, rows: (row, row) }),
        }
    }
    let rank = |event: &Event| match event {
        Event::DemandRamp { .. } => (0, 0),
        Event::BranchOut { branch } | Event::BranchBack { branch } => (1, branch.row()),
        Event::UnitOut { unit } | Event::UnitBack { unit } => (2, unit.row()),
        Event::BusOut { bus } => (3, bus.row()),
        Event::Ratings { .. } => (4, 0),
        Event::Capability { .. } => (5, 0),
        Event::Saturation { .. } => (6, 0),
    };
    factors.sort_by_key(|factor| (factor.begin.at, rank(&factor.begin.event)));
    factors
}

/// The scenario in which only these factors happen, ascending, each to a share of its magnitude. All of them, whole, is the scenario
/// itself.
///
/// A share of a demand's move goes so far from where the demand was going before; a share of an outage lasts so long.
pub fn scenario(of: &Scenario, factors: &[Factor], kept: &[(usize, f64)]) -> Arc<Scenario> {
    let mut timeline: Vec<(usize, TimedEvent)> = Vec::with_capacity(2 * kept.len());
    let mut going: Option<Vec<f64>> = None;
    for (at, share) in kept {
        let factor = &factors[*at];
        let mut begin = factor.begin.clone();
        if let Event::DemandRamp { factor: to, .. } = &mut begin.event {
            // A whole move is not computed again: its bytes are those of the scenario.
            if *share != 1.0 {
                for (bus, to) in to.iter_mut().enumerate() {
                    let from = going.as_ref().map_or(1.0, |going| going[bus]);
                    *to = (*to - from).mul_add(*share, from);
                }
            }
            going = Some(to.clone());
        }
        timeline.push((factor.rows.0, begin));
        if let Some(end) = &factor.end {
            let mut end = end.clone();
            if *share != 1.0 {
                let lasts_ns = (end.at.0 - factor.begin.at.0) as f64 * share;
                end.at = Moment(factor.begin.at.0 + lasts_ns.round() as u64);
            }
            timeline.push((factor.rows.1, end));
        }
    }
    timeline.sort_by_key(|(row, timed)| (timed.at, *row));
    let timeline = timeline.into_iter().map(|(_, timed)| timed).collect();
    Arc::new(Scenario { timeline, log_likelihood: None, ..of.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use powerflow::{BranchIdx, UnitIdx};
    use proptest::prelude::*;

    fn at(seconds: u64, event: Event) -> TimedEvent {
        TimedEvent { at: Moment(seconds * 1_000_000_000), event }
    }

    fn out(row: usize) -> Event {
        Event::BranchOut { branch: BranchIdx::from_row(row) }
    }

    fn back(row: usize) -> Event {
        Event::BranchBack { branch: BranchIdx::from_row(row) }
    }

    fn demand(until: u64, to: f64) -> Event {
        Event::DemandRamp { until: Moment(until * 1_000_000_000), factor: vec![1.0, to] }
    }

    fn of(timeline: Vec<TimedEvent>) -> Scenario {
        Scenario { population: "p".into(), index: 3, timeline, log_likelihood: Some(-1.0) }
    }

    #[test]
    fn an_outage_and_its_return_are_one() {
        let whole = of(vec![
            at(0, demand(0, 1.2)),
            at(10, out(4)),
            at(10, Event::UnitOut { unit: UnitIdx::from_row(4) }),
            at(20, back(4)),
            at(30, out(4)),
        ]);
        let factors = factors(&whole.timeline);
        let spans: Vec<(f64, Option<f64>)> =
            factors.iter().map(|f| (f.at().seconds(), f.until().map(Moment::seconds))).collect();
        assert_eq!(spans, [(0.0, None), (10.0, Some(20.0)), (10.0, None), (30.0, None)]);
        let magnitudes: Vec<_> = factors.iter().map(Factor::magnitude).collect();
        assert_eq!(magnitudes, [Some("move of the demand"), Some("duration"), None, None]);
        let all: Vec<(usize, f64)> = (0..4).map(|row| (row, 1.0)).collect();
        assert_eq!(scenario(&whole, &factors, &all).timeline, whole.timeline);
        let kept = scenario(&whole, &factors, &[(1, 0.25), (2, 1.0)]);
        let times: Vec<u64> = kept.timeline.iter().map(|timed| timed.at.0 / 1_000_000).collect();
        assert_eq!(times, [10_000, 10_000, 12_500]);
        assert_eq!((kept.population.as_str(), kept.index, kept.log_likelihood), ("p", 3, None));
    }

    /// To 1.2 and on to 0.8: half of the second goes half the way from where the first, or the file, leaves it.
    #[test]
    fn a_share_of_a_move_starts_from_where_the_demand_was_going() {
        let whole = of(vec![at(0, demand(0, 1.2)), at(60, demand(120, 0.8))]);
        let factors = factors(&whole.timeline);
        let last = |kept: &[(usize, f64)]| match &scenario(&whole, &factors, kept).timeline.last() {
            Some(TimedEvent { event: Event::DemandRamp { factor, .. }, .. }) => factor[1],
            other => panic!("{other:?}"),
        };
        assert!((last(&[(0, 1.0), (1, 0.5)]) - 1.0).abs() < 1e-15);
        assert!((last(&[(1, 0.5)]) - 0.9).abs() < 1e-15);
        assert_eq!(last(&[(0, 1.0), (1, 0.0)]), 1.2);
    }

    proptest! {
        #[test]
        fn the_order_within_a_moment_changes_no_factor(swap in proptest::collection::vec(any::<u32>(), 6)) {
            let mut timeline = vec![
                at(5, out(1)), at(5, out(2)), at(5, demand(9, 1.1)),
                at(5, Event::UnitOut { unit: UnitIdx::from_row(0) }), at(5, out(0)), at(9, back(2)),
            ];
            let told = |timeline: &[TimedEvent]| {
                factors(timeline).into_iter().map(|f| (f.begin, f.end)).collect::<Vec<_>>()
            };
            let before = told(&timeline);
            let mut order: Vec<usize> = (0..5).collect();
            order.sort_by_key(|i| swap[*i]);
            let moved: Vec<TimedEvent> = order.iter().map(|i| timeline[*i].clone()).collect();
            timeline[..5].clone_from_slice(&moved);
            prop_assert_eq!(told(&timeline), before);
        }
    }
}
