//! The candidate is on average better than the champion, by more than a margin, on the same scenarios.

use std::collections::BTreeMap;

use super::mean::mean;
use super::noninferiority::{BETTER, Better, Comparison, Margin, Pairs, RANGE, mcnemar_in_words};
use super::rate::said_missing;
use super::{Gate, GateKind, Judgement, Method, Parameter, Sample, Verdict};
use crate::fields::Fields;
use crate::statistic::binomial::mcnemar;

pub(super) const KIND: GateKind = GateKind {
    name: "superiority",
    summary: "the candidate's mean is better than the champion's, by more than a margin where there is one, on the same scenarios",
    parameters: &[
        Parameter {
            name: "margin_abs",
            summary: "least gain of the mean, in the metric's unit (default 0: any gain)",
        },
        Parameter {
            name: "margin_rel",
            summary: "least gain as a share of the champion's mean, instead of `margin_abs`",
        },
        RANGE,
        BETTER,
        Parameter {
            name: "method",
            summary: "\"sequential\" (default) or \"fixed\" (exact McNemar test, for metrics that are 0 or 1 and without a margin)",
        },
    ],
    parse,
};

#[derive(Clone, Debug)]
struct Superiority {
    /// With a margin that is not positive: how much worse the candidate may be.
    comparison: Comparison,
    method: Method,
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let margin = Margin::read(fields, Some(Margin::Absolute(0.0)));
    let method = Method::parse(fields);
    let comparison = Comparison::read(fields, margin.map(Margin::negated), true);
    let (comparison, method) = (comparison?, method?);
    if method == Method::Fixed && comparison.margin.threshold().1 != 0.0 {
        let message = "the exact test of McNemar knows no margin: it asks who is worse more often";
        fields.complain_with(
            "contradiction",
            Some("method"),
            message,
            Some("leave the margin out, or use method = \"sequential\"".to_owned()),
        );
        return None;
    }
    Some(Box::new(Superiority { comparison, method }))
}

impl Superiority {
    /// "Both are worse equally often" against either side, by the episodes in which exactly one of them is.
    fn judge_fixed(&self, sample: &Sample, alpha: f64) -> Judgement {
        const METHOD: &str = "mcnemar/1";
        let error = |reason: String| Judgement::error(METHOD, sample.candidate.len(), reason);
        let pairs = match Pairs::of(sample, self.comparison.range) {
            Ok(pairs) => pairs,
            Err(reason) => return error(reason),
        };
        let Some((candidate, champion)) = pairs.alone(&self.comparison) else {
            return error(
                "the exact test of McNemar is about values of 0 and 1, and there are others".to_owned(),
            );
        };
        let better = mcnemar(candidate, champion);
        let (verdict, shown) = if better <= alpha {
            (Verdict::Pass, "shown to be better")
        } else if mcnemar(champion, candidate) <= alpha {
            (Verdict::Fail, "shown to be worse")
        } else {
            (Verdict::Undecided, "too few episodes in which they differ to tell which is better")
        };
        let mut reason = format!("{}: {shown}", self.comparison.difference_in_words(&pairs));
        reason.push_str(&mcnemar_in_words(candidate, champion));
        reason.push_str(&said_missing(pairs.missing));
        let loss = pairs.filled(&self.comparison).map(|(a, b)| self.comparison.loss(a, b));
        Judgement {
            verdict,
            reason,
            n: pairs.len() as u64,
            k: None,
            estimate: mean(loss),
            interval: (None, None),
            method: METHOD,
            e_value: None,
            p_value: Some(better),
            missing: pairs.missing,
            decided_at: None,
        }
    }
}

