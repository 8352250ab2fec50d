//! A part of the episodes, lived again in variants of the model of the world by all actors; and what that does to verdicts.
//!
//! A scenario is drawn from the suite's seed, its population and its index, none of which a variant changes: the same events befall every
//! variant. A gate is judged again on the record of the variant, by the rule that the suite gives it. Its verdict is undecided where it
//! passes in the world of the suite and not in a variant, or fails there and passes in a variant.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use powerflow::{Diagnostics, Plan, Solver, Topology};
use reports::{
    SkippedVariantRecord, StratumRecord, SubsetRecord, VariantRecord, VariantsRecord, VariedGateRecord,
    Verdict,
};
use serde::{Deserialize, Serialize};

use super::judge::{self, in_words};
use super::local::{Partial, Simulated, SimulatedPopulation, cohort_in};
use super::progress::{Progress, Watch};
use super::readings::Readings;
use super::{Prepared, RunOptions, champions, loop_config};
use crate::assumption::{self, Subset, Variant};
use crate::candidate::Source;
use crate::gate::Judgement;
use crate::latency;
use crate::live::{COHORT, LoopConfig, live};
use crate::statistic::binomial;
use crate::suite::SuiteGate;
use crate::trajectory::Episode;

/// Probability that the share of newly broken episodes is above its upper end.
const BOUND_ALPHA: f64 = 0.05;

/// Variants that a reason describes in words.
const DESCRIBED: usize = 3;

/// What was lived again.
#[derive(Debug)]
pub(super) struct Varied {
    /// Of each population, in suite order.
    subsets: Vec<Subset>,
    variants: Vec<Lived>,
    skipped: Vec<(&'static str, String)>,
}

/// A variant, with the episodes of each population's subset, by row of the subset.
#[derive(Debug)]
struct Lived {
    variant: &'static Variant,
    populations: Vec<SimulatedPopulation>,
}

/// One line of the partial record: a part of a subset in a variant.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    pub(super) variant: String,
    pub(super) population: usize,
    pub(super) part: usize,
    candidate: Vec<Episode>,
    champions: Vec<Vec<Episode>>,
}

impl Replay {
    /// What it holds, apart from its episodes.
    pub(super) fn key(&self) -> (String, usize, usize) {
        (self.variant.clone(), self.population, self.part)
    }
}

/// A variant made ready.
struct World {
    variant: &'static Variant,
    config: LoopConfig,
    champions: Vec<Arc<dyn Source>>,
}

/// A part of a subset to live again.
struct Job {
    world: usize,
    population: usize,
    part: usize,
    indices: Vec<u64>,
}

/// Lives the subsets again in every variant; `None` where the suite asks for none.
///
/// # Errors
/// Where an actor cannot be started or the partial record not written; `run.interrupted` where `watch` stopped it.
pub(super) fn live_again(
    prepared: &Prepared,
    options: &RunOptions,
    watch: &dyn Watch,
    partial: &mut Partial,
    simulated: &Simulated,
) -> Result<Option<Varied>, Diagnostics> {
    let Some((mut taken, mut skipped)) = prepared.variants() else { return Ok(None) };
    if simulated.out_of_time {
        skipped.extend(taken.drain(..).map(|t| (t.variant.id, "the time of the tier was over".to_owned())));
    }
    let subsets: Vec<Subset> =
        (0..prepared.populations.len()).map(|at| subset(prepared, at, &simulated.populations[at])).collect();
    let worlds: Vec<World> = taken
        .into_iter()
        .map(|taken| {
            Ok(World {
                variant: taken.variant,
                config: loop_config(&prepared.suite, &prepared.network, &taken.assumptions)?,
                champions: champions(&prepared.suite, &prepared.network, &taken.assumptions)?,
            })
        })
        .collect::<Result<_, Diagnostics>>()?;
    let mut jobs = Vec::new();
    for world in 0..worlds.len() {
        for (population, subset) in subsets.iter().enumerate() {
            let episodes = &simulated.populations[population].candidate;
            for (part, rows) in subset.rows.chunks(COHORT).enumerate() {
                let indices = rows.iter().map(|&row| episodes[row].index).collect();
                jobs.push(Job { world, population, part, indices });
            }
        }
    }
    let done = replays(prepared, options, watch, partial, &worlds, &jobs)?;
    let mut variants: Vec<Lived> = worlds
        .iter()
        .map(|world| {
            let champions = vec![Vec::new(); prepared.champions.len()];
            let empty =
                || SimulatedPopulation { champions: champions.clone(), ..SimulatedPopulation::default() };
            Lived { variant: world.variant, populations: subsets.iter().map(|_| empty()).collect() }
        })
        .collect();
    for (job, replay) in jobs.iter().zip(done) {
        let own = &mut variants[job.world].populations[job.population];
        own.candidate.extend(replay.candidate);
        for (all, new) in own.champions.iter_mut().zip(replay.champions) {
            all.extend(new);
        }
    }
    Ok(Some(Varied { subsets, variants, skipped }))
}

