//! Unserved energy over storms: its mean, its tail and how often it is exceeded, with bounds that hold for any law.

use reports::study::{Estimate, Exceedance, Risk, Tail};

use super::block::Storm;
use crate::statistic::betting::{BettingPath, hoeffding_radius};
use crate::statistic::binomial::{self, quantile_lower_rank, quantile_upper_rank};
use crate::statistic::cvar::{self, TailPath};

/// Confidence of every interval.
pub(super) const CONFIDENCE: f64 = 0.95;
/// Level of each end of a two-sided interval.
pub(super) const END: f64 = 0.5 * (1.0 - CONFIDENCE);
/// Where tails begin.
const TAILS: [f64; 3] = [0.9, 0.95, 0.99];
/// Points of a curve at most.
const POINTS: usize = 120;
/// Less unserved energy than this is none, MWh: the books close to as much.
const NOTHING_MWH: f64 = 1e-6;

/// Which way what the solver gave up on is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Lost,
    Served,
}

impl Storm {
    /// Its unserved energy, MWh.
    pub(super) fn mwh(&self, counted: Counted) -> f64 {
        match (counted, &self.served) {
            (Counted::Served, Some(served)) => served.mwh,
            _ => self.lost.mwh,
        }
    }
}

/// The risk of storms, of which none can leave more unserved than the range.
pub(super) fn of(storms: &[Storm], counted: Counted, range_mwh: f64, per_year: Option<f64>) -> Risk {
    let values: Vec<f64> = storms.iter().map(|storm| storm.mwh(counted)).collect();
    let eens_mwh = mean(&values, range_mwh);
    let harmed = values.iter().filter(|mwh| **mwh > NOTHING_MWH).count() as u64;
    Risk {
        eens_mwh,
        eens_mwh_per_year: per_year.map(|per_year| eens_mwh.times(per_year)),
        loss_of_load: probability(harmed, values.len() as u64),
        curve: curve(&values),
        tails: TAILS.iter().map(|q| tail(&values, *q, range_mwh)).collect(),
    }
}

/// A probability after `k` of `n` storms.
pub(super) fn probability(k: u64, n: u64) -> Estimate {
    Estimate {
        value: k as f64 / n.max(1) as f64,
        low: Some(binomial::lower(k, n, END)),
        high: Some(binomial::upper(k, n, END)),
    }
}

/// Values as shares of the range, which is above zero where any of them is.
fn shares(values: &[f64], range: f64) -> impl Iterator<Item = f64> {
    values.iter().map(move |value| if range > 0.0 { (value / range).clamp(0.0, 1.0) } else { 0.0 })
}

fn mean(values: &[f64], range: f64) -> Estimate {
    let mut path = BettingPath::new(END);
    shares(values, range).for_each(|share| path.push(share));
    let value = values.iter().sum::<f64>() / values.len().max(1) as f64;
    Estimate { value, low: Some(range * path.lower()), high: Some(range * path.upper()) }
}

fn tail(values: &[f64], q: f64, range: f64) -> Tail {
    let something = |mwh: &f64| if *mwh > NOTHING_MWH { *mwh } else { 0.0 };
    let mut sorted: Vec<f64> = values.iter().map(something).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as u64;
    let at = |rank: u64| sorted.get(rank.checked_sub(1)? as usize).copied();
    // The smallest value that a share q of the storms does not exceed.
    let rank = ((q * n as f64 - 1e-9).ceil().max(1.0) as u64).min(n);
    let mut path = TailPath::new(q, END);
    shares(values, range).for_each(|share| path.push(share));
    Tail {
        q,
        var_mwh: Estimate {
            value: at(rank).unwrap_or_default(),
            low: quantile_lower_rank(n, q, END).and_then(at),
            high: quantile_upper_rank(n, q, END).and_then(at),
        },
        cvar_mwh: Estimate {
            value: cvar::of_sample(values, q).unwrap_or_default(),
            low: Some(range * path.lower()),
            high: Some(range * path.upper()),
        },
    }
}

/// How often a storm leaves more than so much unserved, at zero and at values that storms had, thinned evenly.
fn curve(values: &[f64]) -> Vec<Exceedance> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    // Massart (1990): the constant of Dvoretzky, Kiefer and Wolfowitz makes the band Hoeffding's, at once for all points.
    let radius = hoeffding_radius(n as u64, END);
    let more = |mwh: f64| {
        let share = (n - sorted.partition_point(|value| *value <= mwh)) as f64 / n.max(1) as f64;
        let (low, high) = ((share - radius).max(0.0), (share + radius).min(1.0));
        Exceedance { mwh, probability: Estimate { value: share, low: Some(low), high: Some(high) } }
    };
    let positive: Vec<f64> = sorted.iter().copied().filter(|mwh| *mwh > NOTHING_MWH).collect();
    let picked = positive.len().min(POINTS);
    let at = |point: usize| positive[(point + 1) * positive.len() / picked - 1];
    let mut thresholds: Vec<f64> = std::iter::once(0.0).chain((0..picked).map(at)).collect();
    thresholds.dedup();
    thresholds.into_iter().map(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of cascade.md 6.4: losses of 0 (90 %), 10 (6 %), 40 (3 %) and 100 (1 %).
    fn example() -> Vec<f64> {
        [(0.0, 90), (10.0, 6), (40.0, 3), (100.0, 1)]
            .into_iter()
            .flat_map(|(loss, times)| std::iter::repeat_n(loss, times))
            .collect()
    }

    #[test]
    fn mean_and_tails_are_those_of_the_worked_example() {
        let values = example();
        let eens = mean(&values, 1000.0);
        assert!((eens.value - 2.8).abs() < 1e-12);
        assert!(eens.low < Some(2.8) && eens.high > Some(2.8));
        let tail = tail(&values, 0.95, 1000.0);
        assert_eq!(tail.var_mwh.value, 10.0);
        assert!((tail.cvar_mwh.value - 46.0).abs() < 1e-9);
        assert!(tail.var_mwh.low <= Some(10.0) && tail.var_mwh.high >= Some(40.0));
        assert!(tail.cvar_mwh.low < Some(46.0) && tail.cvar_mwh.high > Some(46.0));
    }

    #[test]
    fn a_curve_counts_the_storms_that_have_more() {
        let curve = curve(&example());
        let found: Vec<(f64, f64)> = curve.iter().map(|point| (point.mwh, point.probability.value)).collect();
        assert_eq!(found, [(0.0, 0.1), (10.0, 0.04), (40.0, 0.01), (100.0, 0.0)]);
        // sqrt(ln(2 / 0.05) / 200), and no probability below none.
        let radius = (40.0_f64.ln() / 200.0).sqrt();
        assert!(curve.iter().all(|point| point.probability.low == Some(0.0)));
        assert!((curve[0].probability.high.expect("a band") - 0.1 - radius).abs() < 1e-12);
        assert_eq!(super::curve(&[0.0; 5]).len(), 1);
    }

    /// However the loss is spread, the truth is outside the bounds of the mean in at most one study of twenty.
    #[test]
    fn bounds_hold_the_truth() {
        let mut outside = 0;
        for study in 0..200_u64 {
            let mut stream = scenarios::streams(scenarios::Seed(5), "bounds", study).named("losses");
            let values: Vec<f64> = (0..256)
                .map(|_| if stream.uniform() < 0.1 { 100.0 * stream.uniform() } else { 0.0 })
                .collect();
            let bounds = mean(&values, 100.0);
            outside += u32::from(!(bounds.low <= Some(5.0) && bounds.high >= Some(5.0)));
        }
        assert!(outside <= 18, "{outside} of 200 studies");
    }
}
