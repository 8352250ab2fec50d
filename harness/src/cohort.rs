//! A block of rollouts that move together: all their pending power flows, all their observations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use powerflow::security::{Harm, Security, Settled, Watch};
use powerflow::{Index, Job, Network, Rung, Solver, Violation};
use reports::StepRecord;
use scenarios::{Moment, Scenario};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::action::{Asked, Refusal};
use crate::candidate::{Decisions, Failure};
use crate::grid::grant::{Grant, Grants};
use crate::grid::{Grid, Life, Unserved};
use crate::live::LoopConfig;
use crate::metric::{self, Meter, Step};
use crate::observation::{Axis, Observations};
use crate::trajectory::{Episode, Outcome, Trajectory, by_id};

/// One rollout with what is measured of it.
struct Rollout {
    grid: Grid,
    meters: Vec<Box<dyn Meter>>,
    /// Those metrics that depend on what is not served, with what the solver gave up counted as served.
    as_served: Vec<Option<Box<dyn Meter>>>,
    initial_demand_mw: f64,
    grants: Grants,
    refusals: BTreeMap<Refusal, u64>,
    failure: Option<Failure>,
    unsolved: bool,
    /// Whether its last step has been measured.
    ended: bool,
    /// The N-1 security of its present state, where it is known.
    security: Option<Security>,
    steps: u32,
    digest: Sha256,
    recorded: Option<Vec<StepRecord>>,
}

/// See the module.
pub struct Cohort<'a> {
    solver: &'a mut Solver,
    config: &'a LoopConfig,
    subject: &'a str,
    rollouts: Vec<Rollout>,
    seeds: Vec<u64>,
    step: u32,
    decided_in: Vec<Duration>,
    envelope: Envelope,
    /// Looks at N-1 security, where a gate asks for it.
    watch: Option<Watch>,
}

/// Extremes of the states that were lived through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Demand as a share of the file's: lowest and highest.
    pub demand: Option<(f64, f64)>,
    /// Branches out at once.
    pub branches_out: Option<(f64, f64)>,
    /// Units that run in the file and are out, at once.
    pub units_out: Option<(f64, f64)>,
    /// Largest mismatch of a solved state, pu.
    pub mismatch_pu: f64,
    /// Power flows solved, and solved by another rung than Newton from the last state.
    pub solves: u64,
    /// Power flows that needed another start.
    pub rescued: u64,
    /// Power flows in which a bus stayed at a reactive limit with its voltage on the wrong side, because it turned too
    /// often.
    pub unsettled: u64,
}

impl Envelope {
    fn include(&mut self, grid: &Grid) {
        let network = grid.network();
        let state = grid.state();
        let widen = |range: &mut Option<(f64, f64)>, value: f64| {
            let (low, high) = range.unwrap_or((value, value));
            *range = Some((low.min(value), high.max(value)));
        };
        let file: f64 = network.base.from_pu(network.buses.demand_p_pu.as_slice().iter().sum());
        if file != 0.0 {
            widen(&mut self.demand, grid.demand_mw() / file);
        }
        let out = |on: &bool, in_file: bool| in_file && !on;
        let branches =
            state.branch_on.iter().filter(|(b, on)| out(on, network.branches.in_service[*b])).count();
        let units = state.unit_on.iter().filter(|(u, on)| out(on, network.units.in_service[*u])).count();
        widen(&mut self.branches_out, branches as f64);
        widen(&mut self.units_out, units as f64);
    }

    /// Both together.
    pub fn join(&mut self, other: &Envelope) {
        for (mine, theirs) in [
            (&mut self.demand, other.demand),
            (&mut self.branches_out, other.branches_out),
            (&mut self.units_out, other.units_out),
        ] {
            *mine = match (*mine, theirs) {
                (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
                (a, b) => a.or(b),
            };
        }
        self.mismatch_pu = self.mismatch_pu.max(other.mismatch_pu);
        self.solves += other.solves;
        self.rescued += other.rescued;
        self.unsettled += other.unsettled;
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
            meters: metric::measured(config.security).map(|m| (m.meter)()).collect(),
            as_served: metric::measured(config.security)
                .map(|m| m.counts_unserved.then(|| (m.meter)()))
                .collect(),
            grants: Grants::default(),
            refusals: BTreeMap::new(),
            failure: None,
            unsolved: false,
            ended: false,
            security: None,
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
            envelope: Envelope::default(),
            watch: config.security.map(|_| Watch::new(&network)),
        }
    }