/// Every job's episodes, in the order of the jobs whoever was first, taken from the partial record where they are there.
fn replays(
    prepared: &Prepared,
    options: &RunOptions,
    watch: &dyn Watch,
    partial: &mut Partial,
    worlds: &[World],
    jobs: &[Job],
) -> Result<Vec<Replay>, Diagnostics> {
    let mut done: BTreeMap<usize, Replay> = BTreeMap::new();
    for (at, job) in jobs.iter().enumerate() {
        let key = (worlds[job.world].variant.id.to_owned(), job.population, job.part);
        let same = |replay: &Replay| replay.candidate.iter().map(|e| e.index).eq(job.indices.iter().copied());
        done.extend(partial.take_replay(&key).filter(same).map(|replay| (at, replay)));
    }
    let wanted = jobs.iter().map(|job| job.indices.len() as u64).sum();
    let mut lived = done.values().map(|replay| replay.candidate.len() as u64).sum::<u64>();
    let open: Vec<usize> = (0..jobs.len()).filter(|at| !done.contains_key(at)).collect();
    let plan = Arc::new(Plan::new(&prepared.network, &Arc::new(Topology::unsplit())));
    let (next, enough) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let workers = options.threads.clamp(1, open.len().max(1));
        let (send, receive) = mpsc::sync_channel(workers * 2);
        for _ in 0..workers {
            let send = send.clone();
            let (next, enough, open, plan) = (&next, &enough, &open, &plan);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let Some(&at) = open.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let job = &jobs[at];
                    if send.send((at, replay(prepared, &worlds[job.world], job, plan))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut failed = None;
        for (at, replay) in receive {
            let kept = match replay {
                _ if watch.stop() => Err(super::interrupted()),
                Ok(replay) => partial.append(&replay).map(|()| replay),
                Err(complaints) => Err(complaints),
            };
            match kept {
                Ok(replay) => {
                    lived += replay.candidate.len() as u64;
                    watch.progress(&Progress {
                        population: prepared.populations[replay.population].id.clone(),
                        done: lived,
                        size_max: wanted,
                        standing: "in other models of the world".to_owned(),
                    });
                    done.insert(at, replay);
                }
                Err(complaints) => {
                    enough.store(true, Ordering::Relaxed);
                    failed.get_or_insert(complaints);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    })?;
    Ok(done.into_values().collect())
}

/// One part of a subset, by fresh instances of all actors.
fn replay(prepared: &Prepared, world: &World, job: &Job, plan: &Arc<Plan>) -> Result<Replay, Diagnostics> {
    let mut solver = Solver::with_plan(&prepared.network, Arc::clone(plan));
    let population = &prepared.populations[job.population];
    let mut lived = |source: &Arc<dyn Source>, subject: &str| -> Result<Vec<Episode>, Diagnostics> {
        let mut who = source.start()?;
        let rows = if source.batched() { COHORT } else { 1 };
        let mut episodes = Vec::with_capacity(job.indices.len());
        for group in job.indices.chunks(rows) {
            let mut cohort =
                cohort_in(prepared, &world.config, &mut solver, population, subject, group, rows);
            episodes.extend(live(&mut cohort, who.as_mut()).into_iter().map(|t| t.episode));
        }
        Ok(episodes)
    };
    let candidate = lived(&prepared.candidate, "candidate")?;
    let champions = world.champions.iter().map(|source| lived(source, &source.record().name));
    Ok(Replay {
        variant: world.variant.id.to_owned(),
        population: job.population,
        part: job.part,
        candidate,
        champions: champions.collect::<Result<_, _>>()?,
    })
}

/// Whether a gate reads episodes that a variant can change: neither recorded calls nor margins, which are looked for in the world of the
/// suite alone.
fn reads_episodes(gate: &SuiteGate) -> bool {
    ![latency::COMPUTE_MS, latency::MARGIN_MS].contains(&gate.metric.as_str())
}

/// Which episodes of a population are lived again, by how they stand to its gates.
fn subset(prepared: &Prepared, at: usize, simulated: &SimulatedPopulation) -> Subset {
    let id = &prepared.populations[at].id;
    let n = simulated.candidate.len();
    let (mut unknown, mut broken, mut badness) = (vec![false; n], vec![false; n], Vec::new());
    for gate in prepared.suite.gates.iter().filter(|gate| gate.population == *id && reads_episodes(gate)) {
        let readings = Readings::of(simulated, &gate.metric);
        let compared = gate.gate.needs_champion();
        let column = (0..n).map(|row| {
            let (own, theirs) = (readings.lost[row], champion(&readings, row));
            unknown[row] |= readings.gave_up[row] || own.is_none() || (compared && theirs.is_none());
            broken[row] |= gate.gate.is_broken_by(own, theirs) == Some(true);
            own.and_then(|own| gate.gate.badness(own, theirs))
        });
        badness.push(column.collect());
    }
    let standings = assumption::standings(&unknown, &broken, &badness);
    let episodes = prepared.suite.assumptions.as_ref().map_or(0, |written| written.episodes);
    Subset::draw(&standings, episodes, prepared.seed(), id)
}

/// The first comparator's value in a row.
fn champion(readings: &Readings, row: usize) -> Option<f64> {
    readings.champions.first().and_then(|values| values.get(row).copied().flatten())
}

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
