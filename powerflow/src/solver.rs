//! One thread's solver: plans by topology, working memory, and the way from a state to a [`Solution`].

use std::sync::Arc;

use crate::config::{NewtonConfig, ReactiveLimits, Slack, Start};
use crate::index::{BusIdx, Column, Index, NodeIdx};
use crate::kernel::{self, Arena};
use crate::kirchhoff::Kirchhoff;
use crate::lane::{self, Lane, Work};
use crate::network::Network;
use crate::plan::Plan;
use crate::problem::{self, NONE, Problem};
use crate::solution::{BusStatus, Complex, Divergence, DivergenceReason, Flows, LimitSide, Rung, Solution};
use crate::state::{State, Topology};
use crate::{dc, distributed_slack, reactive_limits};

/// Mismatch at which limits and clipping are looked at before the final iterations, pu.
const LOOSE_PU: f64 = 1e-4;

/// A live voltage below this is another root of the equations, not an operating point, pu. Motors have stalled and
/// undervoltage protection has acted far above it.
const COLLAPSED_PU: f64 = 0.2;

/// Solves any number of states of one network. One per thread: it holds the working memory.
#[derive(Debug)]
pub struct Solver {
    network: Arc<Network>,
    plans: Vec<Arc<Plan>>,
    kirchhoff: Kirchhoff,
    arena: Arena<f64>,
    problem: Problem,
    injections: Vec<[f64; 2]>,
}

/// How an attempt ended.
struct Attempt {
    reason: Option<DivergenceReason>,
    iterations: u32,
    trend_pu: Vec<f64>,
}

impl Solver {
    /// A solver with the plan of the unsplit topology.
    pub fn new(network: &Arc<Network>) -> Self {
        let plan = Arc::new(Plan::new(network, &Arc::new(Topology::unsplit())));
        Self::with_plan(network, plan)
    }

    /// A solver that shares a plan with others.
    pub fn with_plan(network: &Arc<Network>, plan: Arc<Plan>) -> Self {
        Solver {
            network: Arc::clone(network),
            plans: vec![plan],
            kirchhoff: Kirchhoff::new(&network.case),
            arena: Arena::default(),
            problem: Problem::default(),
            injections: Vec::new(),
        }
    }

    /// The network that is solved.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// The plan of a topology, made on first use.
    pub fn plan(&mut self, topology: &Arc<Topology>) -> Arc<Plan> {
        let number = self.plan_number(topology);
        Arc::clone(&self.plans[number])
    }

    /// Which of the cached plans belongs to a topology; made on first use.
    pub(crate) fn plan_number(&mut self, topology: &Arc<Topology>) -> usize {
        // The same allocation first: almost always it is, and then nothing needs to be compared.
        let same = |p: &Arc<Plan>| Arc::ptr_eq(&p.topology, topology) || p.topology == *topology;
        self.plans.iter().position(same).unwrap_or_else(|| {
            self.plans.push(Arc::new(Plan::new(&self.network, topology)));
            self.plans.len() - 1
        })
    }

