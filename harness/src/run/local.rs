//! Blocks of episodes on the threads of this machine, and a partial record from which a killed run goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use powerflow::{Diagnostic, Diagnostics, Plan, Solver, Topology};
use scenarios::{Population, Scenario, scenario, streams};
use serde::{Deserialize, Serialize};

use super::cache::{self, Cache};
use super::journal::{BLOCKS, Header, Journal, partial_folder, sound};
use super::judge;
use super::lives::{Actor, Lives};
use super::progress::{Progress, Watch};
use super::varied::{self, Replay, Varied};
use super::{Prepared, RunOptions};
use crate::candidate::{Candidate, Source};
use crate::cohort::{Cohort, Envelope};
use crate::latency;
use crate::live::{COHORT, live};
use crate::suite::Stop;
use crate::trajectory::{Episode, Trajectory};

/// Everything that was simulated.
#[derive(Debug, Default)]
pub(super) struct Simulated {
    /// Per population, in suite order.
    pub(super) populations: Vec<SimulatedPopulation>,
    pub(super) envelope: Envelope,
    /// Time of each batch of decisions, ns; not known for blocks that an earlier run had done.
    pub(super) decision_ns: Vec<u64>,
    pub(super) elapsed_s: f64,
    /// Blocks taken over from an interrupted run.
    pub(super) resumed_blocks: u64,
    /// Episodes that this run itself simulated, all subjects.
    pub(super) simulated_now: u64,
    /// Episodes taken from a cache, all subjects.
    pub(super) cached: u64,
    /// Whether the time of a tier was over before every episode was run or every gate decided.
    pub(super) out_of_time: bool,
    /// What was wrong with the cache.
    pub(super) warnings: Diagnostics,
    /// A part of the episodes in other models of the world, where the suite asks.
    pub(super) varied: Option<Varied>,
}

/// Episodes of one population, in index order.
#[derive(Debug, Default)]
pub(super) struct SimulatedPopulation {
    pub(super) candidate: Vec<Episode>,
    /// Those of each comparator, in the same scenarios; none where there is nobody.
    pub(super) champions: Vec<Vec<Episode>>,
}

/// One line of the partial record.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    population: usize,
    block: u64,
    candidate: Vec<Episode>,
    champions: Vec<Vec<Episode>>,
    envelope: Envelope,
    #[serde(skip)]
    decision_ns: Vec<u64>,
    /// Episodes simulated here and now, all subjects.
    #[serde(skip)]
    simulated: u64,
    /// Episodes from the cache, all subjects.
    #[serde(skip)]
    cached: u64,
}

/// Any line of the partial record.
#[derive(Debug, Deserialize)]
#[serde(try_from = "serde_json::Value")]
enum Line {
    Block(Box<Block>),
    Replay(Replay),
}

// By hand: an untagged enum reads no map whose keys are numbers, and a tested region has one.
impl TryFrom<serde_json::Value> for Line {
    type Error = serde_json::Error;

    fn try_from(line: serde_json::Value) -> Result<Self, Self::Error> {
        match line.get("variant") {
            Some(_) => serde_json::from_value(line).map(Line::Replay),
            None => serde_json::from_value(line).map(Line::Block),
        }
    }
}

const PARTIAL_SCHEMA: &str = "gridgate/partial/4";

pub(super) fn simulate(
    prepared: &Prepared,
    options: &RunOptions,
    watch: &dyn Watch,
    partial: &mut Partial,
) -> Result<Simulated, Diagnostics> {
    let start = Instant::now();
    let plan = Arc::new(Plan::new(&prepared.network, &Arc::new(Topology::unsplit())));
    let cache = options.cache.as_deref().map(Cache::at);
    let means = Means { plan: &plan, world: cache::world(prepared), cache: cache.as_ref() };
    let mut all = Simulated { resumed_blocks: partial.done.len() as u64, ..Simulated::default() };
    for (at, population) in prepared.populations.iter().enumerate() {
        // What one population leaves of its share of the time is for those after it.
        let share = |minutes: f64| {
            let left = (minutes * 60.0 - start.elapsed().as_secs_f64()).max(0.0);
            Instant::now() + Duration::from_secs_f64(left / (prepared.populations.len() - at) as f64)
        };
        let deadline = prepared.tier.as_ref().and_then(|tier| tier.minutes).map(share);
        let simulated = simulate_population(
            prepared, options, watch, &means, deadline, at, population, partial, &mut all,
        )?;
        all.populations.push(simulated);
    }
    all.varied = varied::live_again(prepared, options, watch, partial, &all)?;
    all.warnings = cache.map(Cache::warnings).unwrap_or_default();
    all.elapsed_s = start.elapsed().as_secs_f64();
    Ok(all)
}

