//! The mean of the worst share of episodes stays below a limit.

use std::collections::BTreeMap;

use super::mean::Scale;
use super::rate::{decide, interval, said, said_missing};
use super::{Gate, GateKind, Judgement, Parameter, Sample};
use super::{badness_within, missing, number, percent, quantity, unfit};
use crate::fields::Fields;
use crate::statistic::cvar::{TailPath, of_sample};

pub(super) const KIND: GateKind = GateKind {
    name: "cvar",
    summary: "the mean over the worst share 1 - q of episodes (conditional value at risk) of a metric that can only lie in `range` is at most `max`",
    parameters: &[
        Parameter {
            name: "q",
            summary: "where the worst begin, between 0 and 1, e.g. 0.95 for the worst 5 %",
        },
        Parameter { name: "max", summary: "largest mean of the worst" },
        Parameter {
            name: "range",
            summary: "[lowest, highest] value that an episode can have; one outside makes the gate an error",
        },
    ],
    parse,
};

/// A limit strictly inside the range.
#[derive(Clone, Debug)]
struct Cvar {
    q: f64,
    max: f64,
    range: Scale,
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let q = fields.number("q", "above 0 and below 1", |q| q > 0.0 && q < 1.0);
    let q = fields.need("q", q);
    let max = fields.finite("max");
    let max = fields.need("max", max);
    let range = fields.range("range");
    let (lo, hi) = fields.need("range", range)?;
    let (q, max) = (q?, max?);
    if !(lo < max && max < hi) {
        let message = format!("`max` is {max}, it should be inside the range [{lo}, {hi}]");
        fields.complain_with(
            "range",
            Some("max"),
            message,
            Some("a limit at an end of the range is true or false without any episode".to_owned()),
        );
        return None;
    }
    Some(Box::new(Cvar { q, max, range: Scale { lo, hi } }))
}

impl Gate for Cvar {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        let (share, max) = (percent(1.0 - self.q), quantity(self.max, unit));
        format!("the mean {metric} of the worst {share} of episodes of {population} is at most {max}")
    }

    /// A missing value counts as the highest of the range. The estimate is the sample's conditional value at risk.
    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        const METHOD: &str = "tail-betting/1";
        let values = &sample.candidate;
        let error = |reason: String| Judgement::error(METHOD, values.len(), reason);
        if let Some(reason) = unfit(values, "candidate") {
            return error(reason);
        }
        if let Some(index) = values.iter().position(|value| value.is_some_and(|v| !self.range.holds(v))) {
            return error(format!(
                "episode {index} has {}, outside the stated range [{}, {}], so no bound holds",
                number(values[index].unwrap_or_default()),
                number(self.range.lo),
                number(self.range.hi)
            ));
        }
        let filled: Vec<f64> = values.iter().map(|value| value.unwrap_or(self.range.hi)).collect();
        let mut path = TailPath::new(self.q, alpha);
        filled.iter().for_each(|&value| path.push(self.range.share_of(value)));
        let limit = self.range.share_of(self.max);
        let (verdict, decided_at) = decide(path.shown_below(limit), path.shown_above(limit));
        let estimate = of_sample(&filled, self.q);
        let missing = missing(values);
        let reason = format!(
            "the mean of the worst {} of {} episodes is {}{}{}",
            percent(1.0 - self.q),
            values.len(),
            number(estimate.unwrap_or_default()),
            said(verdict, decided_at, "the limit"),
            said_missing(missing)
        );
        let (lower, upper) = interval(path.lower(), path.upper());
        Judgement {
            verdict,
            reason,
            n: values.len() as u64,
            k: None,
            estimate,
            interval: (lower.map(|c| self.range.value_at(c)), upper.map(|c| self.range.value_at(c))),
            method: METHOD,
            e_value: None,
            p_value: None,
            missing,
            decided_at,
        }
    }

    fn is_broken_by(&self, candidate: Option<f64>, _champion: Option<f64>) -> Option<bool> {
        Some(candidate.is_none_or(|value| value > self.max))
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        let named =
            [("q", self.q), ("max", self.max), ("range_lo", self.range.lo), ("range_hi", self.range.hi)];
        named.into_iter().map(|(key, number)| (key.to_owned(), number)).collect()
    }

    fn badness(&self, candidate: f64, _champion: Option<f64>) -> Option<f64> {
        badness_within(None, Some(self.max), candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, tests::gate};
    use super::*;

    fn sample(n: u32, value: impl Fn(u32) -> f64) -> Sample {
        Sample { candidate: (0..n).map(|i| Some(value(i))).collect(), ..Sample::default() }
    }

    /// One episode in fifty of 40, the others 0: the worst 5 % have a mean of 16, while the mean of all is 0.8.
    #[test]
    fn a_rare_disaster_moves_the_tail_and_not_the_mean() {
        let rare = sample(8000, |i| if i % 50 == 31 { 40.0 } else { 0.0 });
        let judge = |max: f64| {
            gate(&format!("kind = 'cvar'\nq = 0.95\nmax = {max}\nrange = [0, 50]")).judge(&rare, 0.05)
        };
        let passed = judge(24.0);
        assert_eq!(passed.verdict, Verdict::Pass, "{passed:?}");
        assert!(passed.estimate.is_some_and(|estimate| (estimate - 16.0).abs() < 1e-9));
        let (lower, upper) = passed.interval;
        assert!(
            lower.is_some_and(|lower| lower < 16.0)
                && upper.is_some_and(|upper| 16.0 < upper && upper < 24.0)
        );
        assert_eq!(judge(16.5).verdict, Verdict::Undecided);
        assert_eq!(judge(8.0).verdict, Verdict::Fail);
        let mean = gate("kind = 'mean'\nmax = 2.0\nrange = [0, 50]");
        assert_eq!(mean.judge(&rare, 0.05).verdict, Verdict::Pass);
    }

    #[test]
    fn values_outside_the_range_are_an_error_and_missing_ones_the_worst() {
        let gate = gate("kind = 'cvar'\nq = 0.9\nmax = 0.5\nrange = [0, 1]");
        assert_eq!(gate.judge(&sample(500, |_| 1.5), 0.05).verdict, Verdict::Error);
        let silent = Sample { candidate: vec![None; 500], ..Sample::default() };
        let judged = gate.judge(&silent, 0.05);
        assert_eq!((judged.verdict, judged.missing, judged.estimate), (Verdict::Fail, 500, Some(1.0)));
    }
}