    /// When the next step begins; `None` at the horizon, or when no rollout goes on.
    pub(crate) fn next_moment(&mut self) -> Option<Moment> {
        let alive = self.rollouts.iter().any(|r| r.grid.life() == Life::Alive);
        (alive && self.step < self.config.steps).then(|| {
            let now = Moment::from_seconds(f64::from(self.step) * self.config.step_s);
            self.step += 1;
            now
        })
    }

    pub(crate) fn apply_events(&mut self, now: Moment) {
        let minutes = self.config.step_s / 60.0;
        if now == Moment(0) {
            self.settle_before_losses(minutes);
        }
        for rollout in self.rollouts.iter_mut().filter(|r| r.grid.life() == Life::Alive) {
            rollout.grid.apply_events(now);
            rollout.grid.begin_step(minutes);
            rollout.grants = Grants::default();
        }
    }

    /// Where something is lost at the very beginning, solves the state before: units ramp from what they delivered then.
    fn settle_before_losses(&mut self, minutes: f64) {
        let begins: Vec<bool> = self.rollouts.iter().map(|r| r.grid.begins_with_a_loss()).collect();
        for (rollout, _) in self.rollouts.iter_mut().zip(&begins).filter(|(_, begins)| **begins) {
            rollout.grid.apply_first_demand();
            rollout.grid.begin_step(minutes);
        }
        self.settle_where(|row| begins[row]);
        for (rollout, _) in self.rollouts.iter_mut().zip(&begins).filter(|(_, begins)| **begins) {
            rollout.grid.end_step();
        }
    }

    /// Solves every pending power flow of every grid, as one batch.
    pub(crate) fn settle(&mut self) {
        self.settle_where(|_| true);
    }