    /// Solves one state, starting from `previous` where there is one, else as `config.start` says.
    ///
    /// # Errors
    /// [`Divergence`] where no rung of the ladder found voltages at which Kirchhoff's law, recomputed from the case,
    /// holds in every energised island.
    pub fn solve(
        &mut self,
        state: &State,
        previous: Option<&Solution>,
        config: &NewtonConfig,
    ) -> Result<Solution, Divergence> {
        let plan = self.plan(&state.topology);
        self.arena.fit(&plan);
        problem::patches(&self.network, &plan, state, 0, &mut self.arena.patches);
        let mut ladder = vec![(Rung::Newton, config.start)];
        if config.rescue {
            ladder.extend([
                (Rung::FlatStart, Start::Flat),
                (Rung::DcStart, Start::Dc),
                (Rung::Damped, Start::Flat),
            ]);
        }
        let mut divergence: Option<Divergence> = None;
        let mut killed: Vec<u32> = Vec::new();
        loop {
            for (rung, start) in &ladder {
                self.problem.set(&self.network, &plan, state, config.slack);
                for island in &killed {
                    self.problem.kill(&plan, *island);
                }
                if self.problem.islands.iter().all(|i| i.references.is_empty()) {
                    return Err(self.diverged(&plan, DivergenceReason::NoSource, divergence));
                }
                let previous = previous.filter(|_| *rung == Rung::Newton);
                if let (ReactiveLimits::Enforce, Some(previous)) = (config.reactive_limits, previous) {
                    let hold_references = config.slack == Slack::Single;
                    reactive_limits::resume(&mut self.problem, &plan, previous, hold_references);
                }
                self.place(&plan, state, previous, *start);
                let attempt = self.attempt(&plan, state, config, *rung == Rung::Damped);
                let iterations = attempt.iterations + divergence.as_ref().map_or(0, |d| d.iterations);
                let reason = match attempt.reason {
                    Some(reason) => reason,
                    None => match self.finish(&plan, state, config, iterations, *rung, !killed.is_empty()) {
                        Ok(solution) => return Ok(solution),
                        Err(reason) => reason,
                    },
                };
                let mut worst = self.diverged(&plan, reason, None);
                worst.iterations = iterations;
                match &mut divergence {
                    None => {
                        worst.trend_pu = attempt.trend_pu;
                        worst.tried = vec![*rung];
                        divergence = Some(worst);
                    }
                    Some(best) => {
                        best.tried.push(*rung);
                        best.iterations = iterations;
                        let size = |d: &Divergence| d.mismatch_mw.hypot(d.mismatch_mvar);
                        if size(&worst) < size(best) {
                            best.reason = worst.reason;
                            best.worst_bus = worst.worst_bus;
                            best.mismatch_mw = worst.mismatch_mw;
                            best.mismatch_mvar = worst.mismatch_mvar;
                        }
                    }
                }
            }
            let failed =
                if config.unsolved_islands_die { self.failed_islands(&plan, &killed) } else { Vec::new() };
            match divergence.take() {
                Some(found) if failed.is_empty() => return Err(found),
                found => divergence = found,
            }
            killed.extend(failed);
        }
    }

    /// Flows of a solution.
    pub fn flows(&mut self, state: &State, solution: &Solution) -> Flows {
        let plan = self.plan(&state.topology);
        Flows::of(&self.network, &plan, state, solution)
    }

    /// Starting voltages and row kinds.
    fn place(&mut self, plan: &Plan, state: &State, previous: Option<&Solution>, start: Start) {
        let buses = &self.network.buses;
        let dc_angles = (start == Start::Dc && previous.is_none())
            .then(|| dc::angles(&self.network, plan, state, &self.problem));
        for (node, bus) in plan.nodes.bus.iter() {
            let row = node.row();
            let at = plan.position[node] as usize;
            let island = self.problem.island[row];
            if island == NONE {
                self.arena.voltage[at] = [1.0, 0.0];
                self.arena.free[at] = [0.0, 0.0];
                continue;
            }
            let is_reference = self.problem.islands[island as usize].references.contains(&node);
            let stored = (buses.stored_vm_pu[*bus], buses.stored_va_rad[*bus]);
            let warm = previous.filter(|p| p.status[*bus] == BusStatus::Live).map(|p| p.voltage[node]);
            let first = self.problem.islands[island as usize].references[0];
            let (magnitude, angle) = match (start, &dc_angles) {
                (Start::Case, _) => stored,
                (_, Some(angles)) if !is_reference => (1.0, angles[row]),
                _ if is_reference => (1.0, stored.1),
                _ => (1.0, buses.stored_va_rad[plan.nodes.bus[first]]),
            };
            let magnitude = if magnitude > 0.0 { magnitude } else { 1.0 };
            let mut v = warm.map_or_else(
                || [magnitude * libm::cos(angle), magnitude * libm::sin(angle)],
                |v| [v.re, v.im],
            );
            if self.problem.holds[row] && self.problem.at_limit[row].is_none() {
                set_magnitude(&mut v, self.problem.v_set_pu[row]);
            }
            self.arena.voltage[at] = v;
            let angle_free = if is_reference { 0.0 } else { 1.0 };
            let held = self.problem.holds[row] && self.problem.at_limit[row].is_none();
            let magnitude_free = if held { 0.0 } else { 1.0 };
            self.arena.free[at] = [angle_free, magnitude_free];
        }
    }

