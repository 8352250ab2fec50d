//! The candidate is on average not worse than the champion by more than a margin, on the same scenarios; and what the kinds
//! that compare have in common.

use std::collections::BTreeMap;

use super::mean::{Scale, mean};
use super::rate::{decide, interval, said, said_missing};
use super::{Gate, GateKind, Judgement, Parameter, Sample};
use super::{missing, number, percent, quantity, unfit};
use crate::fields::Fields;
use crate::statistic::betting::BettingPath;
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
        RANGE,
        BETTER,
    ],
    parse,
};

pub(super) const RANGE: Parameter = Parameter {
    name: "range",
    summary: "[lowest, highest] value that an episode can have (default [0, 1], for shares and for what happens or not)",
};
pub(super) const BETTER: Parameter =
    Parameter { name: "better", summary: "\"lower\" (default) or \"higher\" values are better" };

/// How much the means may differ, or must. Negative where the candidate has to be better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Margin {
    Absolute(f64),
    Relative(f64),
}

impl Margin {
    /// Reads `margin_abs` or `margin_rel`, one of which is needed unless there is a default.
    pub(super) fn read(fields: &mut Fields<'_>, default: Option<Self>) -> Option<Self> {
        let absolute = fields.number("margin_abs", "at least 0", |margin| margin >= 0.0);
        let relative =
            fields.number("margin_rel", "at least 0 and below 1", |margin| (0.0..1.0).contains(&margin));
        match (fields.has("margin_abs"), fields.has("margin_rel")) {
            (true, true) => {
                let message = "`margin_abs` and `margin_rel` exclude each other";
                fields.complain("contradiction", Some("margin_rel"), message);
                None
            }
            (false, false) => {
                if default.is_none() {
                    fields.complain("missing", None, "`margin_abs` or `margin_rel` is missing");
                }
                default
            }
            (true, false) => Some(Self::Absolute(absolute?)),
            (false, true) => Some(Self::Relative(relative?)),
        }
    }

    /// By how much the candidate has to be better, where this is by how much it may be worse.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Absolute(margin) => Self::Absolute(-margin),
            Self::Relative(share) => Self::Relative(-share),
        }
    }

    /// Without its sign, for people.
    pub(super) fn in_words(self, unit: &str) -> String {
        match self {
            Self::Absolute(margin) => quantity(margin.abs(), unit),
            Self::Relative(share) => percent(share.abs()),
        }
    }

    /// Without its sign, with its key in the suite.
    pub(super) fn threshold(self) -> (String, f64) {
        match self {
            Self::Absolute(margin) => ("margin_abs".to_owned(), margin.abs()),
            Self::Relative(share) => ("margin_rel".to_owned(), share.abs()),
        }
    }
}

/// Which values are better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Better {
    Lower,
    Higher,
}

/// The claim that the candidate's mean is at most a margin worse than the champion's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) margin: Margin,
    pub(super) range: Scale,
    pub(super) better: Better,
}

impl Comparison {
    /// Reads `range` and `better` to a margin that is read already.
    pub(super) fn read(fields: &mut Fields<'_>, margin: Option<Margin>, has_better: bool) -> Option<Self> {
        let better = if has_better {
            let better = fields.choice("better", &[("lower", Better::Lower), ("higher", Better::Higher)]);
            fields.or("better", better, Better::Lower)
        } else {
            Some(Better::Lower)
        };
        let range = fields.range("range");
        let (lo, hi) = fields.or("range", range, (0.0, 1.0))?;
        let margin = margin?;
        if matches!(margin, Margin::Relative(_)) && lo < 0.0 {
            let message = "a share of the champion's mean has no meaning where the range reaches below 0";
            fields.complain_with("range", Some("margin_rel"), message, Some("use `margin_abs`".to_owned()));
            return None;
        }
        let comparison = Self { margin, range: Scale { lo, hi }, better: better? };
        let losses = comparison.losses();
        if comparison.limit() >= losses.hi {
            fields.complain("range", Some("range"), "the margin is so large that no candidate could fail");
            return None;
        }
        if comparison.limit() <= losses.lo {
            fields.complain("range", Some("range"), "the margin is so large that no candidate could pass");
            return None;
        }
        Some(comparison)
    }