impl Gate for Superiority {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        let direction = if self.comparison.better == Better::Lower { "below" } else { "above" };
        let margin = match self.comparison.margin.threshold().1 {
            0.0 => String::new(),
            _ => format!("more than {} ", self.comparison.margin.in_words(unit)),
        };
        format!(
            "on the same scenarios of {population} the candidate's mean {metric} is {margin}{direction} the champion's"
        )
    }

    /// Estimate and interval are of the mean loss, as for noninferiority: negative where the candidate is better. A
    /// candidate that is exactly as good is one that the claim does not hold for.
    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        match self.method {
            Method::Sequential => self.comparison.judge(sample, alpha),
            Method::Fixed => self.judge_fixed(sample, alpha),
        }
    }

    /// A mean is better although not every episode is: one in which the candidate is worse speaks against it.
    fn is_broken_by(&self, candidate: Option<f64>, champion: Option<f64>) -> Option<bool> {
        let champion = champion?;
        Some(candidate.is_none_or(|candidate| self.comparison.worse_by(candidate, champion) > 0.0))
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        self.comparison.threshold()
    }

    fn badness(&self, candidate: f64, champion: Option<f64>) -> Option<f64> {
        champion.map(|champion| self.comparison.worse_by(candidate, champion)).filter(|worse| *worse > 0.0)
    }

    fn needs_champion(&self) -> bool {
        true
    }

    fn anytime(&self) -> bool {
        self.method == Method::Sequential
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::gate;
    use super::*;

    fn pairs(n: usize, ours: impl Fn(usize) -> bool, theirs: impl Fn(usize) -> bool) -> Sample {
        let happens = |yes: bool| Some(f64::from(u8::from(yes)));
        Sample {
            candidate: (0..n).map(|i| happens(ours(i))).collect(),
            champion: Some((0..n).map(|i| happens(theirs(i))).collect()),
            ..Sample::default()
        }
    }

    // gates.md 3.4: b = 3, c = 12, one-sided 0.017578125.
    #[test]
    fn the_exact_test_decides_where_the_specification_puts_its_p_value() {
        let gate = gate("kind = 'superiority'\nmethod = 'fixed'");
        let better = pairs(40, |i| i < 3, |i| (3..15).contains(&i));
        let judged = gate.judge(&better, 0.0176);
        assert_eq!((judged.verdict, judged.method), (Verdict::Pass, "mcnemar/1"));
        assert!(judged.p_value.is_some_and(|p| (p - 0.017578125).abs() < 1e-14));
        assert_eq!(gate.judge(&better, 0.0175).verdict, Verdict::Undecided);
        let worse = pairs(40, |i| (3..15).contains(&i), |i| i < 3);
        assert_eq!(gate.judge(&worse, 0.0176).verdict, Verdict::Fail);
        assert_eq!(gate.judge(&worse, 0.0175).verdict, Verdict::Undecided);
        assert!(!gate.anytime());
    }

    #[test]
    fn an_equal_candidate_is_not_better() {
        let sequential = gate("kind = 'superiority'");
        let equal = pairs(4000, |i| i % 9 == 0, |i| i % 9 == 0);
        assert_eq!(sequential.judge(&equal, 0.05).verdict, Verdict::Undecided);
        let better = pairs(4000, |i| i % 90 == 0, |i| i % 9 == 0);
        assert_eq!(sequential.judge(&better, 0.05).verdict, Verdict::Pass);
        let worse = pairs(4000, |i| i % 9 == 0, |i| i % 90 == 0);
        assert_eq!(sequential.judge(&worse, 0.05).verdict, Verdict::Fail);
        // A tenth of the champion's failures is a gain of 90 %, and of 0.1 in the mean.
        let share = |margin: &str| gate(&format!("kind = 'superiority'\n{margin}"));
        assert_eq!(share("margin_rel = 0.5").judge(&better, 0.05).verdict, Verdict::Pass);
        assert_eq!(share("margin_rel = 0.99").judge(&better, 0.05).verdict, Verdict::Fail);
        assert_eq!(share("margin_abs = 0.05").judge(&better, 0.05).verdict, Verdict::Pass);
        assert_eq!(share("margin_abs = 0.2").judge(&better, 0.05).verdict, Verdict::Fail);
        let higher = share("better = 'higher'");
        assert_eq!(higher.judge(&better, 0.05).verdict, Verdict::Fail);
    }

    #[test]
    fn the_exact_test_is_about_what_happens_or_not() {
        let gate = gate("kind = 'superiority'\nmethod = 'fixed'");
        let halves = Sample {
            candidate: vec![Some(0.5); 40],
            champion: Some(vec![Some(1.0); 40]),
            ..Sample::default()
        };
        assert_eq!(gate.judge(&halves, 0.05).verdict, Verdict::Error);
        // Without a value is as bad as can be.
        let silent =
            Sample { candidate: vec![None; 40], champion: Some(vec![Some(0.0); 40]), ..Sample::default() };
        assert_eq!(gate.judge(&silent, 0.05).verdict, Verdict::Fail);
    }
}
