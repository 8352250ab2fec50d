//! A quantile of the metric is at most so much, without any assumption on its distribution.

use std::collections::BTreeMap;

use super::rate::{RateFinding, said, said_missing};
use super::{Gate, GateKind, Judgement, Method, Parameter, Sample};
use super::{badness_within, missing, number, percent, quantity, unfit};
use crate::fields::Fields;
use crate::statistic::{binomial, rate::RatePath};

pub(super) const KIND: GateKind = GateKind {
    name: "quantile",
    summary: "the `q`-quantile of the metric is at most `max`: at most a share 1 - q of episodes is above it",
    parameters: &[
        Parameter { name: "q", summary: "which quantile, between 0 and 1, e.g. 0.99" },
        Parameter { name: "max", summary: "largest value of the quantile" },
        Method::PARAMETER,
    ],
    parse,
};

/// The claim with its numbers.
#[derive(Clone, Debug)]
pub(super) struct Quantile {
    pub(super) q: f64,
    pub(super) max: f64,
    pub(super) method: Method,
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let q = fields.number("q", "above 0 and below 1", |q| q > 0.0 && q < 1.0);
    let q = fields.need("q", q);
    let max = fields.finite("max");
    let max = fields.need("max", max);
    let method = Method::parse(fields);
    Some(Box::new(Quantile { q: q?, max: max?, method: method? }))
}

/// Values in episode order and ascending; an episode without a value is above every value.
struct Values {
    by_episode: Vec<f64>,
    ascending: Vec<f64>,
}

impl Values {
    fn new(values: &[Option<f64>]) -> Self {
        let by_episode: Vec<f64> = values.iter().map(|value| value.unwrap_or(f64::INFINITY)).collect();
        let mut ascending = by_episode.clone();
        ascending.sort_unstable_by(f64::total_cmp);
        Self { by_episode, ascending }
    }

    /// The value of this rank, from 1, where there is one.
    fn ranked(&self, rank: u64) -> Option<f64> {
        let index = usize::try_from(rank).ok()?.checked_sub(1)?;
        self.ascending.get(index).copied().filter(|value| value.is_finite())
    }

    fn above(&self, threshold: f64) -> RatePath {
        self.by_episode.iter().map(|&value| value > threshold).collect()
    }

    /// Number of leading values (ascending) for which `holds`, which is true up to some value and false from there on.
    fn leading(&self, holds: impl Fn(f64) -> bool) -> usize {
        self.ascending.partition_point(|&value| holds(value))
    }

    /// The sequential test inverted: thresholds for which it shows that the quantile is not above, or not below them.
    fn interval(&self, q: f64, alpha: f64) -> (Option<f64>, Option<f64>) {
        let rate = 1.0 - q;
        let not_shown = self.leading(|x| x.is_finite() && self.above(x).shown_below(rate, alpha).is_none());
        let upper = self.ranked(not_shown as u64 + 1);
        // Everything up to a value exceeds any threshold just below it: the quantile is at least the next value.
        let too_low = |x: f64| self.above(x).shown_above(rate, alpha).is_some();
        let lower = if too_low(f64::NEG_INFINITY) { self.at_least(self.leading(too_low) + 1) } else { None };
        (lower, upper)
    }

    /// A lower bound by rank; where that episode has no value, the largest value there is bounds more weakly.
    fn at_least(&self, rank: usize) -> Option<f64> {
        self.ascending.iter().take(rank).rev().find(|value| value.is_finite()).copied()
    }
}

