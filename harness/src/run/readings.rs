//! One metric of every episode of a population, as gates read it; and what it would be in another model of the world, as far as a part
//! of the episodes tells.

use super::local::SimulatedPopulation;
use crate::assumption::Subset;
use crate::trajectory::{Episode, Outcome};

/// A metric of each episode, by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Readings {
    /// The candidate's, with a solver that gave up counted as lost.
    pub(super) lost: Vec<Option<f64>>,
    /// The candidate's, counted as served.
    pub(super) served: Vec<Option<f64>>,
    /// Where the solver gave up.
    pub(super) gave_up: Vec<bool>,
    /// Each comparator's, as served: what is in doubt must not help the candidate.
    pub(super) champions: Vec<Vec<Option<f64>>>,
}

impl Readings {
    pub(super) fn of(population: &SimulatedPopulation, metric: &str) -> Self {
        let candidate = &population.candidate;
        let served = |episodes: &Vec<Episode>| episodes.iter().map(|e| e.metric_as_served(metric)).collect();
        Readings {
            lost: candidate.iter().map(|e| e.metric(metric)).collect(),
            served: served(candidate),
            gave_up: candidate.iter().map(|e| e.outcome == Outcome::SolverGaveUp).collect(),
            champions: population.champions.iter().map(served).collect(),
        }
    }

    /// These readings in another model of the world, in which the episodes of a subset were lived `again`. Each episode changes as the one
    /// that speaks for it did, and actors of one scenario together, so that pairs stay pairs.
    pub(super) fn projected(&self, again: &Readings, subset: &Subset) -> Readings {
        let column = |own: &[Option<f64>], again: &[Option<f64>]| projected(own, again, subset);
        let gave_up = |row: usize| {
            let at = subset.speaker[row];
            let (was, is) = (self.gave_up[subset.rows[at]], again.gave_up[at]);
            if was == is { self.gave_up[row] } else { is }
        };
        Readings {
            lost: column(&self.lost, &again.lost),
            served: column(&self.served, &again.served),
            gave_up: (0..self.gave_up.len()).map(gave_up).collect(),
            champions: self
                .champions
                .iter()
                .zip(&again.champions)
                .map(|(own, again)| column(own, again))
                .collect(),
        }
    }
}

/// A column with the change of each row's speaker added, within the values that occurred: a metric has a range, and no sum of two episodes
/// may leave it.
fn projected(own: &[Option<f64>], again: &[Option<f64>], subset: &Subset) -> Vec<Option<f64>> {
    let occurred = || own.iter().chain(again).flatten().copied();
    let low = occurred().fold(f64::INFINITY, f64::min);
    let high = occurred().fold(f64::NEG_INFINITY, f64::max);
    let of = |(row, value): (usize, &Option<f64>)| {
        let at = subset.speaker[row];
        let speaker = subset.rows[at];
        // Its own value to the bit: sums are rounded.
        if speaker == row { again[at] } else { moved(*value, own[speaker], again[at], (low, high)) }
    };
    own.iter().enumerate().map(of).collect()
}

/// A value with the change of another one. What was lost there is lost here; what had no value here stays without one unless the other
/// gained one.
fn moved(own: Option<f64>, from: Option<f64>, to: Option<f64>, (low, high): (f64, f64)) -> Option<f64> {
    match (own, from, to) {
        _ if from == to => own,
        (_, _, None) => None,
        (Some(own), Some(from), Some(to)) => Some((own + (to - from)).max(low).min(high)),
        (None, None, gained) => gained,
        (own, _, _) => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assumption::Standing;
    use scenarios::Seed;

    fn column(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    fn readings(lost: Vec<Option<f64>>) -> Readings {
        let gave_up = vec![false; lost.len()];
        Readings { served: lost.clone(), champions: vec![lost.clone()], lost, gave_up }
    }

    fn of_rows(all: &Readings, subset: &Subset) -> Readings {
        readings(subset.rows.iter().map(|&row| all.lost[row]).collect())
    }

    #[test]
    fn what_does_not_change_where_it_was_lived_again_changes_nowhere() {
        let nominal = readings((0..300).map(|row| (row % 7 != 0).then_some(f64::from(row) / 3.0)).collect());
        let standings: Vec<Standing> =
            (0..300).map(|row| if row % 3 == 0 { Standing::Close } else { Standing::Clear }).collect();
        let subset = Subset::draw(&standings, 40, Seed(1), "p");
        assert_eq!(nominal.projected(&of_rows(&nominal, &subset), &subset), nominal);
    }

    /// Every twentieth episode of a stratum breaks in the variant: the projected share is that of the population within what a sample of
    /// this size tells, and exact where all are lived again.
    #[test]
    fn a_change_is_projected_with_the_weight_of_its_stratum() {
        let n = 6000;
        let nominal = readings(column(&vec![0.0; n]));
        let truth: Vec<f64> = (0..n).map(|row| f64::from(u8::from(row % 20 == 0))).collect();
        let truth = readings(column(&truth));
        let mut sum = 0.0;
        for seed in 0..40 {
            let subset = Subset::draw(&vec![Standing::Clear; n], 256, Seed(seed), "p");
            let projected = nominal.projected(&of_rows(&truth, &subset), &subset);
            let share = projected.lost.iter().flatten().sum::<f64>() / n as f64;
            // Five standard deviations of a sample of 256.
            assert!((share - 0.05).abs() < 5.0 * (0.05_f64 * 0.95 / 256.0).sqrt(), "{share}");
            sum += share / 40.0;
        }
        assert!((sum - 0.05).abs() < 5.0 * (0.05_f64 * 0.95 / (40.0 * 256.0)).sqrt(), "{sum}");
        let all = Subset::draw(&vec![Standing::Clear; n], n as u64, Seed(0), "p");
        assert_eq!(nominal.projected(&truth, &all), truth);
    }

    #[test]
    fn a_projected_value_stays_within_what_occurred_and_a_lost_one_is_lost() {
        let range = (0.0, 1.0);
        assert_eq!(moved(Some(1.0), Some(0.0), Some(1.0), range), Some(1.0));
        assert_eq!(moved(Some(0.0), Some(1.0), Some(0.0), range), Some(0.0));
        assert_eq!(moved(Some(0.25), Some(0.5), Some(0.75), range), Some(0.5));
        assert_eq!(moved(Some(0.25), Some(0.5), None, range), None);
        assert_eq!(moved(Some(0.25), None, Some(0.75), range), Some(0.25));
        assert_eq!(moved(None, Some(0.5), Some(0.75), range), None);
        assert_eq!(moved(None, None, Some(0.75), range), Some(0.75));
    }
}
