//! The closed loop, one screen: a cohort of grids lives through its scenarios together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use powerflow::{BranchIdx, BusIdx, Index, Network, NewtonConfig, Solver, UnitIdx};
use reports::{EpisodeRecord, StepRecord};
use scenarios::{Moment, Scenario};
use sha2::{Digest, Sha256};

use crate::action::{Asked, Task};
use crate::candidate::{Candidate, Decisions, Failure};
use crate::grid::grant::Grants;
use crate::grid::{Grid, GridRules, Life};
use crate::metric::{self, Meter, Step};
use crate::observation::{Axis, Observations, Observed, Tensor};
use crate::trajectory::{Episode, Outcome, Trajectory, by_id};

/// Number of consecutive scenario indices that live together; never a function of threads or shards.
pub const COHORT: usize = 256;

/// Settings of the loop.
#[derive(Clone, Debug)]
pub struct LoopConfig {
    /// What candidates control.
    pub task: Task,
    /// Length of a step, s.
    pub step_s: f64,
    /// Steps of an episode.
    pub steps: u32,
    /// How states are solved.
    pub newton: NewtonConfig,
    /// Rules of the simulated grid.
    pub rules: Arc<GridRules>,
}

/// Lets a candidate live through a cohort's scenarios. The order of a step is: events, settle, sense, decide, grant,
/// settle, measure.
pub fn live(cohort: &mut Cohort<'_>, candidate: &mut dyn Candidate) -> Vec<Trajectory> {
    candidate.reset(&cohort.seeds);
    while let Some(now) = cohort.next_moment() {
        cohort.apply_events(now);
        cohort.settle();
        let seen = cohort.sense(now);
        let asked = cohort.time(|| candidate.decide_batch(&seen));
        cohort.grant(&asked, now);
        cohort.settle();
        cohort.record(now);
    }
    cohort.finish()
}

/// One rollout with what is measured of it.
struct Rollout {
    grid: Grid,
    meters: Vec<Box<dyn Meter>>,
    initial_demand_mw: f64,
    grants: Grants,
    refusals: std::collections::BTreeMap<crate::action::Refusal, u64>,
    failure: Option<Failure>,
    unsolved: bool,
    steps: u32,
    digest: Sha256,
    recorded: Option<Vec<StepRecord>>,
}

/// A block of rollouts that move together: all their pending power flows, all their observations.
pub struct Cohort<'a> {
    solver: &'a mut Solver,
    config: &'a LoopConfig,
    subject: &'a str,
    rollouts: Vec<Rollout>,
    seeds: Vec<u64>,
    step: u32,
    decided_in: Vec<Duration>,
    solves: u64,
    worst_mismatch_pu: f64,
    envelope: Envelope,
}

/// Extremes of the states that were lived through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Envelope {
    /// Demand as a share of the file's.
    pub demand: (f64, f64),
    /// Branches out at once.
    pub branches_out: (f64, f64),
    /// Units that run in the file and are out, at once.
    pub units_out: (f64, f64),
    /// Largest mismatch of a solved state, pu.
    pub mismatch_pu: f64,
    /// Power flows solved, and solved by another rung than Newton from the last state.
    pub solves: u64,
    /// Power flows that needed another start.
    pub rescued: u64,
}

impl Default for Envelope {
    fn default() -> Self {
        let nothing = (f64::INFINITY, f64::NEG_INFINITY);
        Envelope {
            demand: nothing,
            branches_out: nothing,
            units_out: nothing,
            mismatch_pu: 0.0,
            solves: 0,
            rescued: 0,
        }
    }
}

impl Envelope {
    /// Both together.
    pub fn join(&mut self, other: &Envelope) {
        for (mine, theirs) in [
            (&mut self.demand, other.demand),
            (&mut self.branches_out, other.branches_out),
            (&mut self.units_out, other.units_out),
        ] {
            *mine = (mine.0.min(theirs.0), mine.1.max(theirs.1));
        }
        self.mismatch_pu = self.mismatch_pu.max(other.mismatch_pu);
        self.solves += other.solves;
        self.rescued += other.rescued;
    }
}

impl<'a> Cohort<'a> {
    /// A cohort of these scenarios, padded to `rows`. `record` keeps every step of every rollout.
    pub fn new(
        solver: &'a mut Solver,
        config: &'a LoopConfig,
        subject: &'a str,
        scenarios: Vec<(Arc<Scenario>, u64)>,
        rows: usize,
        record: bool,
    ) -> Self {
        let network = Arc::clone(solver.network());
        let mut seeds = Vec::with_capacity(rows);
        let mut rollouts = Vec::with_capacity(rows);
        let rollout = |grid: Grid| Rollout {
            initial_demand_mw: grid.demand_mw(),
            grid,
            meters: metric::LIST.iter().map(|m| (m.meter)()).collect(),
            grants: Grants::default(),
            refusals: Default::default(),
            failure: None,
            unsolved: false,
            steps: 0,
            digest: Sha256::new(),
            recorded: record.then(Vec::new),
        };
        for (scenario, seed) in scenarios {
            seeds.push(seed);
            rollouts.push(rollout(Grid::new(&network, &config.rules, scenario)));
        }
        while rollouts.len() < rows {
            seeds.push(0);
            rollouts.push(rollout(Grid::padding(&network, &config.rules)));
        }
        Cohort {
            solver,
            config,
            subject,
            rollouts,
            seeds,
            step: 0,
            decided_in: Vec::new(),
            solves: 0,
            worst_mismatch_pu: 0.0,
            envelope: Envelope::default(),
        }
    }

    /// When the next step begins; `None` at the horizon, or when no rollout goes on.
    fn next_moment(&mut self) -> Option<Moment> {
        let alive = self.rollouts.iter().any(|r| r.grid.life() == Life::Alive);
        (alive && self.step < self.config.steps).then(|| {
            let now = Moment::from_seconds(f64::from(self.step) * self.config.step_s);
            self.step += 1;
            now
        })
    }

    fn apply_events(&mut self, now: Moment) {
        let minutes = self.config.step_s / 60.0;
        for rollout in self.rollouts.iter_mut().filter(|r| r.grid.life() == Life::Alive) {
            rollout.grid.apply_events(now);
            rollout.grid.begin_step(minutes);
            rollout.grants = Grants::default();
        }
    }

    /// Solves every pending power flow. One after the other here; with lanes, several at once.
    fn settle(&mut self) {
        for rollout in self.rollouts.iter_mut().filter(|r| r.grid.is_pending()) {
            let grid = &mut rollout.grid;
            let answer = self.solver.solve(grid.state(), grid.solution(), &self.config.newton);
            self.envelope.solves += 1;
            let answer = answer.map(|solution| {
                let flows = self.solver.flows(grid.state(), &solution);
                (solution, flows)
            });
            grid.settle(answer);
            if let Some(solution) = grid.solution() {
                self.envelope.mismatch_pu = self.envelope.mismatch_pu.max(solution.mismatch_pu);
                self.envelope.rescued += u64::from(solution.rung != powerflow::Rung::Newton);
                rollout.unsolved |= !solution.unsolved.is_empty();
            }
            rollout.unsolved |= grid.life() == Life::Unsolved;
        }
    }

    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        // A duration that is shown beside the evidence, and decides nothing.
        let start = Instant::now();
        let answer = work();
        self.decided_in.push(start.elapsed());
        answer
    }
}
