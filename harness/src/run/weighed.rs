//! What other models of the world do to verdicts.
//!
//! A gate is judged again on the record of each variant, by the rule that the suite gives it. Its verdict is undecided where it passes in the
//! world of the suite and not in a variant, or fails there and passes in a variant.

use reports::{
    SkippedVariantRecord, StratumRecord, SubsetRecord, VariantRecord, VariantsRecord, VariedGateRecord,
    Verdict,
};

use super::Prepared;
use super::judge::{self, in_words};
use super::local::{Simulated, SimulatedPopulation};
use super::readings::Readings;
use super::varied::{Varied, champion, reads_episodes};
use crate::assumption::{self, Subset, Variant};
use crate::gate::Judgement;
use crate::statistic::binomial;
use crate::suite::SuiteGate;

/// Probability that the share of newly broken episodes is above its upper end.
const BOUND_ALPHA: f64 = 0.05;

/// Variants that a reason describes in words.
const DESCRIBED: usize = 3;

impl Varied {
    /// What evidence says of it, before any gate is judged.
    pub(super) fn record(&self, prepared: &Prepared) -> VariantsRecord {
        let strata = |subset: &Subset| {
            let of = |stratum: &assumption::Stratum| StratumRecord {
                stratum: stratum.standing.id().to_owned(),
                n: stratum.rows.len() as u64,
                replayed: stratum.replayed.len() as u64,
            };
            subset.strata.iter().map(of).collect()
        };
        let subsets = prepared.populations.iter().zip(&self.subsets);
        VariantsRecord {
            subsets: subsets
                .map(|(population, subset)| SubsetRecord {
                    population: population.id.clone(),
                    strata: strata(subset),
                })
                .collect(),
            variants: self
                .variants
                .iter()
                .map(|lived| VariantRecord {
                    id: lived.variant.id.to_owned(),
                    changes: lived.variant.changes.to_owned(),
                    gates: Vec::new(),
                })
                .collect(),
            skipped: self
                .skipped
                .iter()
                .map(|(id, why)| SkippedVariantRecord { id: (*id).to_owned(), why: why.clone() })
                .collect(),
        }
    }
}

/// The judgement of a gate with what variants make of it, and the variants that it depends on. Its verdict in each goes into the record.
pub(super) fn weighed(
    prepared: &Prepared,
    simulated: &Simulated,
    gate: &SuiteGate,
    nominal: &Readings,
    judgement: Judgement,
    alpha: f64,
    record: &mut Option<VariantsRecord>,
) -> (Judgement, Vec<String>) {
    let (Some(varied), Some(record)) = (&simulated.varied, record) else { return (judgement, Vec::new()) };
    let at = prepared.populations.iter().position(|population| population.id == gate.population);
    let Some((at, subset)) = at.and_then(|at| Some((at, varied.subsets.get(at)?))) else {
        return (judgement, Vec::new());
    };
    if !reads_episodes(gate) {
        return (judgement, Vec::new());
    }
    let mut verdicts = Vec::with_capacity(varied.variants.len());
    for (lived, record) in varied.variants.iter().zip(&mut record.variants) {
        let again = Readings::of(&lived.populations[at], &gate.metric);
        let there = judge::judge_gate(prepared, gate, &nominal.projected(&again, subset), alpha);
        verdicts.push((lived.variant, there.verdict));
        record.gates.push(varied_gate(gate, nominal, &again, subset, there, &lived.populations[at]));
    }
    let part = assumption::part_in_words(subset.rows.len() as u64, nominal.lost.len() as u64);
    weigh(judgement, &verdicts, &part)
}