#[allow(clippy::too_many_arguments)]
fn simulate_population(
    prepared: &Prepared,
    options: &RunOptions,
    watch: &dyn Watch,
    means: &Means<'_>,
    deadline: Option<Instant>,
    at: usize,
    population: &Population,
    partial: &mut Partial,
    all: &mut Simulated,
) -> Result<SimulatedPopulation, Diagnostics> {
    let blocks = population.size_max.div_ceil(COHORT as u64);
    let mut simulated = SimulatedPopulation {
        champions: vec![Vec::new(); prepared.champions.len()],
        ..SimulatedPopulation::default()
    };
    let mut waiting: BTreeMap<u64, Block> = BTreeMap::new();
    while let Some((&key, _)) = partial.done.range((at, 0)..(at, blocks)).next() {
        waiting.extend(partial.done.remove(&key).map(|block| (key.1, block)));
    }
    // Blocks are counted, not listed: of a suite without end only what is run takes memory.
    let known: BTreeSet<u64> = waiting.keys().copied().collect();
    let pending = blocks - known.len() as u64;
    let next = AtomicU64::new(0);
    let enough = AtomicBool::new(false);
    let mut verdict_so_far = String::new();
    std::thread::scope(|scope| {
        // A bounded channel: a slow disk slows the workers instead of filling the memory.
        let workers = options.threads.max(1).min(usize::try_from(pending).unwrap_or(usize::MAX));
        let (send, receive) = mpsc::sync_channel::<Result<Block, Diagnostics>>(workers * 2);
        for _ in 0..workers {
            let send = send.clone();
            let (next, enough, known) = (&next, &enough, &known);
            scope.spawn(move || {
                let mut worker = match Worker::new(prepared, means) {
                    Ok(worker) => worker,
                    Err(complaints) => {
                        let _ = send.send(Err(complaints));
                        return;
                    }
                };
                while !enough.load(Ordering::Relaxed) {
                    // The first block is run in any case: of nothing there is nothing to say.
                    let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
                    if late && next.load(Ordering::Relaxed) > 0 {
                        break;
                    }
                    let block = next.fetch_add(1, Ordering::Relaxed);
                    if block >= blocks {
                        break;
                    }
                    if known.contains(&block) {
                        continue;
                    }
                    if send.send(Ok(worker.block(at, population, block))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut done = 0u64;
        let mut collect = |waiting: &mut BTreeMap<u64, Block>, simulated: &mut SimulatedPopulation| {
            // In index order, whoever was first: what a run covers must not depend on who was quick.
            while let Some(block) = waiting.remove(&done) {
                done += 1;
                all.envelope.join(&block.envelope);
                all.simulated_now += block.simulated;
                all.cached += block.cached;
                all.decision_ns.extend(block.decision_ns);
                simulated.candidate.extend(block.candidate);
                for (all, new) in simulated.champions.iter_mut().zip(block.champions) {
                    all.extend(new);
                }
                let standing = judge::standing(prepared, at, simulated, &mut verdict_so_far);
                watch.progress(&Progress {
                    population: population.id.clone(),
                    done: simulated.candidate.len() as u64,
                    size_max: population.size_max,
                    standing: standing.text,
                });
                if prepared.suite.stop == Stop::Decided && standing.decided {
                    return true;
                }
            }
            false
        };
        let mut finished = collect(&mut waiting, &mut simulated);
        enough.store(finished, Ordering::Relaxed);
        let mut failed = None;
        for result in receive {
            match result {
                Ok(_) if failed.is_none() && watch.stop() => {
                    enough.store(true, Ordering::Relaxed);
                    failed = Some(super::interrupted());
                }
                Ok(block) if !finished && failed.is_none() => {
                    if let Err(complaint) = partial.append(&block) {
                        failed = Some(complaint);
                        enough.store(true, Ordering::Relaxed);
                        continue;
                    }
                    waiting.insert(block.block, block);
                    finished = collect(&mut waiting, &mut simulated);
                    if finished {
                        enough.store(true, Ordering::Relaxed);
                    }
                }
                Ok(_) => {}
                Err(complaints) => {
                    enough.store(true, Ordering::Relaxed);
                    failed.get_or_insert(complaints);
                }
            }
        }
        all.out_of_time |= !finished && (simulated.candidate.len() as u64) < population.size_max;
        match failed {
            Some(complaints) => Err(complaints),
            None => Ok(()),
        }
    })?;
    Ok(simulated)
}

/// What the threads of a run share.
struct Means<'a> {
    plan: &'a Arc<Plan>,
    /// The part of every key of the cache that is the same for all blocks.
    world: String,
    cache: Option<&'a Cache>,
}

/// What one thread works with.
struct Worker<'a> {
    prepared: &'a Prepared,
    means: &'a Means<'a>,
    solver: Solver,
    candidate: Box<dyn Candidate>,
    champions: Vec<Box<dyn Candidate>>,
}

impl<'a> Worker<'a> {
    fn new(prepared: &'a Prepared, means: &'a Means<'a>) -> Result<Self, Diagnostics> {
        Ok(Worker {
            prepared,
            means,
            solver: Solver::with_plan(&prepared.network, Arc::clone(means.plan)),
            candidate: prepared.candidate.start()?,
            champions: prepared.champions.iter().map(|c| c.start()).collect::<Result<_, _>>()?,
        })
    }

    /// Simulates one block: the candidate and the comparator in the same scenarios.
    fn block(&mut self, at: usize, population: &Population, block: u64) -> Block {
        let first = block * COHORT as u64;
        let indices: Vec<u64> =
            (first..population.size_max.min(first.saturating_add(COHORT as u64))).collect();
        let mut made = Block { population: at, block, ..Block::default() };
        let Worker { prepared, means, solver, candidate, champions } = self;
        let margin = prepared.margin_max_ms(&population.id);
        let mut episodes_of = |source: &Arc<dyn Source>, who: &mut dyn Candidate, judged: bool| {
            let margin = margin.filter(|_| judged);
            let name = source.record().name;
            let subject = if judged { "candidate" } else { &name };
            let kept = means.cache.and_then(|cache| {
                let key = cache::key(
                    prepared,
                    &means.world,
                    population,
                    &indices,
                    subject,
                    source.as_ref(),
                    margin,
                )?;
                Some((cache, key))
            });
            if let Some((cache, key)) = &kept
                && let Some(entry) = cache.get(key, &population.id, &indices)
            {
                lived_by(&mut made.envelope, &entry.envelope, judged);
                made.cached += entry.episodes.len() as u64;
                return entry.episodes;
            }
            let actor = Actor::of(source.as_ref(), &mut *who, subject);
            let Lives { mut episodes, envelope, decision_ns } =
                Lives::of(prepared, &prepared.config, solver, population, &indices, actor);
            if judged {
                made.decision_ns.extend(decision_ns);
            }
            if let Some(max_ms) = margin {
                let found = latency::of_block(prepared, solver, who, population, &indices, max_ms);
                for (episode, margin) in episodes.iter_mut().zip(found) {
                    let margin_ms = f64::from(margin.margin_ms);
                    episode.metrics.insert(latency::MARGIN_MS.into(), Some(margin_ms));
                    if let Some(served) = &mut episode.as_served {
                        served.insert(latency::MARGIN_MS.into(), margin_ms);
                    }
                }
            }
            if let Some((cache, key)) = kept {
                cache.put(key, &episodes, &envelope);
            }
            lived_by(&mut made.envelope, &envelope, judged);
            made.simulated += episodes.len() as u64;
            episodes
        };
        let by_candidate = episodes_of(&prepared.candidate, candidate.as_mut(), true);
        let compared = prepared.champions.iter().zip(champions);
        let by_champions = compared.map(|(source, who)| episodes_of(source, who.as_mut(), false)).collect();
        Block { candidate: by_candidate, champions: by_champions, ..made }
    }
}

/// Puts a block together: the tested region is that of the candidate alone, the work is everybody's.
fn lived_by(all: &mut Envelope, own: &Envelope, judged: bool) {
    if judged { all.join(own) } else { all.join_work(own) }
}

/// A cohort of these scenarios of a population.
pub(crate) fn cohort<'a>(
    prepared: &'a Prepared,
    solver: &'a mut Solver,
    population: &Population,
    subject: &'a str,
    indices: &[u64],
    rows: usize,
    record: bool,
) -> Cohort<'a> {
    let drawn = drawn(prepared, population, indices);
    cohort_of(prepared, solver, subject, drawn, rows, record)
}

/// Scenarios of a population, each with the seed of its candidate.
pub(crate) fn drawn(
    prepared: &Prepared,
    population: &Population,
    indices: &[u64],
) -> Vec<(Arc<Scenario>, u64)> {
    let (seed, world) = (prepared.seed(), prepared.world());
    let one = |index: &u64| {
        let own = streams(seed, &population.id, *index).named("candidate").word();
        (Arc::new(scenario(seed, population, &world, *index)), own)
    };
    indices.iter().map(one).collect()
}

/// A cohort of scenarios, each with the seed of its candidate.
pub(crate) fn cohort_of<'a>(
    prepared: &'a Prepared,
    solver: &'a mut Solver,
    subject: &'a str,
    scenarios: Vec<(Arc<Scenario>, u64)>,
    rows: usize,
    record: bool,
) -> Cohort<'a> {
    delayed(prepared, Cohort::new(solver, &prepared.config, subject, scenarios, rows, record))
}