    fn settle_where(&mut self, wanted: impl Fn(usize) -> bool) {
        let pending: Vec<usize> = (0..self.rollouts.len())
            .filter(|row| wanted(*row) && self.rollouts[*row].grid.is_pending())
            .collect();
        let jobs: Vec<Job<'_>> = pending
            .iter()
            .map(|row| &self.rollouts[*row].grid)
            .map(|grid| Job { state: grid.state(), previous: grid.solution() })
            .collect();
        let answers = self.solver.solve_batch(&jobs, &self.config.newton);
        for (row, answer) in pending.into_iter().zip(answers) {
            let rollout = &mut self.rollouts[row];
            rollout.grid.settle(answer);
            rollout.security = None;
            self.envelope.solves += 1;
            if let Some(solution) = rollout.grid.solution() {
                self.envelope.mismatch_pu = self.envelope.mismatch_pu.max(solution.mismatch_pu);
                self.envelope.rescued += u64::from(solution.rung != Rung::Newton);
                self.envelope.unsettled += u64::from(!solution.unsettled.is_empty());
                rollout.unsolved |= !solution.unsolved.is_empty();
            }
            rollout.unsolved |= rollout.grid.life() == Life::Unsolved;
        }
    }

    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        // A duration that is shown beside the evidence, and decides nothing.
        let start = Instant::now();
        let answer = work();
        self.decided_in.push(start.elapsed());
        answer
    }

    /// What every rollout shows now. Rollouts that have ended keep showing their last state.
    pub(crate) fn sense(&mut self, now: Moment) -> Observations {
        let network = Arc::clone(self.solver.network());
        let mut seen = Observations::zeros(&network, self.rollouts.len());
        for (row, rollout) in self.rollouts.iter().enumerate() {
            seen.alive[row] = rollout.grid.life() == Life::Alive;
            if rollout.grid.life() != Life::Absent {
                seen.fill(row, &rollout.grid, now);
            }
        }
        seen
    }

    /// Grants or refuses what was asked; a rollout whose candidate failed ends here.
    pub(crate) fn grant(&mut self, asked: &Decisions, now: Moment) {
        let minutes = self.config.step_s / 60.0;
        for (row, rollout) in self.rollouts.iter_mut().enumerate() {
            if rollout.grid.life() != Life::Alive {
                continue;
            }
            if let Some(failure) = asked.failed.get(row).and_then(Option::as_ref) {
                rollout.failure = Some(failure.clone());
                rollout.grid.candidate_failed();
                continue;
            }
            rollout.grants = rollout.grid.grant(&asked.asked, row, self.config.task, now, minutes);
            for (reason, count) in rollout.grants.refusals() {
                *rollout.refusals.entry(reason).or_insert(0) += u64::from(count);
            }
        }
    }

    /// Measures the step that began at `now`.
    pub(crate) fn record(&mut self, now: Moment) {
        self.secure();
        let (config, envelope) = (self.config, &mut self.envelope);
        for rollout in &mut self.rollouts {
            rollout.record(now, config, self.step, envelope);
        }
    }

    /// Looks at the N-1 security of every state that is new in this step, all together.
    fn secure(&mut self) {
        let (Some(watch), Some(depth)) = (&mut self.watch, self.config.security) else { return };
        let is_new = |r: &Rollout| r.grid.life() == Life::Alive && r.security.is_none();
        let new: Vec<usize> = (0..self.rollouts.len()).filter(|row| is_new(&self.rollouts[*row])).collect();
        let settled = |row: &usize| {
            let grid = &self.rollouts[*row].grid;
            grid.solution().map(|solution| Settled { state: grid.state(), solution, flows: grid.flows() })
        };
        let (rows, states): (Vec<usize>, Vec<Settled<'_>>) =
            new.into_iter().filter_map(|row| Some((row, settled(&row)?))).unzip();
        let found = watch.assess(self.solver, &states, depth, &self.config.newton);
        for (row, security) in rows.into_iter().zip(found) {
            self.rollouts[row].security = Some(security);
        }
    }

    /// How every rollout ended.
    pub(crate) fn finish(&mut self) -> Vec<Trajectory> {
        let (subject, config) = (self.subject, self.config);
        let present = |r: &Rollout| r.grid.life() != Life::Absent;
        std::mem::take(&mut self.rollouts)
            .into_iter()
            .filter(present)
            .map(|rollout| rollout.finish(subject, config))
            .collect()
    }

    /// What a stochastic candidate draws from in each rollout.
    pub(crate) fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// Extremes of the states that were lived through.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// How long each batch of decisions took.
    pub fn decided_in(&self) -> &[Duration] {
        &self.decided_in
    }
}

impl Rollout {
    fn record(&mut self, now: Moment, config: &LoopConfig, step: u32, envelope: &mut Envelope) {
        let life = self.grid.life();
        // A step is measured while the rollout lives, and once more when it has just gone dark.
        let just_ended = matches!(life, Life::Dark | Life::Unsolved) && !self.ended;
        if life != Life::Alive && !just_ended {
            return;
        }
        self.ended = just_ended;
        self.steps = step;
        // Nothing comes back after the end: the rest of the episode is as this step.
        let duration_s =
            if just_ended { config.step_s * f64::from(config.steps - step + 1) } else { config.step_s };
        let view = Step {
            grid: &self.grid,
            duration_s,
            unserved: self.grid.unserved(),
            initial_demand_mw: self.initial_demand_mw,
            grants: &self.grants,
            security: self.security.as_ref(),
        };
        if life != Life::Unsolved {
            for meter in &mut self.meters {
                meter.step(&view);
            }
            let served = Step { unserved: Unserved { unsolved_mw: 0.0, ..view.unserved }, ..view };
            for meter in self.as_served.iter_mut().flatten() {
                meter.step(&served);
            }
        }
        self.grid.end_step();
        envelope.include(&self.grid);
        self.digest_step(now);
        if let Some(steps) = &mut self.recorded {
            let mut record = step_record(&self.grid, &self.grants, now);
            record.notes.extend(self.security.as_ref().and_then(|s| insecurity(self.grid.network(), s)));
            steps.push(record);
        }
    }