    /// What is bounded, in one episode: how much worse the candidate is, less the relative margin where there is one.
    ///
    /// "mean d <= r mean c" is tested as "mean (d - r c) <= 0", so that the champion's mean is not treated as known.
    pub(super) fn loss(&self, candidate: f64, champion: f64) -> f64 {
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
    pub(super) fn losses(&self) -> Scale {
        let Scale { lo, hi } = self.range;
        match self.better {
            Better::Lower => Scale { lo: self.loss(lo, hi), hi: self.loss(hi, lo) },
            Better::Higher => Scale { lo: self.loss(hi, lo), hi: self.loss(lo, hi) },
        }
    }

    /// Limit of the mean of [`Self::loss`].
    pub(super) fn limit(&self) -> f64 {
        match self.margin {
            Margin::Absolute(margin) => margin,
            Margin::Relative(_) => 0.0,
        }
    }

    /// How much worse the candidate is in one episode, without any margin.
    pub(super) fn worse_by(&self, candidate: f64, champion: f64) -> f64 {
        match self.better {
            Better::Lower => candidate - champion,
            Better::Higher => champion - candidate,
        }
    }

    /// Bets on the losses, and the first episodes at which their mean was shown to be within the limit, and beyond it.
    pub(super) fn tested(&self, pairs: &Pairs, alpha: f64) -> (BettingPath, Option<u64>, Option<u64>) {
        let scale = self.losses();
        let path = scale.path(pairs.filled(self).map(|(a, b)| self.loss(a, b)), alpha);
        let limit = scale.share_of(self.limit());
        let (within, beyond) = (path.shown_below(limit), path.shown_above(limit));
        (path, within, beyond)
    }

    /// By how much the candidate is better or worse, in words.
    pub(super) fn difference_in_words(&self, pairs: &Pairs) -> String {
        let worse = mean(pairs.filled(self).map(|(a, b)| self.worse_by(a, b))).unwrap_or_default();
        let word = if worse < 0.0 { "better" } else { "worse" };
        format!(
            "the candidate is {word} by {} on average over {} scenarios",
            number(worse.abs()),
            pairs.len()
        )
    }

    /// The judgement by bets on the losses, valid whenever one looks.
    pub(super) fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        const METHOD: &str = "paired-betting/1";
        let pairs = match Pairs::of(sample, self.range) {
            Ok(pairs) => pairs,
            Err(reason) => return Judgement::error(METHOD, sample.candidate.len(), reason),
        };
        let (path, within, beyond) = self.tested(&pairs, alpha);
        let (verdict, decided_at) = decide(within, beyond);
        let mut reason =
            format!("{}{}", self.difference_in_words(&pairs), said(verdict, decided_at, "the margin"));
        if let Margin::Relative(share) = self.margin {
            let (less, share) = if share < 0.0 { ("plus", -share) } else { ("less", share) };
            reason.push_str(&format!(
                "; the estimate is that {less} {} of the champion's: below 0 is within the margin",
                percent(share)
            ));
        }
        if let Some((candidate, champion)) = pairs.alone(self) {
            reason.push_str(&mcnemar_in_words(candidate, champion));
        }
        reason.push_str(&said_missing(pairs.missing));
        let (lower, upper) = interval(path.lower(), path.upper());
        let scale = self.losses();
        Judgement {
            verdict,
            reason,
            n: pairs.len() as u64,
            k: None,
            estimate: mean(pairs.filled(self).map(|(a, b)| self.loss(a, b))),
            interval: (lower.map(|m| scale.value_at(m)), upper.map(|m| scale.value_at(m))),
            method: METHOD,
            e_value: None,
            p_value: None,
            missing: pairs.missing,
            decided_at,
        }
    }

    /// The numbers that the suite gave.
    pub(super) fn threshold(&self) -> BTreeMap<String, f64> {
        let range = [("range_lo".to_owned(), self.range.lo), ("range_hi".to_owned(), self.range.hi)];
        std::iter::once(self.margin.threshold()).chain(range).collect()
    }
}

/// Episodes of the candidate beside the champion's in the same scenarios.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    /// The candidate's value, where it has one, and the champion's; all of them inside the range.
    values: Vec<(Option<f64>, f64)>,
    /// Episodes in which the candidate has no value.
    pub(super) missing: u64,
}

