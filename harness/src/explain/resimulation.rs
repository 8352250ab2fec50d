//! The simulator as an oracle: what would have become of the episode with these events and these actions, and was the gate broken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use powerflow::{Diagnostic, Diagnostics, Plan, Solver, Topology};
use reports::Digest;
use reports::explanation::{RunOfExplanation, TrialRecord};
use scenarios::Scenario;

use super::acts::{Actions, Acts, Directed, StandIn};
use super::factor::{self, Factor};
use crate::candidate::{Candidate, Source};
use crate::cohort::Cohort;
use crate::live::{COHORT, live};
use crate::run::{Prepared, Progress, Watch};
use crate::suite::SuiteGate;
use crate::trajectory::{Episode, Outcome};

/// A course that the episode might have taken.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct World {
    /// Factors that happen, ascending, each to a share of its magnitude.
    pub(super) kept: Vec<(usize, f64)>,
    /// Who acts.
    pub(super) acts: Acts,
}

impl World {
    /// These events, whole.
    pub(super) fn of(events: &[usize], acts: Acts) -> Self {
        World { kept: events.iter().map(|event| (*event, 1.0)).collect(), acts }
    }
}

/// What became of a world.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trial {
    /// Id of its run.
    pub(super) run: String,
    /// Whether the gate's threshold is broken, with a solver that gave up counted as lost.
    pub(super) broken: bool,
    /// The same with it counted as served; `None` where the solver did not give up.
    pub(super) broken_if_served: Option<bool>,
    /// The metric.
    pub(super) value: Option<f64>,
    /// The comparator's, where the gate compares.
    pub(super) compared: Option<f64>,
}

/// What is simulated again.
pub(super) struct Subject<'a> {
    /// The run.
    pub(super) prepared: &'a Prepared,
    /// The candidate, where it is asked again.
    pub(super) candidate: Option<Arc<dyn Source>>,
    /// What it asked.
    pub(super) held: Actions,
    /// Who may stand in for it.
    pub(super) stand_ins: Vec<Arc<dyn Source>>,
    /// The scenario as it was.
    pub(super) scenario: Arc<Scenario>,
    /// What befell the grid in it.
    pub(super) factors: Vec<Factor>,
    /// What a stochastic candidate draws from in it.
    pub(super) seed: u64,
    /// Worker threads.
    pub(super) threads: usize,
}

/// What one thread works with.
struct Instance {
    solver: Solver,
    candidate: Option<Box<dyn Candidate>>,
    stand_ins: Vec<Box<dyn Candidate>>,
}

/// Lives worlds, each once.
pub(super) struct Resimulation<'a> {
    subject: Subject<'a>,
    /// Who is told how far it is.
    watch: &'a dyn Watch,
    gate: Option<(&'a SuiteGate, Option<StandIn>)>,
    plan: Arc<Plan>,
    own: Instance,
    /// By run.
    lived: BTreeMap<String, Episode>,
    cited: BTreeMap<String, RunOfExplanation>,
    reused: u64,
}

/// Cohorts of one row that a further thread is started for: starting a candidate costs as much as some of them.
const ROWS_EACH: usize = 16;

impl<'a> Resimulation<'a> {
    /// An oracle that has not been asked.
    ///
    /// # Errors
    /// Where the candidate cannot be started.
    pub(super) fn new(subject: Subject<'a>, watch: &'a dyn Watch) -> Result<Self, Diagnostics> {
        let plan = Arc::new(Plan::new(&subject.prepared.network, &Arc::new(Topology::unsplit())));
        let own = subject.start(&plan)?;
        Ok(Resimulation {
            subject,
            watch,
            gate: None,
            plan,
            own,
            lived: BTreeMap::new(),
            cited: BTreeMap::new(),
            reused: 0,
        })
    }

    /// What befell the grid.
    pub(super) fn factors(&self) -> &[Factor] {
        &self.subject.factors
    }

    /// What the candidate asked in the episode that is explained.
    pub(super) fn held(&self) -> &Actions {
        &self.subject.held
    }

    /// Whether the candidate is asked again.
    pub(super) fn is_live(&self) -> bool {
        self.subject.candidate.is_some()
    }

    /// Names the gate that trials are about, and with whom it compares.
    pub(super) fn ask_about(&mut self, gate: &'a SuiteGate, comparator: Option<StandIn>) {
        self.gate = Some((gate, comparator));
    }