    /// Newton and the outer passes, until nothing moves.
    fn attempt(&mut self, plan: &Plan, state: &State, config: &NewtonConfig, damped: bool) -> Attempt {
        let mut all = Attempt { reason: None, iterations: 0, trend_pu: Vec::new() };
        let enforce = config.reactive_limits == ReactiveLimits::Enforce;
        let hold_references = config.slack == Slack::Single;
        let mut tight = !enforce && config.slack == Slack::Single;
        for _ in 0..config.passes_max {
            self.schedule(plan, state);
            let tolerance = if tight { config.tolerance_pu } else { config.tolerance_pu.max(LOOSE_PU) };
            let work = Newton {
                plan,
                arena: &mut self.arena,
                problem: &mut self.problem,
                tolerance,
                iterations_max: config.iterations_max,
                damped,
                trend_pu: &mut all.trend_pu,
            };
            let (reason, iterations) = lane::dispatch(work);
            all.iterations += iterations;
            if reason.is_some() {
                all.reason = reason;
                return all;
            }
            let mut moved = false;
            kernel::injections(plan, &self.arena, &mut self.injections);
            if config.slack == Slack::Distributed {
                let unmet = distributed_slack::unmet(&self.problem, plan, &self.arena, &self.injections);
                moved |= distributed_slack::clip(&mut self.problem, plan, state, &unmet);
            }
            if enforce {
                moved |= reactive_limits::switch(
                    &mut self.problem,
                    &mut self.arena,
                    plan,
                    &self.injections,
                    hold_references,
                );
            }
            if !moved && tight {
                return all;
            }
            tight = !moved;
        }
        all.reason = Some(DivergenceReason::IterationLimit);
        all
    }

    /// Writes the problem's schedule into the arena.
    fn schedule(&mut self, plan: &Plan, state: &State) {
        let problem = &self.problem;
        for node in plan.nodes.bus.indices() {
            let row = node.row();
            let q = match problem.at_limit[row] {
                Some(LimitSide::Low) => problem.q_min_pu[row],
                Some(LimitSide::High) => problem.q_max_pu[row],
                None => 0.0,
            };
            let at = plan.position[node] as usize;
            self.arena.schedule[at] = [problem.fixed_p_pu[row], problem.fixed_q_pu[row] + q];
            self.arena.share[at] = 0.0;
        }
        for (unit, node) in plan.nodes.unit.iter() {
            let island = problem.island[node.row()];
            if island == NONE || !problem.running[unit.row()] {
                continue;
            }
            let at = plan.position[*node] as usize;
            match problem.shares[unit.row()] {
                problem::Share::No => {}
                problem::Share::Clipped { at_pu, .. } => self.arena.schedule[at][0] += at_pu,
                problem::Share::Weight(weight) => {
                    self.arena.schedule[at][0] += problem.unit_p_pu(state, unit, island);
                    self.arena.share[at] += weight / problem.islands[island as usize].weight;
                }
            }
        }
    }