/// A cohort with the delays of the suite.
pub(super) fn delayed<'a>(prepared: &Prepared, cohort: Cohort<'a>) -> Cohort<'a> {
    match &prepared.latency {
        Some(latency) => cohort.delayed(&latency.timing),
        None => cohort,
    }
}

/// Lives episodes again, by a fresh instance of a candidate: in one batch of the usual shape where it takes batches, else
/// one after the other. `record` keeps every step.
pub(crate) fn relive(
    prepared: &Prepared,
    source: &Arc<dyn Source>,
    population: &Population,
    subject: &str,
    indices: &[u64],
    record: bool,
) -> Result<Vec<Trajectory>, Diagnostics> {
    let mut solver = Solver::new(&prepared.network);
    let mut candidate = source.start()?;
    let rows = if source.batched() { COHORT } else { 1 };
    let mut lived = Vec::with_capacity(indices.len());
    for group in indices.chunks(rows) {
        let mut cohort = cohort(prepared, &mut solver, population, subject, group, rows, record);
        lived.extend(live(&mut cohort, candidate.as_mut()));
    }
    Ok(lived)
}

/// One episode of the candidate lived again, with every step, on another way with another time of decisions, ms.
pub(super) fn relive_after(
    prepared: &Prepared,
    population: &Population,
    subject: &str,
    index: u64,
    way: &latency::Timing,
    decision_ms: f64,
) -> Result<Vec<Trajectory>, Diagnostics> {
    let mut solver = Solver::new(&prepared.network);
    let mut candidate = prepared.candidate.start()?;
    let rows = if prepared.candidate.batched() { COHORT } else { 1 };
    let decision_ns = [latency::nanoseconds(decision_ms)];
    let mut cohort = cohort(prepared, &mut solver, population, subject, &[index], rows, true)
        .delayed_each(way, &decision_ns);
    Ok(live(&mut cohort, candidate.as_mut()))
}