    /// Episodes simulated, and questions that one of them had answered already.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.lived.len() as u64, self.reused)
    }

    /// The runs that were cited, by id.
    pub(super) fn into_cited(self) -> BTreeMap<String, RunOfExplanation> {
        self.cited
    }

    fn scenario(&self, world: &World) -> Arc<Scenario> {
        factor::scenario(&self.subject.scenario, &self.subject.factors, &world.kept)
    }

    /// What became of worlds, in their order.
    ///
    /// # Errors
    /// Where a thread's candidate cannot be started.
    pub(super) fn live(&mut self, worlds: &[World]) -> Result<Vec<Episode>, Diagnostics> {
        let ids = self.simulate(worlds)?;
        Ok(ids.iter().map(|id| self.lived[id].clone()).collect())
    }

    /// Lives what has not been lived; the ids of the runs, in the order of the worlds.
    fn simulate(&mut self, worlds: &[World]) -> Result<Vec<String>, Diagnostics> {
        let mut ids = Vec::with_capacity(worlds.len());
        let mut new: BTreeMap<String, (Arc<Scenario>, Acts)> = BTreeMap::new();
        for world in worlds {
            let scenario = self.scenario(world);
            let id = id(&scenario.digest(), &world.acts);
            if self.lived.contains_key(&id) || new.contains_key(&id) {
                self.reused += 1;
            } else {
                new.insert(id.clone(), (scenario, world.acts.clone()));
            }
            ids.push(id);
        }
        let (new_ids, new): (Vec<String>, Vec<(Arc<Scenario>, Acts)>) = new.into_iter().unzip();
        let rows = self.subject.rows();
        let cohorts: Vec<&[(Arc<Scenario>, Acts)]> = new.chunks(rows).collect();
        let each = if rows > 1 { 1 } else { ROWS_EACH };
        let threads = self.subject.threads.min(cohorts.len() / each);
        let mut episodes = Vec::with_capacity(new.len());
        // So many at once that each thread has work for a while, and few enough that one is told in between.
        for some in cohorts.chunks(4 * (threads * each).max(1)) {
            if self.watch.stop() {
                return Err(Diagnostic::error("explain.interrupted", "stopped before it was complete").into());
            }
            if threads < 2 {
                for cohort in some {
                    episodes.extend(self.subject.live(&mut self.own, cohort));
                }
            } else {
                episodes.extend(self.subject.live_on_threads(&self.plan, some, threads)?);
            }
            let done = self.lived.len() as u64;
            self.watch.progress(&Progress {
                population: "explain".into(),
                done: done + episodes.len() as u64,
                size_max: done + new.len() as u64,
                standing: String::new(),
            });
        }
        self.lived.extend(new_ids.into_iter().zip(episodes));
        Ok(ids)
    }

    /// What became of worlds with respect to the gate, in their order.
    ///
    /// # Errors
    /// As [`Self::live`]; `explain.gate` where a run leaves nothing to compare with.
    pub(super) fn tries(&mut self, worlds: &[World]) -> Result<Vec<Trial>, Diagnostics> {
        let Some((gate, comparator)) = self.gate else {
            return Err(Diagnostic::error("explain.gate", "no gate is asked about").into());
        };
        let ids = self.simulate(worlds)?;
        let compared: Option<Vec<String>> = match comparator {
            Some(by) => {
                let beside = |world: &World| World { kept: world.kept.clone(), acts: Acts::other(by) };
                let beside: Vec<World> = worlds.iter().map(beside).collect();
                Some(self.simulate(&beside)?)
            }
            None => None,
        };
        let mut trials = Vec::with_capacity(worlds.len());
        for (at, id) in ids.iter().enumerate() {
            let episode = &self.lived[id];
            let other = compared.as_ref().map(|compared| &self.lived[&compared[at]]);
            trials.push(trial(gate, id, episode, other)?);
        }
        Ok(trials)
    }

    /// What became of a world, with its run put among those that the document lists.
    ///
    /// # Errors
    /// As [`Self::tries`].
    pub(super) fn cite(
        &mut self,
        world: &World,
        name: impl Fn(&Acts) -> String,
    ) -> Result<TrialRecord, Diagnostics> {
        let trial = self.tries(std::slice::from_ref(world))?.remove(0);
        let episode = &self.lived[&trial.run];
        let cited = RunOfExplanation {
            scenario: Digest { sha256: episode.scenario.clone() },
            events: world.kept.iter().map(|(event, share)| (event_id(*event), *share)).collect(),
            acts: name(&world.acts),
            outcome: episode.outcome.id().to_owned(),
            value: trial.value,
            compared_value: trial.compared,
            broken: trial.broken,
            broken_if_served: trial.broken_if_served,
            trajectory: Digest { sha256: episode.trajectory.clone() },
        };
        self.cited.entry(trial.run.clone()).or_insert(cited);
        Ok(TrialRecord { run: trial.run, broken: trial.broken, value: trial.value })
    }
}