    /// From voltages to a solution, with the audit.
    fn finish(
        &mut self,
        plan: &Plan,
        state: &State,
        config: &NewtonConfig,
        iterations: u32,
        rung: Rung,
        killed: bool,
    ) -> Result<Solution, DivergenceReason> {
        kernel::injections(plan, &self.arena, &mut self.injections);
        let (network, problem) = (&self.network, &self.problem);
        let mut voltage = Column::filled(Complex::default(), plan.node_count());
        for node in plan.nodes.bus.indices() {
            if problem.island[node.row()] != NONE {
                let [re, im] = self.arena.voltage[plan.position[node] as usize];
                let v = Complex { re, im };
                if v.abs() < COLLAPSED_PU {
                    return Err(DivergenceReason::LowVoltage);
                }
                voltage[node] = v;
            }
        }
        let status: Column<BusIdx, BusStatus> =
            network.buses.id.indices().map(|bus| problem.status[bus.row()]).collect();
        let mut solution = Solution {
            voltage,
            status,
            unit_p_pu: Column::filled(0.0, network.units.bus.len()),
            unit_q_pu: Column::filled(0.0, network.units.bus.len()),
            islands: Vec::with_capacity(problem.islands.len()),
            at_limit: Vec::new(),
            unsettled: Vec::new(),
            unsolved: Vec::new(),
            iterations,
            mismatch_pu: 0.0,
            rung,
        };
        for (bus, status) in solution.status.iter() {
            let row = bus.row();
            if let (BusStatus::Live, Some(side)) = (status, problem.at_limit[row]) {
                solution.at_limit.push((bus, side));
            }
            if problem.switches[row] >= reactive_limits::SWITCHES_MAX {
                solution.unsettled.push(bus);
            }
            if killed && *status == BusStatus::Dead && problem.holds[row] {
                solution.unsolved.push(bus);
            }
        }
        distributed_slack::dispatch(
            problem,
            plan,
            state,
            &self.arena,
            &self.injections,
            config.slack,
            &mut solution,
        );
        reactive_limits::dispatch(problem, plan, network, &self.injections, &mut solution);
        let audit = self.kirchhoff.audit(network, plan, state, &solution);
        solution.mismatch_pu = audit.mismatch_pu;
        // The audit adds the same terms in another order with other operations: allow rounding, nothing else.
        if audit.mismatch_pu <= (config.tolerance_pu * 10.0).max(audit.rounding_pu) {
            Ok(solution)
        } else {
            Err(DivergenceReason::FailedAudit)
        }
    }

    /// The worst row at the present voltages.
    fn diverged(&mut self, plan: &Plan, reason: DivergenceReason, earlier: Option<Divergence>) -> Divergence {
        if let Some(earlier) = earlier {
            return earlier;
        }
        kernel::injections(plan, &self.arena, &mut self.injections);
        let base = self.network.base;
        let mut worst: (f64, NodeIdx, [f64; 2]) = (-1.0, NodeIdx::from_row(0), [0.0; 2]);
        for node in plan.nodes.bus.indices() {
            let at = plan.position[node] as usize;
            let (free, schedule) = (self.arena.free[at], self.arena.schedule[at]);
            let gap: [f64; 2] = std::array::from_fn(|k| (schedule[k] - self.injections[at][k]) * free[k]);
            // A gap that is no number is infinitely wrong, and is shown as the largest finite one.
            let gap = gap.map(|g| if g.is_finite() { g } else { f64::MAX / base.0.max(1.0) });
            let size = gap[0].abs().max(gap[1].abs());
            if self.problem.island[node.row()] != NONE && size > worst.0 {
                worst = (size, node, gap);
            }
        }
        Divergence {
            reason,
            worst_bus: self.network.buses.id[plan.nodes.bus[worst.1]],
            mismatch_mw: base.from_pu(worst.2[0]),
            mismatch_mvar: base.from_pu(worst.2[1]),
            iterations: 0,
            trend_pu: Vec::new(),
            tried: Vec::new(),
        }
    }

    /// Islands that are out of balance at the present voltages, unless all are.
    fn failed_islands(&mut self, plan: &Plan, killed: &[u32]) -> Vec<u32> {
        kernel::injections(plan, &self.arena, &mut self.injections);
        let mut failed = vec![false; self.problem.islands.len()];
        for node in plan.nodes.bus.indices() {
            let island = self.problem.island[node.row()];
            let at = plan.position[node] as usize;
            let (free, schedule, s) = (self.arena.free[at], self.arena.schedule[at], self.injections[at]);
            let fine = (0..2).all(|k| ((schedule[k] - s[k]) * free[k]).abs() <= LOOSE_PU);
            if island != NONE && !fine {
                failed[island as usize] = true;
            }
        }
        let alive = failed.len() - killed.len();
        let failed: Vec<u32> = (0..failed.len() as u32).filter(|i| failed[*i as usize]).collect();
        if failed.len() < alive { failed } else { Vec::new() }
    }
}