/// The record of an unfinished run: a header and one line per complete block, each behind its own digest. A run that is
/// killed loses the blocks that were under way, and nothing else; the next run of the same inputs into the same folder
/// goes on from here.
pub(super) struct Partial {
    journal: Journal,
    done: BTreeMap<(usize, u64), Block>,
    replays: BTreeMap<(String, usize, usize), Replay>,
}

impl Partial {
    pub(super) fn open(prepared: &Prepared, out: &Path) -> Result<Self, Diagnostics> {
        let mut journal = Journal::open(out, "run")?;
        let (mut done, mut replays) = (BTreeMap::new(), BTreeMap::new());
        // What another candidate of the same name may have begun nobody goes on with.
        let known = prepared.candidate.known_by_digest();
        journal.resume(PARTIAL_SCHEMA, &prepared.key(), &mut |line: Line| {
            match line {
                _ if !known => {}
                Line::Block(block) => drop(done.insert((block.population, block.block), *block)),
                Line::Replay(replay) => drop(replays.insert(replay.key(), replay)),
            }
            Ok(known)
        })?;
        Ok(Partial { journal, done, replays })
    }

    /// Adds a part that is done.
    ///
    /// # Errors
    /// `run.write`.
    pub(super) fn append(&mut self, part: &impl Serialize) -> Result<(), Diagnostics> {
        self.journal.append(part)
    }

    /// A part of a subset in a variant that an interrupted run had done.
    pub(super) fn take_replay(&mut self, key: &(String, usize, usize)) -> Option<Replay> {
        self.replays.remove(key)
    }
}

pub(crate) fn cannot_write(path: &Path, error: &std::io::Error) -> Diagnostics {
    Diagnostic::error("run.write", format!("cannot write: {error}"))
        .at(path.display().to_string(), None)
        .hint("choose another folder with --out, or make room")
        .into()
}

/// Refuses a place where the record of another unfinished run would be thrown away.
///
/// # Errors
/// `run.unfinished`.
pub(super) fn check_unfinished(prepared: &Prepared, out: &Path) -> Result<(), Diagnostics> {
    // What such a candidate has begun nobody can go on with.
    if !prepared.candidate.known_by_digest() {
        return Ok(());
    }
    let path = partial_folder(out).join(BLOCKS);
    let Ok(record) = std::fs::read(&path) else { return Ok(()) };
    let mut lines = record.split_inclusive(|b| *b == b'\n').map_while(sound);
    let header = lines.next().and_then(|content| serde_json::from_slice::<Header>(content).ok());
    let ours = header.is_some_and(|header| header == Header::of(PARTIAL_SCHEMA, &prepared.key()));
    let blocks = lines.count();
    if ours || blocks == 0 {
        return Ok(());
    }
    let message = format!(
        "another run began here and did not end: its {blocks} finished blocks are of other inputs, another candidate or another build"
    );
    Err(Diagnostic::error("run.unfinished", message)
        .at(path.display().to_string(), None)
        .hint("let that run go on with its own inputs, choose another folder with --out, or throw its blocks away with --restart")
        .into())
}
