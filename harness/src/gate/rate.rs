//! The share of episodes whose metric is beyond a threshold is at most so much.

use std::collections::BTreeMap;

use super::{Gate, GateKind, Judgement, Method, Parameter, Sample, Verdict};
use super::{badness_within, missing, percent, quantity, unfit};
use crate::fields::Fields;
use crate::statistic::{binomial, rate::RatePath};

pub(super) const KIND: GateKind = GateKind {
    name: "rate",
    summary: "the share of episodes with the metric beyond a threshold is at most `max`",
    parameters: &[
        Parameter { name: "over", summary: "an episode counts when its metric is above this (default 0)" },
        Parameter {
            name: "under",
            summary: "an episode counts when its metric is below this, instead of `over`",
        },
        Parameter { name: "max", summary: "largest share of episodes that may count, between 0 and 1" },
        Parameter {
            name: "new_only",
            summary: "an episode counts only where the champion's is not beyond the threshold (default false)",
        },
        Method::PARAMETER,
    ],
    parse,
};

/// Largest e-value that documents carry.
const E_MAX: f64 = 1e300;

/// Which side of a threshold counts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beyond {
    Over(f64),
    Under(f64),
}

#[derive(Clone, Debug)]
struct Rate {
    beyond: Beyond,
    max: f64,
    method: Method,
    new_only: bool,
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let over = fields.finite("over");
    let under = fields.finite("under");
    if fields.has("over") && fields.has("under") {
        fields.complain("contradiction", Some("under"), "`over` and `under` exclude each other");
    }
    let wanted =
        "above 0 and below 1 (for \"never\", say it of the episodes that were run: kind = \"value\")";
    let max = fields.number("max", wanted, |max| max > 0.0 && max < 1.0);
    let max = fields.need("max", max);
    let method = Method::parse(fields);
    let new_only = fields.flag("new_only");
    let new_only = fields.or("new_only", new_only, false);
    let beyond = under.map_or(Beyond::Over(over.unwrap_or(0.0)), Beyond::Under);
    Some(Box::new(Rate { beyond, max: max?, method: method?, new_only: new_only? }))
}

/// What a rate test found.
pub(super) struct RateFinding {
    pub(super) verdict: Verdict,
    pub(super) path: RatePath,
    pub(super) method: &'static str,
    pub(super) e_value: Option<f64>,
    pub(super) p_value: Option<f64>,
    pub(super) decided_at: Option<u64>,
}

impl RateFinding {
    /// Tests "the probability of an episode counting is at least `max`" and its opposite, in index order.
    pub(super) fn of(counts: impl IntoIterator<Item = bool>, max: f64, alpha: f64, method: Method) -> Self {
        let path: RatePath = counts.into_iter().collect();
        let (n, k) = (path.n(), path.k());
        match method {
            Method::Sequential => {
                let (below, above) = (path.shown_below(max, alpha), path.shown_above(max, alpha));
                let (verdict, decided_at) = decide(below, above);
                // Ville's inequality is about the moment of stopping; a later value could have fallen again.
                let stop = if verdict == Verdict::Pass { below.unwrap_or(n) } else { n };
                let ln_e = crate::statistic::rate::ln_e_against_high(max, stop, path.failures_before(stop));
                let e_value = Some(ln_e.exp().min(E_MAX));
                Self { verdict, path, method: "e-mixture/1", e_value, p_value: None, decided_at }
            }
            Method::Fixed => {
                let verdict = if binomial::upper(k, n, alpha) <= max {
                    Verdict::Pass
                } else if binomial::lower(k, n, alpha) > max {
                    Verdict::Fail
                } else {
                    Verdict::Undecided
                };
                Self {
                    verdict,
                    path,
                    method: "clopper-pearson/1",
                    e_value: None,
                    p_value: Some(binomial::at_most(k, n, max)),
                    decided_at: None,
                }
            }
        }
    }
}

/// Verdict from the first episodes at which "unsafe" and "safe" were rejected; failing wins where both were.
pub(super) fn decide(unsafe_rejected: Option<u64>, safe_rejected: Option<u64>) -> (Verdict, Option<u64>) {
    match (unsafe_rejected, safe_rejected) {
        (_, Some(n)) => (Verdict::Fail, Some(n)),
        (Some(n), None) => (Verdict::Pass, Some(n)),
        (None, None) => (Verdict::Undecided, None),
    }
}

/// An interval from two bounds; none where contradictory data let them cross.
pub(super) fn interval(lower: f64, upper: f64) -> (Option<f64>, Option<f64>) {
    if lower <= upper { (Some(lower), Some(upper)) } else { (None, None) }
}

impl Rate {
    fn counts(&self, value: Option<f64>) -> bool {
        value.is_none_or(|v| match self.beyond {
            Beyond::Over(threshold) => v > threshold,
            Beyond::Under(threshold) => v < threshold,
        })
    }

