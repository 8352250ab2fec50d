//! The candidate's mean differs from the champion's by no more than a margin to either side, on the same scenarios.

use std::collections::BTreeMap;

use super::mean::mean;
use super::noninferiority::{Better, Comparison, Margin, Pairs, RANGE};
use super::rate::{interval, said_missing};
use super::{Gate, GateKind, Judgement, Parameter, Sample, Verdict, number};
use crate::fields::Fields;

pub(super) const KIND: GateKind = GateKind {
    name: "equivalence",
    summary: "the candidate's mean is neither above nor below the champion's by more than a margin, on the same scenarios",
    parameters: &[
        Parameter { name: "margin_abs", summary: "largest difference of the means, in the metric's unit" },
        Parameter {
            name: "margin_rel",
            summary: "largest difference as a share of the champion's mean, instead of `margin_abs`",
        },
        RANGE,
    ],
    parse,
};

/// Two one-sided claims: not above by more than the margin, and not below.
#[derive(Clone, Debug)]
struct Equivalence {
    above: Comparison,
    below: Comparison,
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let margin = Margin::read(fields, None);
    let above = Comparison::read(fields, margin, false)?;
    if above.margin.threshold().1 == 0.0 {
        let message = "no two means are equal to the last digit: without a margin no candidate could pass";
        fields.complain(
            "range",
            Some(if fields.has("margin_abs") { "margin_abs" } else { "margin_rel" }),
            message,
        );
        return None;
    }
    let below = Comparison { better: Better::Higher, ..above };
    Some(Box::new(Equivalence { above, below }))
}

impl Gate for Equivalence {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        let margin = self.above.margin.in_words(unit);
        format!(
            "on the same scenarios of {population} the candidate's mean {metric} is within {margin} of the champion's, above or below"
        )
    }

    /// Two one-sided tests, each at level alpha: passing needs both, so it is wrong with probability at most alpha
    /// (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15; an intersection-union test). One of them
    /// refuted fails. A missing value is at the end of the range that is worse for the test. Estimate and interval are of
    /// the difference of the means, candidate less champion.
    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        const METHOD: &str = "tost-betting/1";
        let pairs = match Pairs::of(sample, self.above.range) {
            Ok(pairs) => pairs,
            Err(reason) => return Judgement::error(METHOD, sample.candidate.len(), reason),
        };
        let (_, not_above, above) = self.above.tested(&pairs, alpha);
        let (_, not_below, below) = self.below.tested(&pairs, alpha);
        let refuted = [above, below].into_iter().flatten().min();
        let (verdict, decided_at, shown) = match (refuted, not_above.zip(not_below)) {
            (Some(n), _) => (Verdict::Fail, Some(n), "shown to differ by more than the margin"),
            (None, Some((a, b))) => (Verdict::Pass, Some(a.max(b)), "shown to be within the margin"),
            (None, None) => {
                (Verdict::Undecided, None, "too few episodes to tell whether it is within the margin")
            }
        };
        let difference = Comparison { margin: Margin::Absolute(0.0), ..self.above };
        let estimate = mean(pairs.filled(&difference).map(|(a, b)| a - b));
        let when = decided_at.map_or(String::new(), |n| format!(" after {n} episodes"));
        let mut reason = format!(
            "the means differ by {} over {} scenarios: {shown}{when}",
            number(estimate.unwrap_or_default()),
            pairs.len()
        );
        reason.push_str(&said_missing(pairs.missing));
        // Each end with missing values where they are worse for it.
        let scale = difference.losses();
        let upper = scale.path(pairs.filled(&difference).map(|(a, b)| a - b), alpha).upper();
        let lowered = Comparison { better: Better::Higher, ..difference };
        let lower = scale.path(pairs.filled(&lowered).map(|(a, b)| a - b), alpha).lower();
        let (lower, upper) = interval(lower, upper);
        Judgement {
            verdict,
            reason,
            n: pairs.len() as u64,
            k: None,
            estimate,
            interval: (lower.map(|m| scale.value_at(m)), upper.map(|m| scale.value_at(m))),
            method: METHOD,
            e_value: None,
            p_value: None,
            missing: pairs.missing,
            decided_at,
        }
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        self.above.threshold()
    }

    /// How far apart the two are.
    fn badness(&self, candidate: f64, champion: Option<f64>) -> Option<f64> {
        champion.map(|champion| (candidate - champion).abs()).filter(|apart| *apart > 0.0)
    }

    fn needs_champion(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::gate;
    use super::*;

    fn pairs(n: usize, ours: impl Fn(usize) -> f64, theirs: impl Fn(usize) -> f64) -> Sample {
        Sample {
            candidate: (0..n).map(|i| Some(ours(i))).collect(),
            champion: Some((0..n).map(|i| Some(theirs(i))).collect()),
            ..Sample::default()
        }
    }

    #[test]
    fn better_is_as_different_as_worse() {
        let wave = |i: usize| (i % 10) as f64 / 20.0;
        for text in ["margin_abs = 0.05", "margin_rel = 0.2"] {
            let gate = gate(&format!("kind = 'equivalence'\n{text}"));
            let shifted = |by: f64| gate.judge(&pairs(5000, |i| wave(i) + 0.3 + by, |i| wave(i) + 0.3), 0.05);
            for (by, verdict) in [
                (0.0, Verdict::Pass),
                (0.01, Verdict::Pass),
                (-0.01, Verdict::Pass),
                (0.2, Verdict::Fail),
                (-0.2, Verdict::Fail),
            ] {
                let judged = shifted(by);
                assert_eq!(judged.verdict, verdict, "{text} {by}: {judged:?}");
                assert!((judged.estimate.unwrap_or(9.0) - by).abs() < 1e-12);
                let (lower, upper) = judged.interval;
                assert!(lower.is_some_and(|lower| lower <= by) && upper.is_some_and(|upper| by <= upper));
            }
        }
        let few = gate("kind = 'equivalence'\nmargin_abs = 0.05").judge(&pairs(10, wave, wave), 0.05);
        assert_eq!(few.verdict, Verdict::Undecided);
    }

    #[test]
    fn the_interval_agrees_with_the_verdict() {
        let gate = gate("kind = 'equivalence'\nmargin_abs = 0.05");
        for n in [50, 200, 800, 3200] {
            for by in [0, 1, 2] {
                let judged = gate.judge(
                    &pairs(n, |i| f64::from(u8::from(i % 9 < by)), |i| f64::from(u8::from(i % 9 == 4))),
                    0.05,
                );
                let (lower, upper) = judged.interval;
                let inside = lower.is_some_and(|l| l > -0.05) && upper.is_some_and(|u| u < 0.05);
                assert_eq!(judged.verdict == Verdict::Pass, inside, "{n} {by}: {judged:?}");
            }
        }
    }

    #[test]
    fn a_candidate_without_values_differs_both_ways() {
        let gate = gate("kind = 'equivalence'\nmargin_abs = 0.4");
        let silent =
            Sample { candidate: vec![None; 500], champion: Some(vec![Some(0.5); 500]), ..Sample::default() };
        let judged = gate.judge(&silent, 0.05);
        assert_eq!((judged.verdict, judged.missing), (Verdict::Fail, 500));
    }
}