/// The rule: a pass stands where every variant passes, a failure where none does. What is undecided, or could not be evaluated, stays so.
fn weigh(
    judgement: Judgement,
    verdicts: &[(&'static Variant, Verdict)],
    part: &str,
) -> (Judgement, Vec<String>) {
    let own = judgement.verdict;
    let speaks_against = |verdict: Verdict| match own {
        Verdict::Pass => verdict != Verdict::Pass,
        Verdict::Fail => verdict == Verdict::Pass,
        Verdict::Undecided | Verdict::Error | Verdict::Skipped => false,
    };
    let against: Vec<&(&Variant, Verdict)> = verdicts.iter().filter(|(_, v)| speaks_against(*v)).collect();
    if against.is_empty() {
        let agreed = !verdicts.is_empty() && verdicts.iter().all(|(_, verdict)| *verdict == own);
        let reason = match agreed {
            true => format!(
                "{}; the same in {} other models of the world, by {part} lived again in each",
                judgement.reason,
                verdicts.len()
            ),
            false => judgement.reason.clone(),
        };
        return (Judgement { reason, ..judgement }, Vec::new());
    }
    let described = against.iter().take(DESCRIBED).map(|(variant, verdict)| {
        format!("{} where {} (`{}`)", in_words(*verdict), variant.changes, variant.id)
    });
    let mut said: Vec<String> = described.collect();
    let rest: Vec<&str> = against.iter().skip(DESCRIBED).map(|(variant, _)| variant.id).collect();
    if !rest.is_empty() {
        said.push(format!("and others: {}", rest.join(", ")));
    }
    let reason = format!(
        "the verdict depends on what the world is taken to be: {} in the suite's, {} (by {part} lived again)",
        in_words(own),
        said.join("; ")
    );
    let depends_on = against.iter().map(|(variant, _)| variant.id.to_owned()).collect();
    (Judgement { verdict: Verdict::Undecided, reason, decided_at: None, ..judgement }, depends_on)
}

/// What became of a gate in a variant.
fn varied_gate(
    gate: &SuiteGate,
    nominal: &Readings,
    again: &Readings,
    subset: &Subset,
    there: Judgement,
    lived: &SimulatedPopulation,
) -> VariedGateRecord {
    let changes = subset.rows.iter().enumerate().filter_map(|(at, &row)| {
        let change = again.lost[at]? - nominal.lost[row]?;
        (change.is_finite() && change != 0.0).then_some((change, lived.candidate[at].index))
    });
    // The first of equals.
    let largest = changes.fold(None, |most: Option<(f64, u64)>, new| match most {
        Some(most) if most.0.abs() >= new.0.abs() => Some(most),
        _ => Some(new),
    });
    let changed = subset.rows.iter().enumerate().filter(|&(at, &row)| again.lost[at] != nominal.lost[row]);
    let broken = newly_broken(gate, nominal, again, subset);
    VariedGateRecord {
        gate: gate.id.clone(),
        verdict: there.verdict,
        reason: there.reason,
        replayed: subset.rows.len() as u64,
        changed: changed.count() as u64,
        largest_change: largest.map(|(change, _)| change),
        largest_change_at: largest.map(|(_, index)| index),
        newly_broken: broken.map(|broken| broken.count),
        newly_broken_share: broken.map(|broken| broken.share),
        newly_broken_share_max: broken.map(|broken| broken.share_max),
    }
}

/// Episodes that are beyond a gate's threshold only in a variant.
#[derive(Clone, Copy, Debug, PartialEq)]
struct NewlyBroken {
    count: u64,
    share: f64,
    share_max: f64,
}

/// `None` where one episode cannot break the claim. Each stratum's bound is that of Clopper and Pearson, which is wider than a draw without
/// replacement needs, at an equal part of the level; what is lived again whole is counted.
fn newly_broken(
    gate: &SuiteGate,
    nominal: &Readings,
    again: &Readings,
    subset: &Subset,
) -> Option<NewlyBroken> {
    let n: usize = subset.strata.iter().map(|stratum| stratum.rows.len()).sum();
    let sampled = subset.strata.iter().filter(|stratum| stratum.replayed.len() < stratum.rows.len()).count();
    let alpha = BOUND_ALPHA / sampled.max(1) as f64;
    let (mut count, mut share, mut share_max) = (0, 0.0, 0.0);
    for stratum in &subset.strata {
        let mut broken = 0;
        for row in &stratum.replayed {
            let at = subset.rows.binary_search(row).ok()?;
            let before = gate.gate.is_broken_by(nominal.lost[*row], champion(nominal, *row))?;
            let after = gate.gate.is_broken_by(again.lost[at], champion(again, at))?;
            broken += u64::from(after && !before);
        }
        let replayed = stratum.replayed.len() as u64;
        if replayed == 0 {
            return None;
        }
        let weight = stratum.rows.len() as f64 / n as f64;
        let own = broken as f64 / replayed as f64;
        let own_max = match stratum.replayed.len() < stratum.rows.len() {
            true => binomial::upper(broken, replayed, alpha),
            false => own,
        };
        count += broken;
        share += weight * own;
        share_max += weight * own_max;
    }
    (n > 0).then_some(NewlyBroken { count, share, share_max })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(verdict: Verdict) -> Judgement {
        Judgement {
            verdict,
            reason: "as it is".into(),
            n: 600,
            k: Some(3),
            estimate: Some(0.005),
            interval: (Some(0.0), Some(0.01)),
            method: "e-mixture/1",
            e_value: Some(40.0),
            p_value: None,
            missing: 0,
            decided_at: Some(512),
        }
    }

    fn under(verdicts: &[Verdict]) -> Vec<(&'static Variant, Verdict)> {
        assumption::LIST.iter().zip(verdicts.iter().copied()).collect()
    }

    #[test]
    fn a_pass_needs_every_variant_and_a_failure_is_in_doubt_only_where_one_passes() {
        use Verdict::{Error, Fail, Pass, Undecided};
        let of = |own, there: &[Verdict]| {
            let (judged, depends_on) = weigh(judgement(own), &under(there), "64 of 600 episodes");
            (judged.verdict, depends_on.len())
        };
        assert_eq!(of(Pass, &[Pass, Pass]), (Pass, 0));
        assert_eq!(of(Pass, &[Pass, Undecided, Fail]), (Undecided, 2));
        // A value that is missing in a variant is no pass there.
        assert_eq!(of(Pass, &[Error]), (Undecided, 1));
        assert_eq!(of(Fail, &[Fail, Undecided, Error]), (Fail, 0));
        assert_eq!(of(Fail, &[Fail, Pass]), (Undecided, 1));
        assert_eq!(of(Undecided, &[Pass, Fail]), (Undecided, 0));
        assert_eq!(of(Error, &[Pass]), (Error, 0));
        assert_eq!(of(Pass, &[]), (Pass, 0));
    }

    #[test]
    fn a_verdict_that_flips_names_the_assumption_and_is_decided_nowhere() {
        let there = under(&[Verdict::Pass, Verdict::Fail]);
        let (judged, depends_on) = weigh(judgement(Verdict::Pass), &there, "64 of 600 episodes");
        assert_eq!(depends_on, [there[1].0.id]);
        assert!(judged.reason.contains(there[1].0.changes) && judged.reason.contains("64 of 600"));
        assert!(!judged.reason.contains(there[0].0.id), "{}", judged.reason);
        assert_eq!(judged.decided_at, None);
        let (stands, _) = weigh(judgement(Verdict::Pass), &under(&[Verdict::Pass; 2]), "64 of 600 episodes");
        assert!(stands.reason.starts_with("as it is; the same in 2 other models"), "{}", stands.reason);
        assert_eq!(stands.decided_at, Some(512));
    }
}