impl Pairs {
    /// Episode by episode.
    ///
    /// # Errors
    /// Why there is nothing to compare, in words.
    pub(super) fn of(sample: &Sample, range: Scale) -> Result<Self, String> {
        if let Some(reason) = unfit(&sample.candidate, "candidate") {
            return Err(reason);
        }
        let champion = sample.comparator()?;
        let mut values = Vec::with_capacity(champion.len());
        for (index, (ours, theirs)) in sample.candidate.iter().zip(champion).enumerate() {
            let theirs = theirs.ok_or_else(|| {
                format!("the champion has no value in episode {index}, so there is nothing to compare with")
            })?;
            if let Some(outside) = ours.iter().chain([&theirs]).find(|&&v| !range.holds(v)) {
                return Err(format!(
                    "episode {index} has {}, outside the range [{}, {}], so no bound holds; state `range`",
                    number(*outside),
                    number(range.lo),
                    number(range.hi)
                ));
            }
            values.push((*ours, theirs));
        }
        Ok(Self { values, missing: missing(&sample.candidate) })
    }

    /// Number of episodes.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// With the worst value of the range where the candidate has none.
    pub(super) fn filled(&self, by: &Comparison) -> impl Iterator<Item = (f64, f64)> {
        let worst = if by.better == Better::Lower { by.range.hi } else { by.range.lo };
        self.values.iter().map(move |&(ours, theirs)| (ours.unwrap_or(worst), theirs))
    }

    /// Where every value is 0 or 1: in how many episodes the candidate alone is worse, and the champion alone.
    pub(super) fn alone(&self, by: &Comparison) -> Option<(u64, u64)> {
        let binary = |v: f64| v == 0.0 || v == 1.0;
        if !self.filled(by).all(|(a, b)| binary(a) && binary(b)) {
            return None;
        }
        let count =
            |wanted: f64| self.filled(by).filter(|&(a, b)| by.worse_by(a, b) == wanted).count() as u64;
        Some((count(1.0), count(-1.0)))
    }
}

/// The exact test in words: in so many episodes the candidate alone is worse, in so many the champion.
pub(super) fn mcnemar_in_words(candidate: u64, champion: u64) -> String {
    let p = (2.0 * mcnemar(candidate, champion).min(mcnemar(champion, candidate))).min(1.0);
    format!(
        "; the candidate alone is worse in {candidate} episodes, the champion alone in {champion} (exact McNemar, \
         two-sided p = {})",
        number(p)
    )
}

#[derive(Clone, Debug)]
struct Noninferiority(Comparison);

fn parse(fields: &mut Fields<'_>) -> Option<Box<dyn Gate>> {
    let margin = Margin::read(fields, None);
    Some(Box::new(Noninferiority(Comparison::read(fields, margin, true)?)))
}

impl Gate for Noninferiority {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn claim(&self, metric: &str, unit: &str, population: &str) -> String {
        let direction = if self.0.better == Better::Lower { "above" } else { "below" };
        let margin = self.0.margin.in_words(unit);
        format!(
            "on the same scenarios of {population} the candidate's mean {metric} is at most {margin} {direction} the champion's"
        )
    }

    /// Estimate and interval are of the mean loss: how much worse the candidate is, in the metric's unit, less the
    /// allowed share of the champion's value where the margin is relative.
    fn judge(&self, sample: &Sample, alpha: f64) -> Judgement {
        self.0.judge(sample, alpha)
    }

    fn is_broken_by(&self, candidate: Option<f64>, champion: Option<f64>) -> Option<bool> {
        let champion = champion?;
        Some(candidate.is_none_or(|candidate| self.0.loss(candidate, champion) > self.0.limit()))
    }

    fn threshold(&self) -> BTreeMap<String, f64> {
        self.0.threshold()
    }

    fn badness(&self, candidate: f64, champion: Option<f64>) -> Option<f64> {
        champion.map(|champion| self.0.worse_by(candidate, champion)).filter(|worse| *worse > 0.0)
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
            ..Sample::default()
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
        let alone = Sample { candidate: vec![Some(0.0)], champion: None, ..Sample::default() };
        let gap = Sample { candidate: vec![Some(0.0)], champion: Some(vec![None]), ..Sample::default() };
        let short =
            Sample { candidate: vec![Some(0.0); 2], champion: Some(vec![Some(0.0)]), ..Sample::default() };
        let wide =
            Sample { candidate: vec![Some(3.0)], champion: Some(vec![Some(0.0)]), ..Sample::default() };
        for sample in [alone, gap, short, wide] {
            assert_eq!(gate.judge(&sample, 0.05).verdict, Verdict::Error);
        }
        // A candidate without a value is as bad as can be.
        let silent =
            Sample { candidate: vec![None; 500], champion: Some(vec![Some(0.0); 500]), ..Sample::default() };
        let judged = gate.judge(&silent, 0.05);
        assert_eq!((judged.verdict, judged.missing, judged.estimate), (Verdict::Fail, 500, Some(1.0)));
    }
}
