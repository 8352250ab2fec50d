//! The mean of a bounded metric stays within limits.

use std::collections::BTreeMap;

use super::rate::{decide, interval, said, said_missing};
use super::{Frame, Gate, GateKind, Judgement, Misfit, Parameter, Sample, Verdict};
use super::{badness_within, infers, limits_in_words, missing, number, quantity, unfit};
use crate::fields::Fields;
use crate::statistic::betting::BettingPath;

pub(super) const KIND: GateKind = GateKind {
    name: "mean",
    summary: "the mean of a metric that can only lie in `range` is within `min` and `max`",
    parameters: &[
        Parameter { name: "max", summary: "largest mean" },
        Parameter { name: "min", summary: "smallest mean" },
        Parameter {
            name: "max_per_year",
            summary: "instead of both: largest mean times how often the population says that its scenarios happen in a year",
        },
        Parameter {
            name: "range",
            summary: "[lowest, highest] value that an episode can have; one outside makes the gate an error",
        },
    ],
    parse,
};

/// Limits strictly inside the range; at least one is there, and with the one of a year no other.
#[derive(Clone, Debug)]
struct Mean {
    max: Option<f64>,
    min: Option<f64>,
    max_per_year: Option<f64>,
    range: (f64, f64),
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let (max, min) = (fields.finite("max"), fields.finite("min"));
    let max_per_year = fields.finite("max_per_year");
    let by_episode = fields.has("max") || fields.has("min");
    match (by_episode, fields.has("max_per_year")) {
        (false, false) => fields.complain("missing", None, "`max`, `min` or `max_per_year` is missing"),
        (true, true) => {
            let message = "`max_per_year` limits a year: `max` and `min`, which limit an episode, have no place beside it";
            fields.complain("contradiction", Some("max_per_year"), message);
        }
        _ => {}
    }
    let range = fields.range("range");
    let range = fields.need("range", range)?;
    for (key, limit) in [("max", max), ("min", min)] {
        if let Some(limit) = limit
            && !(range.0 < limit && limit < range.1)
        {
            let (lo, hi) = range;
            let message = format!("`{key}` is {limit}, it should be inside the range [{lo}, {hi}]");
            fields.complain_with(
                "range",
                Some(key),
                message,
                Some("a limit at an end of the range is true or false without any episode".to_owned()),
            );
        }
    }
    if let (Some(max), Some(min)) = (max, min)
        && min >= max
    {
        fields.complain("contradiction", Some("min"), format!("`min` {min} is not below `max` {max}"));
    }
    let limited = max.is_some() || min.is_some() || max_per_year.is_some();
    limited.then(|| Box::new(Mean { max, min, max_per_year, range }) as Box<dyn Gate>)
}

impl Mean {
    /// The largest mean of an episode, where it has a limit; that of a year needs to know how often the episodes happen.
    fn max_of(&self, frame: &Frame) -> Option<f64> {
        self.max.or_else(|| Some(self.max_per_year? / frame.per_year?))
    }

    /// Episodes in the period that numbers are told for: a year's, or one.
    fn episodes(&self, frame: &Frame) -> f64 {
        self.max_per_year.and(frame.per_year).unwrap_or(1.0)
    }
}

/// Values of a known range as draws in [0, 1].
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) lo: f64,
    pub(super) hi: f64,
}

impl Scale {
    pub(super) fn holds(self, value: f64) -> bool {
        (self.lo..=self.hi).contains(&value)
    }

    pub(super) fn share_of(self, value: f64) -> f64 {
        ((value - self.lo) / (self.hi - self.lo)).clamp(0.0, 1.0)
    }

    pub(super) fn value_at(self, share: f64) -> f64 {
        self.lo + share * (self.hi - self.lo)
    }

    pub(super) fn path(self, values: impl Iterator<Item = f64>, alpha: f64) -> BettingPath {
        let mut path = BettingPath::new(alpha);
        values.for_each(|value| path.push(self.share_of(value)));
        path
    }
}

/// Mean, summed in index order.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_u64), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

