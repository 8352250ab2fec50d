//! A part of the episodes, lived again in variants of the model of the world by all actors.
//!
//! A scenario is drawn from the suite's seed, its population and its index, none of which a variant changes: the same events befall every
//! variant.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use powerflow::{Diagnostics, Plan, Solver, Topology};
use serde::{Deserialize, Serialize};

use super::lives::{Actor, Lives};
use super::local::{Partial, Simulated, SimulatedPopulation};
use super::progress::{Progress, Watch};
use super::readings::Readings;
use super::{Prepared, RunOptions, loop_config};
use crate::assumption::{self, Chosen, Subset, Variant};
use crate::candidate::Source;
use crate::latency;
use crate::live::{COHORT, LoopConfig};
use crate::suite::SuiteGate;
use crate::trajectory::Episode;

/// What was lived again.
#[derive(Debug)]
pub(super) struct Varied {
    /// Of each population, in suite order.
    pub(super) subsets: Vec<Subset>,
    pub(super) variants: Vec<Lived>,
    /// What was not tried, and why.
    pub(super) skipped: Vec<(&'static str, String)>,
}

/// A variant, with the episodes of each population's subset, by row of the subset.
#[derive(Debug)]
pub(super) struct Lived {
    pub(super) variant: &'static Variant,
    pub(super) populations: Vec<SimulatedPopulation>,
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
    let Some(Chosen { mut taken, mut skipped }) = prepared.variants() else { return Ok(None) };
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
                champions: prepared.champions_in(&taken.assumptions),
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
        let actor = Actor::of(source.as_ref(), who.as_mut(), subject);
        Ok(Lives::of(prepared, &world.config, &mut solver, population, &job.indices, actor).episodes)
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
pub(super) fn reads_episodes(gate: &SuiteGate) -> bool {
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
pub(super) fn champion(readings: &Readings, row: usize) -> Option<f64> {
    readings.champions.first().and_then(|values| values.get(row).copied().flatten())
}