/// The id of an event in documents.
pub(super) fn event_id(event: usize) -> String {
    format!("e{}", event + 1)
}

/// The id of a run: what happened and who acted decide it, and nothing else.
fn id(scenario: &str, acts: &Acts) -> String {
    let mut digest = Digest::of(format!("{scenario} {acts}")).sha256;
    digest.truncate(16);
    digest
}

/// A number that is none is a missing one: it counts against the candidate.
fn known(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// What a gate says of one episode.
///
/// # Errors
/// `explain.gate` where it says nothing: it is not about single episodes, or there is nothing to compare with.
fn trial(
    gate: &SuiteGate,
    id: &str,
    episode: &Episode,
    other: Option<&Episode>,
) -> Result<Trial, Diagnostics> {
    let metric = gate.metric.as_str();
    let value = known(episode.metric(metric));
    // The comparator's unsolved episodes count as served, as in the gate: what is in doubt must not help the candidate.
    let compared = other.and_then(|other| known(other.metric_as_served(metric)));
    let broken = |value| {
        gate.gate.is_broken_by(value, compared).ok_or_else(|| {
            Diagnostics::from(
                Diagnostic::error(
                    "explain.gate",
                    format!(
                        "the gate {} says nothing of a single episode, or has nothing to compare it with",
                        gate.id
                    ),
                )
                .hint("name another gate of this population with --gate"),
            )
        })
    };
    let gave_up = episode.outcome == Outcome::SolverGaveUp;
    let served = gave_up.then(|| broken(known(episode.metric_as_served(metric)))).transpose()?;
    Ok(Trial { run: id.to_owned(), broken: broken(value)?, broken_if_served: served, value, compared })
}

impl Subject<'_> {
    /// Rows that live together. What does not ask the candidate takes batches of any shape.
    fn rows(&self) -> usize {
        if self.candidate.as_ref().is_none_or(|candidate| candidate.batched()) { COHORT } else { 1 }
    }

    fn start(&self, plan: &Arc<Plan>) -> Result<Instance, Diagnostics> {
        Ok(Instance {
            solver: Solver::with_plan(&self.prepared.network, Arc::clone(plan)),
            candidate: self.candidate.as_ref().map(|candidate| candidate.start()).transpose()?,
            stand_ins: self.stand_ins.iter().map(|source| source.start()).collect::<Result<_, _>>()?,
        })
    }

    /// Lives one cohort.
    fn live(&self, instance: &mut Instance, worlds: &[(Arc<Scenario>, Acts)]) -> Vec<Episode> {
        let Instance { solver, candidate, stand_ins } = instance;
        let config = &self.prepared.config;
        let scenarios = worlds.iter().map(|(scenario, _)| (Arc::clone(scenario), self.seed)).collect();
        let mut cohort = Cohort::new(solver, config, "candidate", scenarios, self.rows(), false);
        if let Some(latency) = &self.prepared.latency {
            cohort = cohort.delayed(&latency.timing);
        }
        let mut directed = Directed {
            candidate: match candidate {
                Some(candidate) => Some(candidate.as_mut()),
                None => None,
            },
            held: &self.held,
            stand_ins,
            acts: worlds.iter().map(|(_, acts)| acts.clone()).collect(),
            step_s: config.step_s,
        };
        live(&mut cohort, &mut directed).into_iter().map(|trajectory| trajectory.episode).collect()
    }

    /// Cohorts over threads, answered in their order.
    fn live_on_threads(
        &self,
        plan: &Arc<Plan>,
        cohorts: &[&[(Arc<Scenario>, Acts)]],
        threads: usize,
    ) -> Result<Vec<Episode>, Diagnostics> {
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<(usize, Vec<Episode>)>, Diagnostics> {
            let mut instance = self.start(plan)?;
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(cohort) = cohorts.get(at) else { return Ok(done) };
                done.push((at, self.live(&mut instance, cohort)));
            }
        };
        let mut lived = BTreeMap::new();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                let done = worker.join().map_err(|_| {
                    Diagnostics::from(Diagnostic::error(
                        "explain.worker",
                        "a worker ended in the middle of its work",
                    ))
                })??;
                lived.extend(done);
            }
            Ok::<_, Diagnostics>(())
        })?;
        Ok(lived.into_values().flatten().collect())
    }
}