impl Gate for Quantile {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        format!(
            "the {} quantile of {metric} over {population} is at most {}",
            percent(self.q),
            quantity(self.max, unit)
        )
    }

    /// The estimate is the sample quantile, the value of rank ceil(q n).
    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        if let Some(reason) = unfit(&sample.candidate, "candidate") {
            return Judgement::error(KIND.name, sample.candidate.len(), reason);
        }
        let values = Values::new(&sample.candidate);
        let counts = values.by_episode.iter().map(|&value| value > self.max);
        let found = RateFinding::of(counts, 1.0 - self.q, alpha, self.method);
        let (n, k) = (found.path.n(), found.path.k());
        let (interval, method) = match self.method {
            Method::Sequential => (values.interval(self.q, alpha), found.method),
            Method::Fixed => {
                let lower = binomial::quantile_lower_rank(n, self.q, alpha);
                let upper = binomial::quantile_upper_rank(n, self.q, alpha);
                let lower = lower.and_then(|rank| values.at_least(usize::try_from(rank).ok()?));
                ((lower, upper.and_then(|rank| values.ranked(rank))), "order-statistic/1")
            }
        };
        // 0.07 * 100 is above 7 in floating point; no sample is large enough for 1e-9 of a rank to matter.
        let rank = (self.q * n as f64 - 1e-9).ceil().max(1.0);
        let estimate = values.ranked(rank as u64);
        let missing = missing(&sample.candidate);
        let limit = format!("a share of {} above {}", percent(1.0 - self.q), number(self.max));
        let mut reason = format!(
            "{k} of {n} episodes are above {}{}",
            number(self.max),
            said(found.verdict, found.decided_at, &limit)
        );
        reason.push_str(&said_missing(missing));
        Judgement {
            verdict: found.verdict,
            reason,
            n,
            k: Some(k),
            estimate,
            interval,
            method,
            e_value: found.e_value,
            p_value: found.p_value,
            missing,
            decided_at: found.decided_at,
        }
    }

    fn is_broken_by(&self, candidate: Option<f64>, _champion: Option<f64>) -> Option<bool> {
        Some(candidate.is_none_or(|value| value > self.max))
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        [("q".to_owned(), self.q), ("max".to_owned(), self.max)].into()
    }

    fn badness(&self, candidate: f64, _champion: Option<f64>) -> Option<f64> {
        badness_within(None, Some(self.max), candidate)
    }

    fn anytime(&self) -> bool {
        self.method == Method::Sequential
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, tests::gate};
    use super::*;
    use proptest::prelude::*;

    fn sample(values: impl IntoIterator<Item = f64>) -> Sample {
        Sample { candidate: values.into_iter().map(Some).collect(), champion: None, ..Sample::default() }
    }

    // gates.md 3.2: 95 % content at 95 % confidence needs 59 episodes when the largest is the bound.
    #[test]
    fn the_fixed_method_needs_as_many_episodes_as_the_specification_says() {
        let fixed = gate("kind = 'quantile'\nq = 0.95\nmax = 100.0\nmethod = 'fixed'");
        let short = fixed.judge(&sample((0..58).map(f64::from)), 0.05);
        assert_eq!((short.verdict, short.interval.1), (Verdict::Undecided, None));
        let long = fixed.judge(&sample((0..59).map(f64::from)), 0.05);
        assert_eq!((long.verdict, long.interval.1), (Verdict::Pass, Some(58.0)));
        assert_eq!(long.estimate, Some(56.0));
        assert!(!fixed.anytime());
    }

    #[test]
    fn episodes_without_a_value_are_above_every_limit() {
        let gate = gate("kind = 'quantile'\nq = 0.5\nmax = 1e9");
        let none =
            gate.judge(&Sample { candidate: vec![None; 100], champion: None, ..Sample::default() }, 0.05);
        assert_eq!((none.verdict, none.missing, none.estimate), (Verdict::Fail, 100, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_interval_agrees_with_the_verdict(
            values in proptest::collection::vec(0_u8..40, 1..200), max in 0_u8..40, fixed in any::<bool>(),
        ) {
            let method = if fixed { "fixed" } else { "sequential" };
            let gate = gate(&format!("kind = 'quantile'\nq = 0.8\nmax = {max}\nmethod = '{method}'"));
            let judged = gate.judge(&sample(values.into_iter().map(f64::from)), 0.05);
            let (lower, upper) = judged.interval;
            let passes = upper.is_some_and(|upper| upper <= f64::from(max));
            let fails = lower.is_some_and(|lower| lower > f64::from(max));
            let verdict = if fails { Verdict::Fail } else if passes { Verdict::Pass } else { Verdict::Undecided };
            prop_assert_eq!(judged.verdict, verdict);
        }
    }
}