/// Scales a voltage to a magnitude, keeping its angle.
pub(crate) fn set_magnitude(v: &mut [f64; 2], magnitude: f64) {
    let scale = magnitude / (v[0] * v[0] + v[1] * v[1]).sqrt();
    *v = if scale.is_finite() { [v[0] * scale, v[1] * scale] } else { [magnitude, 0.0] };
}

/// Newton's method from the arena's voltages to `tolerance`.
struct Newton<'a> {
    plan: &'a Plan,
    arena: &'a mut Arena<f64>,
    problem: &'a mut Problem,
    tolerance: f64,
    iterations_max: u32,
    damped: bool,
    trend_pu: &'a mut Vec<f64>,
}

/// Below this step the next mismatch may be within tolerance, so it is worth computing on its own.
const NEARLY: f64 = 3e-3;

impl Work for Newton<'_> {
    type Answer = (Option<DivergenceReason>, u32);

    #[inline(always)]
    fn run(self) -> Self::Answer {
        let Newton { plan, arena, problem, tolerance, iterations_max, damped, trend_pu } = self;
        let balanced: Vec<(u32, u32)> = problem
            .islands
            .iter()
            .enumerate()
            .filter(|(_, island)| island.weight > 0.0 && !island.references.is_empty())
            .map(|(i, island)| (i as u32, plan.position[island.references[0]]))
            .collect();
        let slack_rows: Vec<u32> = balanced.iter().map(|(_, row)| *row).collect();
        let mut check = true;
        let mut iterations = 0;
        loop {
            if check {
                let mismatch = kernel::mismatch(plan, arena, &slack_rows);
                if mismatch <= tolerance {
                    return (None, iterations);
                }
            }
            if iterations == iterations_max {
                return (Some(DivergenceReason::IterationLimit), iterations);
            }
            iterations += 1;
            let mismatch = if balanced.is_empty() {
                kernel::factor_and_solve::<f64, false>(plan, arena)
            } else {
                kernel::factor_and_solve::<f64, true>(plan, arena)
            };
            trend_pu.push(mismatch);
            if !mismatch.is_finite() {
                return (Some(DivergenceReason::NotFinite), iterations);
            }
            if !balanced.is_empty() {
                distributed_slack::border(problem, arena, plan, &balanced);
            }
            let largest = if damped {
                damped_advance(plan, arena, &slack_rows, mismatch)
            } else {
                kernel::advance(arena, f64::splat(1.0))
            };
            if !largest.is_finite() {
                return (Some(DivergenceReason::NotFinite), iterations);
            }
            check = damped || largest < NEARLY;
        }
    }
}

/// Shortens the step until the mismatch falls, at most to a thirty-second.
#[inline(always)]
fn damped_advance(plan: &Plan, arena: &mut Arena<f64>, slack_rows: &[u32], before: f64) -> f64 {
    let start = arena.voltage.clone();
    let mut scale = 1.0;
    loop {
        let largest = kernel::advance(arena, scale);
        let after = kernel::mismatch(plan, arena, slack_rows);
        if after < before || scale < 0.05 {
            return largest;
        }
        arena.voltage.copy_from_slice(&start);
        scale *= 0.5;
    }
}

/// Solves the operating point that the file describes.
///
/// # Errors
/// [`Divergence`], see [`Solver::solve`].
///
/// ```
/// # use powerflow::{Case, Network, NewtonConfig, case::*, BusId};
/// let case = Case::two_bus_example();
/// let network = Network::build(case)?;
/// let solution = powerflow::solve(&network, &NewtonConfig::default())?;
/// assert!(solution.unmet_pu() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn solve(network: &Arc<Network>, config: &NewtonConfig) -> Result<Solution, Divergence> {
    Solver::new(network).solve(&network.initial_state(), None, config)
}