impl Gate for Mean {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        if let Some(max) = self.max_per_year {
            let max = quantity(max, unit);
            return format!(
                "the mean of {metric} over {population}, times how often they happen, is at most {max} a year"
            );
        }
        let limits = limits_in_words(self.min, self.max, unit);
        format!("the mean of {metric} over {population} is {limits}")
    }

    /// Each limit is tested at level alpha, with missing values at the end of the range that is worse for it: passing
    /// needs every limit to be shown, failing one limit to be refuted (so with two limits a safe candidate may fail
    /// with probability up to 2 alpha).
    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        const METHOD: &str = "betting/1";
        let values = &sample.candidate;
        if let Some(reason) = unfit(values, "candidate") {
            return Judgement::error(METHOD, values.len(), reason);
        }
        let scale = Scale { lo: self.range.0, hi: self.range.1 };
        if let Some(index) = values.iter().position(|value| value.is_some_and(|v| !scale.holds(v))) {
            let value = values[index].unwrap_or_default();
            let reason = format!(
                "episode {index} has {}, outside the stated range [{}, {}], so no bound holds",
                number(value),
                number(scale.lo),
                number(scale.hi)
            );
            return Judgement::error(METHOD, values.len(), reason);
        }
        let (max, episodes) = (self.max_of(&sample.frame), self.episodes(&sample.frame));
        if max.is_none() && self.min.is_none() {
            return Judgement::error(
                METHOD,
                values.len(),
                "nobody says how often such an episode happens in a year",
            );
        }
        let filled = |worst: f64| values.iter().map(move |value| value.unwrap_or(worst));
        let missing = missing(values);
        let mut sides = Vec::new();
        let (mut lower, mut upper, mut estimate) = (None, None, None);
        if let Some(min) = self.min {
            let path = scale.path(filled(scale.lo), alpha);
            let m = scale.share_of(min);
            sides.push(decide(path.shown_above(m), path.shown_below(m)));
            (lower, upper) = (Some(path.lower()), Some(path.upper()));
            estimate = mean(filled(scale.lo));
        }
        if let Some(max) = max {
            let path = scale.path(filled(scale.hi), alpha);
            let m = scale.share_of(max);
            sides.push(decide(path.shown_below(m), path.shown_above(m)));
            // With both limits the interval holds whatever the missing values were.
            (lower, upper) = (lower.or_else(|| Some(path.lower())), Some(path.upper()));
            estimate = if self.min.is_some() {
                mean(values.iter().flatten().copied())
            } else {
                mean(filled(scale.hi))
            };
        }
        let all = |wanted| sides.iter().all(|(verdict, _)| *verdict == wanted);
        let failed = sides.iter().filter(|(verdict, _)| *verdict == Verdict::Fail);
        let (verdict, decided_at) = if let Some(n) = failed.filter_map(|side| side.1).min() {
            (Verdict::Fail, Some(n))
        } else if all(Verdict::Pass) {
            (Verdict::Pass, sides.iter().filter_map(|side| side.1).max())
        } else {
            (Verdict::Undecided, None)
        };
        let said_mean = estimate.map_or("no episode has a value".to_owned(), |m| {
            format!("the mean of {} episodes is {}", values.len(), number(m))
        });
        let mut reason = format!("{said_mean}{}", said(verdict, decided_at, "the limit"));
        if let (Some(per_year), Some(mean)) = (self.max_per_year.and(sample.frame.per_year), estimate) {
            let year = number(per_year * mean);
            reason.push_str(&format!("; {} times a year that makes {year} a year", number(per_year)));
        }
        reason.push_str(&said_missing(missing));
        let interval = interval(lower.unwrap_or(0.0), upper.unwrap_or(1.0));
        Judgement {
            verdict,
            reason,
            n: values.len() as u64,
            k: None,
            estimate: estimate.map(|mean| episodes * mean),
            interval: (
                interval.0.map(|m| episodes * scale.value_at(m)),
                interval.1.map(|m| episodes * scale.value_at(m)),
            ),
            method: METHOD,
            e_value: None,
            p_value: None,
            missing,
            decided_at,
        }
    }

    fn misfit(&self, frame: &Frame) -> Option<Misfit> {
        let (lo, hi) = self.range;
        let of_year = || {
            match (self.max_per_year, frame.per_year) {
            (None, _) => None,
            (Some(_), None) => Some(Misfit {
                problem: "`max_per_year` limits a year, and its population does not say how often its scenarios happen".into(),
                hint: "write `per_year = 0.2` into the population where they happen once in five years".into(),
            }),
            (Some(max), Some(per_year)) => (!(lo < max / per_year && max / per_year < hi)).then(|| Misfit {
                problem: format!(
                    "{} a year are {} for each of {} episodes, which is not inside the range [{}, {}]",
                    number(max),
                    number(max / per_year),
                    number(per_year),
                    number(lo),
                    number(hi)
                ),
                hint: "a limit at an end of the range is true or false without any episode".into(),
            }),
        }
        };
        infers(KIND.name, frame).or_else(of_year)
    }

    fn is_broken_by(&self, candidate: Option<f64>, _champion: Option<f64>) -> Option<bool> {
        let outside =
            |value: f64| self.max.is_some_and(|max| value > max) || self.min.is_some_and(|min| value < min);
        Some(candidate.is_none_or(outside))
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        let named = [
            ("max", self.max),
            ("min", self.min),
            ("max_per_year", self.max_per_year),
            ("range_lo", Some(self.range.0)),
            ("range_hi", Some(self.range.1)),
        ];
        named.into_iter().filter_map(|(key, limit)| Some((key.to_owned(), limit?))).collect()
    }

    fn badness(&self, candidate: f64, _champion: Option<f64>) -> Option<f64> {
        // Of a limit on a year every episode with harm is a part.
        badness_within(self.min, self.max.or(self.max_per_year.map(|_| 0.0)), candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::gate;
    use super::*;

    fn sample(n: u32, value: impl Fn(u32) -> f64) -> Sample {
        Sample { candidate: (0..n).map(|i| Some(value(i))).collect(), champion: None, ..Sample::default() }
    }

    /// The pattern of gates.md 3.4: 0,0,1,0,0,0,0,1,0,0 repeated, scaled to [0, 10].
    fn pattern(i: u32) -> f64 {
        if i % 10 == 2 || i % 10 == 7 { 10.0 } else { 0.0 }
    }

    #[test]
    fn the_limit_decides_where_the_specification_puts_the_bound() {
        let judge = |max: f64| {
            gate(&format!("kind = 'mean'\nmax = {max}\nrange = [0, 10]")).judge(&sample(300, pattern), 0.05)
        };
        let passed = judge(2.7347);
        assert_eq!((passed.verdict, passed.estimate), (Verdict::Pass, Some(2.0)));
        assert!(passed.interval.1.is_some_and(|upper| (upper - 2.7346).abs() < 5e-5));
        assert_eq!(judge(2.7345).verdict, Verdict::Undecided);
        assert_eq!(judge(0.5).verdict, Verdict::Fail);
        // Mirrored: 10 - x has the mirrored bound.
        let mirrored = sample(300, |i| 10.0 - pattern(i));
        let least =
            |min: f64| gate(&format!("kind = 'mean'\nmin = {min}\nrange = [0, 10]")).judge(&mirrored, 0.05);
        assert_eq!(least(7.2653).verdict, Verdict::Pass);
        assert_eq!(least(7.2655).verdict, Verdict::Undecided);
        let both = gate("kind = 'mean'\nmin = 1.0\nmax = 3.0\nrange = [0, 10]");
        assert_eq!(both.judge(&sample(2000, pattern), 0.05).verdict, Verdict::Pass);
    }

    #[test]
    fn values_outside_the_range_are_an_error_and_missing_ones_the_worst_end() {
        let gate = gate("kind = 'mean'\nmax = 0.5\nrange = [0, 1]");
        assert_eq!(gate.judge(&sample(500, |_| 1.5), 0.05).verdict, Verdict::Error);
        let silent = Sample { candidate: vec![None; 500], champion: None, ..Sample::default() };
        let judged = gate.judge(&silent, 0.05);
        assert_eq!((judged.verdict, judged.missing, judged.estimate), (Verdict::Fail, 500, Some(1.0)));
    }

    /// A mean of 2 MWh an episode is 0.4 MWh a year where it happens once in five years.
    #[test]
    fn a_limit_on_a_year_is_one_on_an_episode_divided_by_how_often() {
        let yearly = gate("kind = 'mean'\nmax_per_year = 0.6\nrange = [0, 10]");
        let often = |per_year| Frame { per_year, ..Frame::default() };
        let judge =
            |per_year| yearly.judge(&Sample { frame: often(per_year), ..sample(2000, pattern) }, 0.05);
        let single = gate("kind = 'mean'\nmax = 3\nrange = [0, 10]").judge(&sample(2000, pattern), 0.05);
        let judged = judge(Some(0.2));
        assert_eq!((judged.verdict, judged.decided_at), (Verdict::Pass, single.decided_at));
        let close =
            |a: Option<f64>, b: Option<f64>| a.zip(b).is_some_and(|(a, b)| (a - 0.2 * b).abs() < 1e-12);
        assert!(close(judged.estimate, single.estimate) && close(judged.interval.1, single.interval.1));
        assert!(judged.reason.contains("a year"), "{}", judged.reason);
        assert_eq!(judge(Some(1.0)).verdict, Verdict::Fail);
        assert_eq!(judge(None).verdict, Verdict::Error);
        assert!(yearly.misfit(&often(None)).is_some_and(|misfit| misfit.hint.contains("per_year")));
        assert!(yearly.misfit(&often(Some(0.2))).is_none());
        assert!(yearly.misfit(&often(Some(0.01))).is_some(), "sixty an episode are beyond the range");
    }
}