    /// The same beside the champion's value. One that the champion does not have excuses nothing.
    fn counts_beside(&self, own: Option<f64>, champion: Option<f64>) -> bool {
        self.counts(own) && !(self.new_only && champion.is_some() && self.counts(champion))
    }

    /// The champion's values, where they are needed.
    ///
    /// # Errors
    /// Why there are none, in words.
    fn champion<'a>(&self, sample: &'a Sample) -> Result<Option<&'a [Option<f64>]>, String> {
        self.new_only.then(|| sample.comparator()).transpose()
    }
}

impl Gate for Rate {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        let beyond = match self.beyond {
            Beyond::Over(threshold) => format!("above {}", quantity(threshold, unit)),
            Beyond::Under(threshold) => format!("below {}", quantity(threshold, unit)),
        };
        let new = if self.new_only { " where the champion has not" } else { "" };
        format!("at most {} of episodes of {population} have {metric} {beyond}{new}", percent(self.max))
    }

    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        let values = &sample.candidate;
        if let Some(reason) = unfit(values, "candidate") {
            return Judgement::error(KIND.name, values.len(), reason);
        }
        let champion = match self.champion(sample) {
            Ok(champion) => champion,
            Err(reason) => return Judgement::error(KIND.name, values.len(), reason),
        };
        let theirs = |index: usize| champion.and_then(|champion| champion[index]);
        let counted = values.iter().enumerate().map(|(index, own)| self.counts_beside(*own, theirs(index)));
        let found = RateFinding::of(counted, self.max, alpha, self.method);
        let (n, k) = (found.path.n(), found.path.k());
        let interval = match self.method {
            Method::Sequential => interval(found.path.lower(alpha), found.path.upper(alpha)),
            Method::Fixed => (Some(binomial::lower(k, n, alpha)), Some(binomial::upper(k, n, alpha))),
        };
        let missing = missing(values);
        let share = k as f64 / n as f64;
        let mut reason = format!(
            "{k} of {n} episodes are beyond the threshold{}, {}{}",
            if self.new_only { " where the champion is not" } else { "" },
            percent(share),
            said(found.verdict, found.decided_at, &format!("a rate of {}", percent(self.max)))
        );
        reason.push_str(&said_missing(missing));
        Judgement {
            verdict: found.verdict,
            reason,
            n,
            k: Some(k),
            estimate: Some(share),
            interval,
            method: found.method,
            e_value: found.e_value,
            p_value: found.p_value,
            missing,
            decided_at: found.decided_at,
        }
    }

    fn is_broken_by(&self, candidate: Option<f64>, champion: Option<f64>) -> Option<bool> {
        Some(self.counts_beside(candidate, champion))
    }

    fn needs_champion(&self) -> bool {
        self.new_only
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        let (key, value) = match self.beyond {
            Beyond::Over(threshold) => ("over", threshold),
            Beyond::Under(threshold) => ("under", threshold),
        };
        [(key.to_owned(), value), ("max".to_owned(), self.max)].into()
    }

    fn badness(&self, candidate: f64, champion: Option<f64>) -> Option<f64> {
        if self.new_only && champion.is_some() && self.counts(champion) {
            return None;
        }
        match self.beyond {
            Beyond::Over(threshold) => badness_within(None, Some(threshold), candidate),
            Beyond::Under(threshold) => badness_within(Some(threshold), None, candidate),
        }
    }

    fn anytime(&self) -> bool {
        self.method == Method::Sequential
    }
}

/// The verdict's part of a reason.
pub(super) fn said(verdict: Verdict, decided_at: Option<u64>, limit: &str) -> String {
    let when = decided_at.map_or(String::new(), |n| format!(" after {n} episodes"));
    match verdict {
        Verdict::Pass => format!(": shown to stay within {limit}{when}"),
        Verdict::Fail => format!(": shown to exceed {limit}{when}"),
        _ => format!(": too few episodes to tell which side of {limit} it is"),
    }
}