    fn digest_step(&mut self, now: Moment) {
        self.digest.update(now.0.to_le_bytes());
        let network = self.grid.network();
        for bus in network.buses.id.indices() {
            // A tag before the value: a dead bus is not a bus at zero.
            match self.grid.solution().and_then(|s| s.voltage(bus)) {
                Some(v) => {
                    self.digest.update([1]);
                    self.digest.update(v.re.to_bits().to_le_bytes());
                    self.digest.update(v.im.to_bits().to_le_bytes());
                }
                None => self.digest.update([0]),
            }
        }
        self.digest.update((self.grants.all.len() as u64).to_le_bytes());
        for grant in &self.grants.all {
            self.digest.update([grant.quantity as u8]);
            self.digest.update(grant.element.to_le_bytes());
            self.digest.update(grant.asked.to_bits().to_le_bytes());
            match grant.granted {
                Some(v) => {
                    self.digest.update([1]);
                    self.digest.update(v.to_bits().to_le_bytes());
                }
                None => self.digest.update([0]),
            }
        }
    }

    fn finish(self, subject: &str, config: &LoopConfig) -> Trajectory {
        let scenario = Arc::clone(self.grid.scenario());
        let values: Vec<f64> = self.meters.iter().map(|m| m.value()).collect();
        let measured = by_id(config.security, &values);
        let served: Vec<f64> = self
            .as_served
            .iter()
            .zip(&values)
            .map(|(meter, value)| meter.as_ref().map_or(*value, |m| m.value()))
            .collect();
        let of = |id: &str| measured.get(id).copied().unwrap_or(0.0);
        let outcome = if self.failure.is_some() {
            Outcome::CandidateFailed
        } else if self.unsolved {
            Outcome::SolverGaveUp
        } else if of("collapse") > 0.0 {
            Outcome::Collapse
        } else if of("blackout") > 0.0 {
            Outcome::Blackout
        } else {
            Outcome::Survived
        };
        let known = !matches!(outcome, Outcome::CandidateFailed | Outcome::SolverGaveUp);
        let message = self.failure.as_ref().map(|f| f.message.clone()).or_else(|| {
            let reference = |d: &powerflow::Divergence| d.to_string();
            self.grid.divergence().filter(|_| self.unsolved).map(reference)
        });
        let episode = Episode {
            population: scenario.population.clone(),
            index: scenario.index,
            subject: subject.to_owned(),
            scenario: scenario.digest(),
            outcome,
            cause: self.failure.as_ref().map(|f| f.cause),
            message,
            steps: self.steps,
            metrics: measured.iter().map(|(id, v)| (id.clone(), known.then_some(*v))).collect(),
            as_served: (outcome == Outcome::SolverGaveUp).then(|| by_id(config.security, &served)),
            refusals: self.refusals,
            trajectory: hex(&self.digest.finalize()),
        };
        debug_assert!(self.steps <= config.steps);
        let record = self.recorded.map(|steps| {
            let mut events = scenario.in_words(self.grid.network());
            if let Some(failure) = &self.failure {
                let at = f64::from(self.steps) * config.step_s;
                events.push((at, format!("the candidate failed ({:?}): {}", failure.cause, failure.message)));
            }
            Trajectory::document(&episode, events, steps)
        });
        Trajectory { episode, record }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Number of refusals that a step's record lists.
const REFUSALS_SHOWN: usize = 20;

fn step_record(grid: &Grid, grants: &Grants, now: Moment) -> StepRecord {
    let network = grid.network();
    let unserved = grid.unserved();
    let demand_mw = grid.demand_mw();
    let solution = grid.solution();
    let mut record = StepRecord {
        time_s: now.seconds(),
        vm_pu: network.buses.id.indices().map(|bus| solution.and_then(|s| s.vm_pu(bus))).collect(),
        loading: network
            .branches
            .rating_pu
            .iter()
            .map(|(branch, rating)| {
                let on = solution.is_some() && grid.state().branch_on[branch];
                rating.filter(|_| on).map(|rating| grid.flows().apparent_pu(branch) / rating)
            })
            .collect(),
        out: Some(
            grid.state()
                .branch_on
                .iter()
                .filter(|(_, on)| !**on)
                .map(|(branch, _)| branch.row() as u32)
                .collect(),
        ),
        served_mw: (grid.life() != Life::Unsolved).then(|| demand_mw - unserved.total_mw()),
        demand_mw,
        ..StepRecord::default()
    };
    let size = |quantity: Asked| match quantity.axis() {
        Axis::Scalar => 1,
        Axis::Bus => network.buses.id.len(),
        Axis::Unit => network.units.bus.len(),
        Axis::Branch => network.branches.from.len(),
        Axis::Shunt => network.shunts.bus.len(),
    };
    for grant in &grants.all {
        let id = grant.quantity.id();
        let columns = || vec![None; size(grant.quantity)];
        let at = grant.element as usize;
        record.asked.entry(id.into()).or_insert_with(columns)[at] = Some(grant.asked);
        record.granted.entry(id.into()).or_insert_with(columns)[at] = grant.granted;
        if let Some(reason) = grant.refusal
            && record.refused.len() < REFUSALS_SHOWN
        {
            record.refused.push((element_in_words(grid, grant), reason.id().into(), 1));
        }
    }
    if let Some(solution) = solution {
        let base = network.base;
        if !solution.at_limit.is_empty() {
            let first: Vec<String> =
                solution.at_limit.iter().take(6).map(|(bus, _)| network.buses.id[*bus].to_string()).collect();
            let more = solution.at_limit.len().saturating_sub(6);
            record.notes.push(format!(
                "{} buses at a reactive limit: {}{}",
                solution.at_limit.len(),
                first.join(", "),
                if more > 0 { format!(" and {more} more") } else { String::new() }
            ));
        }
        if !solution.unsettled.is_empty() {
            record.notes.push(format!(
                "{} buses turned between reactive limit and set-point without settling",
                solution.unsettled.len()
            ));
        }
        let dead = solution.status.iter().filter(|(_, s)| **s == powerflow::BusStatus::Dead).count();
        if dead > 0 {
            record.notes.push(format!("{dead} buses are dead, {:.1} MW not served", unserved.total_mw()));
        }
        if solution.unmet_pu() > 0.0 {
            record.notes.push(format!("{:.1} MW unmet balance", base.from_pu(solution.unmet_pu())));
        }
    }
    if let Some(divergence) = grid.divergence() {
        record.notes.push(divergence.to_string());
    }
    record
}

/// What the loss of one branch would do, in words; `None` where it would do no harm.
fn insecurity(network: &Network, security: &Security) -> Option<String> {
    let (branch, harm) = security.insecure.first()?;
    let mw = |pu: f64| network.base.from_pu(pu);
    let harm = match *harm {
        Harm::NoSolution => "no solution".to_owned(),
        Harm::LostDemand(pu) => format!("{:.1} MW of demand without voltage", mw(pu)),
        Harm::Unmet(pu) => format!("{:.1} MW unmet balance", mw(pu)),
        Harm::Broken(Violation::Overload(other, loading)) => {
            format!("{} at {:.0} % of its rating", network.branch_name(other), 100.0 * loading)
        }
        Harm::Broken(Violation::LowVoltage(bus, pu) | Violation::HighVoltage(bus, pu)) => {
            format!("bus {} at {pu:.4} pu", network.buses.id[bus])
        }
    };
    let more = security.insecure.len() - 1;
    let more = if more > 0 { format!("; so would the loss of {more} others") } else { String::new() };
    Some(format!("not N-1 secure: the loss of {} would leave {harm}{more}", network.branch_name(*branch)))
}

fn element_in_words(grid: &Grid, grant: &Grant) -> String {
    let network = grid.network();
    let row = grant.element as usize;
    match grant.quantity.axis() {
        Axis::Unit => network.unit_name(powerflow::UnitIdx::from_row(row)),
        Axis::Branch => network.branch_name(powerflow::BranchIdx::from_row(row)),
        Axis::Bus => format!("bus {}", network.buses.id[powerflow::BusIdx::from_row(row)]),
        Axis::Shunt => {
            let bus = network.shunts.bus[powerflow::ShuntIdx::from_row(row)];
            format!("shunt {} at bus {}", row + 1, network.buses.id[bus])
        }
        Axis::Scalar => grant.quantity.id().into(),
    }
}
