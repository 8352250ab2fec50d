//! The candidate is on average not worse than the champion by more than a margin, on the same scenarios.

use std::collections::BTreeMap;

use super::mean::{Scale, mean};
use super::rate::{decide, interval, said, said_missing};
use super::{Gate, GateKind, Judgement, Parameter, Sample};
use super::{missing, number, percent, quantity, unfit};
use crate::fields::Fields;
use crate::statistic::binomial::mcnemar;

pub(super) const KIND: GateKind = GateKind {
    name: "noninferiority",
    summary: "the candidate's mean is not worse than the champion's by more than a margin, episode by episode on the same scenarios",
    parameters: &[
        Parameter { name: "margin_abs", summary: "largest loss of the mean, in the metric's unit" },
        Parameter {
            name: "margin_rel",
            summary: "largest loss as a share of the champion's mean, instead of `margin_abs`",
        },
        Parameter {
            name: "range",
            summary: "[lowest, highest] value that an episode can have (default [0, 1], for shares and for what happens or not)",
        },
        Parameter { name: "better", summary: "\"lower\" (default) or \"higher\" values are better" },
    ],
    parse,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Margin {
    Absolute(f64),
    Relative(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Better {
    Lower,
    Higher,
}

#[derive(Clone, Debug)]
struct Noninferiority {
    margin: Margin,
    range: Scale,
    better: Better,
}

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let absolute = fields.number("margin_abs", "at least 0", |margin| margin >= 0.0);
    let relative =
        fields.number("margin_rel", "at least 0 and below 1", |margin| (0.0..1.0).contains(&margin));
    let better = fields.choice("better", &[("lower", Better::Lower), ("higher", Better::Higher)]);
    let better = fields.or("better", better, Better::Lower);
    let range = fields.range("range");
    let (lo, hi) = fields.or("range", range, (0.0, 1.0))?;
    let margin = match (fields.has("margin_abs"), fields.has("margin_rel")) {
        (true, true) => {
            fields.complain(
                "contradiction",
                Some("margin_rel"),
                "`margin_abs` and `margin_rel` exclude each other",
            );
            return None;
        }
        (false, false) => {
            fields.complain("missing", None, "`margin_abs` or `margin_rel` is missing");
            return None;
        }
        (true, false) => Margin::Absolute(absolute?),
        (false, true) => Margin::Relative(relative?),
    };
    if matches!(margin, Margin::Relative(_)) && lo < 0.0 {
        let message = "a share of the champion's mean has no meaning where the range reaches below 0";
        fields.complain_with("range", Some("margin_rel"), message, Some("use `margin_abs`".to_owned()));
        return None;
    }
    let gate = Noninferiority { margin, range: Scale { lo, hi }, better: better? };
    if gate.limit() >= gate.losses().hi {
        fields.complain("range", Some("range"), "the margin is so large that no candidate could fail");
        return None;
    }
    Some(Box::new(gate))
}

impl Noninferiority {
    /// What is bounded, in one episode: how much worse the candidate is, less the relative margin where there is one.
    ///
    /// "mean d <= r mean c" is tested as "mean (d - r c) <= 0", so that the champion's mean is not treated as known.
    fn loss(&self, candidate: f64, champion: f64) -> f64 {
        let share = match self.margin {
            Margin::Absolute(_) => 0.0,
            Margin::Relative(share) => share,
        };
        match self.better {
            Better::Lower => candidate - (1.0 + share) * champion,
            Better::Higher => (1.0 - share) * champion - candidate,
        }
    }

    /// Range of [`Self::loss`].
    fn losses(&self) -> Scale {
        let Scale { lo, hi } = self.range;
        match self.better {
            Better::Lower => Scale { lo: self.loss(lo, hi), hi: self.loss(hi, lo) },
            Better::Higher => Scale { lo: self.loss(hi, lo), hi: self.loss(lo, hi) },
        }
    }

    /// Limit of the mean of [`Self::loss`].
    fn limit(&self) -> f64 {
        match self.margin {
            Margin::Absolute(margin) => margin,
            Margin::Relative(_) => 0.0,
        }
    }

    /// Exact McNemar test in words, where every value is 0 or 1.
    fn mcnemar(&self, pairs: &[(f64, f64)]) -> Option<String> {
        if !pairs.iter().all(|&(a, b)| [a, b].iter().all(|&v| v == 0.0 || v == 1.0)) {
            return None;
        }
        let alone = |worse: f64, wanted: (f64, f64)| {
            let bad = |v: f64| if v == worse { 1.0 } else { 0.0 };
            pairs.iter().filter(|&&(a, b)| (bad(a), bad(b)) == wanted).count() as u64
        };
        let worse = if self.better == Better::Lower { 1.0 } else { 0.0 };
        let (candidate, champion) = (alone(worse, (1.0, 0.0)), alone(worse, (0.0, 1.0)));
        let p = (2.0 * mcnemar(candidate, champion).min(mcnemar(champion, candidate))).min(1.0);
        Some(format!(
            "; the candidate alone is worse in {candidate} episodes, the champion alone in {champion} (exact McNemar, \
             two-sided p = {})",
            number(p)
        ))
    }
}

impl Gate for Noninferiority {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        let direction = if self.better == Better::Lower { "above" } else { "below" };
        let margin = match self.margin {
            Margin::Absolute(margin) => quantity(margin, unit),
            Margin::Relative(share) => percent(share),
        };
        format!(
            "on the same scenarios of {population} the candidate's mean {metric} is at most {margin} {direction} the champion's"
        )
    }

    /// Estimate and interval are of the mean loss: how much worse the candidate is, in the metric's unit, less the
    /// allowed share of the champion's value where the margin is relative.
    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        const METHOD: &str = "paired-betting/1";
        let error = |reason: String| Judgement::error(METHOD, sample.candidate.len(), reason);
        let Some(champion) = &sample.champion else {
            return error("there is no champion to compare with".to_owned());
        };
        if let Some(reason) = unfit(&sample.candidate, "candidate").or_else(|| unfit(champion, "champion")) {
            return error(reason);
        }
        if champion.len() != sample.candidate.len() {
            let (ours, theirs) = (sample.candidate.len(), champion.len());
            return error(format!("the candidate has {ours} episodes and the champion {theirs}"));
        }
        let worst = if self.better == Better::Lower { self.range.hi } else { self.range.lo };
        let mut pairs = Vec::with_capacity(champion.len());
        for (index, (ours, theirs)) in sample.candidate.iter().zip(champion).enumerate() {
            let Some(theirs) = *theirs else {
                return error(format!(
                    "the champion has no value in episode {index}, so there is nothing to compare with"
                ));
            };
            let pair = (ours.unwrap_or(worst), theirs);
            if let Some(outside) = [pair.0, pair.1].into_iter().find(|&v| !self.range.holds(v)) {
                return error(format!(
                    "episode {index} has {}, outside the range [{}, {}], so no bound holds; state `range`",
                    number(outside),
                    number(self.range.lo),
                    number(self.range.hi)
                ));
            }
            pairs.push(pair);
        }
        let scale = self.losses();
        let path = scale.path(pairs.iter().map(|&(a, b)| self.loss(a, b)), alpha);
        let limit = scale.share_of(self.limit());
        let (verdict, decided_at) = decide(path.shown_below(limit), path.shown_above(limit));
        let missing = missing(&sample.candidate);
        let estimate = mean(pairs.iter().map(|&(a, b)| self.loss(a, b)));
        let worse =
            mean(pairs.iter().map(|&(a, b)| if self.better == Better::Lower { a - b } else { b - a }))
                .unwrap_or_default();
        let word = if worse < 0.0 { "better" } else { "worse" };
        let mut reason = format!(
            "the candidate is {word} by {} on average over {} scenarios{}",
            number(worse.abs()),
            pairs.len(),
            said(verdict, decided_at, "the margin")
        );
        if let Margin::Relative(share) = self.margin {
            let allowed = percent(share);
            reason.push_str(&format!(
                "; the estimate is that less {allowed} of the champion's: below 0 is within the margin"
            ));
        }
        reason.push_str(&self.mcnemar(&pairs).unwrap_or_default());
        reason.push_str(&said_missing(missing));
        let (lower, upper) = interval(path.lower(), path.upper());
        Judgement {
            verdict,
            reason,
            n: pairs.len() as u64,
            k: None,
            estimate,
            interval: (lower.map(|m| scale.value_at(m)), upper.map(|m| scale.value_at(m))),
            method: METHOD,
            e_value: None,
            missing,
            decided_at,
        }
    }

    fn is_broken_by(&self, candidate: Option<f64>, champion: Option<f64>) -> Option<bool> {
        let champion = champion?;
        Some(candidate.is_none_or(|candidate| self.loss(candidate, champion) > self.limit()))
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        let (key, margin) = match self.margin {
            Margin::Absolute(margin) => ("margin_abs", margin),
            Margin::Relative(share) => ("margin_rel", share),
        };
        let named = [(key, margin), ("range_lo", self.range.lo), ("range_hi", self.range.hi)];
        named.into_iter().map(|(key, number)| (key.to_owned(), number)).collect()
    }

    fn needs_champion(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, tests::gate};
    use super::*;

    fn pairs(n: usize, ours: impl Fn(usize) -> f64, theirs: impl Fn(usize) -> f64) -> Sample {
        Sample {
            candidate: (0..n).map(|i| Some(ours(i))).collect(),
            champion: Some((0..n).map(|i| Some(theirs(i))).collect()),
        }
    }

    fn happens(yes: bool) -> f64 {
        f64::from(u8::from(yes))
    }

    #[test]
    fn an_equal_candidate_passes_and_a_worse_one_fails() {
        let gate = gate("kind = 'noninferiority'\nmargin_abs = 0.05");
        let equal = gate.judge(&pairs(2000, |i| happens(i % 9 == 0), |i| happens(i % 9 == 0)), 0.05);
        assert_eq!((equal.verdict, equal.estimate), (Verdict::Pass, Some(0.0)));
        let worse = gate.judge(&pairs(2000, |i| happens(i % 2 == 0), |i| happens(i % 9 == 0)), 0.05);
        assert_eq!(worse.verdict, Verdict::Fail);
        let few = gate.judge(&pairs(5, |_| 0.0, |_| 0.0), 0.05);
        assert_eq!(few.verdict, Verdict::Undecided);
    }

    // gates.md 3.4: 3 against 12 discordant pairs have the two-sided p-value 0.03515625.
    #[test]
    fn binary_outcomes_come_with_mcnemar() {
        let gate = gate("kind = 'noninferiority'\nmargin_abs = 0.05");
        let judged = gate.judge(&pairs(40, |i| happens(i < 3), |i| happens((3..15).contains(&i))), 0.05);
        assert!(
            judged.reason.contains("0.0351562") || judged.reason.contains("0.0351563"),
            "{}",
            judged.reason
        );
    }

    #[test]
    fn a_relative_margin_is_a_share_of_the_champion() {
        let text = "kind = 'noninferiority'\nmargin_rel = 0.1\nrange = [0, 10]";
        // 5 % worse is within 10 %, 30 % is not.
        let slightly = gate(text).judge(&pairs(20_000, |_| 8.4, |_| 8.0), 0.05);
        assert_eq!(slightly.verdict, Verdict::Pass, "{slightly:?}");
        let clearly = gate(text).judge(&pairs(20_000, |_| 9.9, |_| 7.5), 0.05);
        assert_eq!(clearly.verdict, Verdict::Fail, "{clearly:?}");
        let higher = gate(&format!("{text}\nbetter = 'higher'"));
        assert_eq!(higher.judge(&pairs(20_000, |_| 9.5, |_| 9.0), 0.05).verdict, Verdict::Pass);
        assert_eq!(higher.judge(&pairs(20_000, |_| 6.0, |_| 9.0), 0.05).verdict, Verdict::Fail);
    }

    #[test]
    fn without_a_champion_or_outside_the_range_there_is_no_verdict() {
        let gate = gate("kind = 'noninferiority'\nmargin_abs = 0.05");
        let alone = Sample { candidate: vec![Some(0.0)], champion: None };
        let gap = Sample { candidate: vec![Some(0.0)], champion: Some(vec![None]) };
        let short = Sample { candidate: vec![Some(0.0); 2], champion: Some(vec![Some(0.0)]) };
        let wide = Sample { candidate: vec![Some(3.0)], champion: Some(vec![Some(0.0)]) };
        for sample in [alone, gap, short, wide] {
            assert_eq!(gate.judge(&sample, 0.05).verdict, Verdict::Error);
        }
        // A candidate without a value is as bad as can be.
        let silent = Sample { candidate: vec![None; 500], champion: Some(vec![Some(0.0); 500]) };
        let judged = gate.judge(&silent, 0.05);
        assert_eq!((judged.verdict, judged.missing, judged.estimate), (Verdict::Fail, 500, Some(1.0)));
    }
}