/// What a reason says of episodes without a value.
pub(super) fn said_missing(missing: u64) -> String {
    match missing {
        0 => String::new(),
        1 => "; 1 episode without a value counts against the candidate".to_owned(),
        _ => format!("; {missing} episodes without a value count against the candidate"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::gate;
    use super::*;
    use proptest::prelude::*;

    fn sample(values: impl IntoIterator<Item = Option<f64>>) -> Sample {
        Sample { candidate: values.into_iter().collect(), champion: None, ..Sample::default() }
    }

    /// The test is that of the new failures alone: the same numbers as a plain rate of as many failures.
    #[test]
    fn only_what_is_new_counts_and_a_missing_champion_excuses_nothing() {
        let new = gate("kind = 'rate'\nmax = 0.3\nnew_only = true\nmethod = 'fixed'");
        let plain = gate("kind = 'rate'\nmax = 0.3\nmethod = 'fixed'");
        let own = [Some(1.0), Some(1.0), Some(1.0), None, Some(0.0), Some(0.0)].repeat(5);
        let champion = [Some(1.0), Some(0.0), None, Some(0.0), Some(1.0), Some(0.0)].repeat(5);
        let paired = Sample { champion: Some(champion), ..sample(own.clone()) };
        let judged = new.judge(&paired, 0.05);
        let expected = [0.0, 1.0, 1.0, 1.0, 0.0, 0.0].repeat(5);
        let of_new = plain.judge(&sample(expected.into_iter().map(Some)), 0.05);
        assert_eq!((judged.k, judged.verdict, judged.interval), (of_new.k, of_new.verdict, of_new.interval));
        assert_eq!((judged.k, judged.missing), (Some(15), 5));
        assert!(new.needs_champion() && !plain.needs_champion());
        assert_eq!(new.judge(&sample(own), 0.05).verdict, Verdict::Error);
    }

    // gates.md 3.3: without a failure the mixture decides at 402 episodes, with two at 839; 3.2: the fixed test at 299.
    #[test]
    fn passing_takes_as_many_episodes_as_the_specification_says() {
        let sequential = gate("kind = 'rate'\nmax = 0.01");
        let clean = |n| sample((0..n).map(|_| Some(0.0)));
        assert_eq!(sequential.judge(&clean(401), 0.05).verdict, Verdict::Undecided);
        let passed = sequential.judge(&clean(1000), 0.05);
        assert_eq!((passed.verdict, passed.decided_at, passed.k), (Verdict::Pass, Some(402), Some(0)));
        assert!(passed.e_value.is_some_and(|e| (20.0..21.0).contains(&e)));
        assert!(passed.interval.1.is_some_and(|upper| upper < 0.01));
        let twice = sample((0..900).map(|i| Some(if i == 5 || i == 400 { 1.0 } else { 0.0 })));
        assert_eq!(sequential.judge(&twice, 0.05).decided_at, Some(839));

        let fixed = gate("kind = 'rate'\nmax = 0.01\nmethod = 'fixed'");
        assert_eq!(fixed.judge(&clean(298), 0.05).verdict, Verdict::Undecided);
        assert_eq!(fixed.judge(&clean(299), 0.05).verdict, Verdict::Pass);
    }

    #[test]
    fn an_episode_without_a_value_is_beyond_any_threshold() {
        let judged = gate("kind = 'rate'\nover = 1e9\nmax = 0.2").judge(&sample(vec![None; 40]), 0.05);
        assert_eq!((judged.verdict, judged.k, judged.missing), (Verdict::Fail, Some(40), 40));
        let under = gate("kind = 'rate'\nunder = 0.9\nmax = 0.2");
        assert_eq!(under.judge(&sample([Some(0.8), Some(0.9), None]), 0.05).k, Some(2));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_failure_more_never_turns_fail_into_anything_else(
            values in proptest::collection::vec(proptest::bool::weighted(0.3), 1..300), at in 0_usize..300,
            method in prop_oneof![Just("sequential"), Just("fixed")], missing in any::<bool>(), append in any::<bool>(),
        ) {
            let gate = gate(&format!("kind = 'rate'\nmax = 0.2\nmethod = '{method}'"));
            let mut values: Vec<_> = values.into_iter().map(|bad| Some(f64::from(u8::from(bad)))).collect();
            let before = gate.judge(&sample(values.clone()), 0.05).verdict;
            let failure = if missing { None } else { Some(1.0) };
            let at = at % values.len();
            if append { values.push(failure) } else { values[at] = failure }
            let after = gate.judge(&sample(values), 0.05).verdict;
            prop_assert!(before != Verdict::Fail || after == Verdict::Fail);
            prop_assert!(before == Verdict::Pass || after != Verdict::Pass);
        }

        #[test]
        fn the_interval_agrees_with_the_verdict(
            values in proptest::collection::vec(proptest::bool::weighted(0.1), 1..400), max in 0.02..0.4_f64,
            method in prop_oneof![Just("sequential"), Just("fixed")],
        ) {
            let gate = gate(&format!("kind = 'rate'\nmax = {max}\nmethod = '{method}'"));
            let judged = gate.judge(&sample(values.into_iter().map(|bad| Some(f64::from(u8::from(bad))))), 0.05);
            if let (Some(lower), Some(upper)) = judged.interval {
                prop_assert!(lower <= upper);
                prop_assert_eq!(judged.verdict == Verdict::Pass, upper <= max);
                prop_assert_eq!(judged.verdict == Verdict::Fail, lower > max);
            }
        }
    }
}
