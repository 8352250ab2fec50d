//! One thread's solver: plans by topology, working memory, and the way from a state to a [`Solution`].

use std::sync::Arc;

use crate::config::{NewtonConfig, ReactiveLimits, Slack, Start};
use crate::index::{BusIdx, Column, Index, NodeIdx};
use crate::kernel::{self, Arena};
use crate::kirchhoff::Kirchhoff;
use crate::lane::{Lane, Work};
use crate::network::Network;
use crate::plan::Plan;
use crate::problem::{self, NONE, Problem};
use crate::reactive_limits::Before;
use crate::solution::{BusStatus, Complex, Divergence, DivergenceReason, Flows, LimitSide, Rung, Solution};
use crate::state::{State, Topology};
use crate::{distributed_slack, linear, reactive_limits};

/// Mismatch at which limits and clipping are looked at before the final iterations, pu.
const LOOSE_PU: f64 = 1e-4;

/// A live voltage below this is another root of the equations, not an operating point, pu. Motors have stalled and
/// undervoltage protection has acted far above it.
const COLLAPSED_PU: f64 = 0.2;

/// Magnitudes outside this range are rarely where a grid ends: too many buses gave up their voltage at once, pu.
const PLAUSIBLE_PU: (f64, f64) = (0.5, 1.5);

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
        let found = match self.climb(&plan, state, previous, config, &[]) {
            Ok(solution) => return Ok(solution),
            Err(found) => found,
        };
        let islands = self.problem.islands.len() as u32;
        if !config.unsolved_islands_die || islands < 2 {
            return Err(found);
        }
        // Who is to blame shows only when each island is alone: one that runs away stops the iterations of the others.
        let unsolved: Vec<u32> = (0..islands)
            .filter(|alone| {
                let others: Vec<u32> = (0..islands).filter(|island| island != alone).collect();
                self.climb(&plan, state, previous, config, &others).is_err()
            })
            .collect();
        if unsolved.is_empty() || unsolved.len() == islands as usize {
            return Err(found);
        }
        let mut solution = self.climb(&plan, state, previous, config, &unsolved)?;
        solution.iterations += found.iterations;
        Ok(solution)
    }

    /// Tries one rung of the ladder after the other, with some islands left without voltage.
    fn climb(
        &mut self,
        plan: &Plan,
        state: &State,
        previous: Option<&Solution>,
        config: &NewtonConfig,
        killed: &[u32],
    ) -> Result<Solution, Divergence> {
        let mut ladder = vec![(Rung::Newton, config.start)];
        if config.rescue {
            ladder.extend([
                (Rung::FlatStart, Start::Flat),
                (Rung::DcStart, Start::Dc),
                (Rung::Damped, Start::Flat),
            ]);
        }
        let mut best: Option<Divergence> = None;
        let mut iterations = 0;
        for (rung, start) in ladder {
            self.problem.set(&self.network, plan, state, config.slack);
            for island in killed {
                self.problem.kill(plan, *island);
            }
            if self.problem.islands.is_empty() {
                return Err(self.divergence(
                    plan,
                    DivergenceReason::NoSource,
                    NodeIdx::from_row(0),
                    [0.0; 2],
                ));
            }
            let previous = previous.filter(|_| rung == Rung::Newton);
            if let (ReactiveLimits::Enforce, Some(previous)) = (config.reactive_limits, previous) {
                let hold_references = config.slack == Slack::Single;
                reactive_limits::resume(&mut self.problem, plan, previous, hold_references);
            }
            self.place(plan, state, previous, start);
            let attempt = self.attempt(plan, state, config, rung == Rung::Damped);
            iterations += attempt.iterations;
            let failure = match attempt.reason {
                // Voltages that balance, but at which no grid operates: the lowest is the worst.
                Some(reason @ DivergenceReason::LowVoltage) => {
                    self.divergence(plan, reason, self.extremes(plan).0.1, [0.0; 2])
                }
                Some(reason) => self.worst(plan, reason),
                None => match self.finish(plan, state, config, rung, !killed.is_empty()) {
                    Ok(solution) => return Ok(Solution { iterations, ..solution }),
                    Err(failure) => failure,
                },
            };
            match &mut best {
                None => {
                    best = Some(Divergence { trend_pu: attempt.trend_pu, tried: vec![rung], ..failure });
                }
                Some(best) => {
                    best.tried.push(rung);
                    let size = |d: &Divergence| d.mismatch_mw.abs().max(d.mismatch_mvar.abs());
                    if size(&failure) < size(best) {
                        best.reason = failure.reason;
                        best.worst_bus = failure.worst_bus;
                        best.mismatch_mw = failure.mismatch_mw;
                        best.mismatch_mvar = failure.mismatch_mvar;
                    }
                }
            }
        }
        let best = best.unwrap_or_else(|| self.worst(plan, DivergenceReason::IterationLimit));
        Err(Divergence { iterations, ..best })
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
            .then(|| linear::angles(&self.network, plan, state, &self.problem));
        // The angle of a reference is the file's, whatever it was before: a state has one answer, however it was reached.
        let turns: Vec<Option<Complex>> = self
            .problem
            .islands
            .iter()
            .map(|island| {
                let first = *island.references.first()?;
                let bus = plan.nodes.bus[first];
                let v = warm_voltage(previous, first, bus)?;
                let angle = buses.stored_va_rad[bus];
                let (cos, sin) = (libm::cos(angle), libm::sin(angle));
                let size = v.abs();
                Some(Complex { re: (cos * v.re + sin * v.im) / size, im: (sin * v.re - cos * v.im) / size })
            })
            .collect();
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
            let first = self.problem.islands[island as usize].references[0];
            let warm = match turns[island as usize] {
                Some(turn) if !is_reference || node == first => warm_voltage(previous, node, *bus)
                    .map(|v| [v.re * turn.re - v.im * turn.im, v.re * turn.im + v.im * turn.re]),
                _ => None,
            };
            let (magnitude, angle) = match (start, &dc_angles) {
                (Start::Case, _) => stored,
                (_, Some(angles)) if !is_reference => (1.0, angles[row]),
                _ if is_reference => (1.0, stored.1),
                _ => (1.0, buses.stored_va_rad[plan.nodes.bus[first]]),
            };
            let magnitude = if magnitude > 0.0 { magnitude } else { 1.0 };
            let mut v = warm.unwrap_or_else(|| [magnitude * libm::cos(angle), magnitude * libm::sin(angle)]);
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
        // Buses that may turn in one pass, and where the solve stood before the last of them did. All that are beyond a
        // limit turn at once; where that leaves too few to hold the voltage, fewer.
        let mut at_most = usize::MAX;
        let mut before: Option<(Before, usize)> = None;
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
            let (reason, iterations) = f64::dispatch(work);
            all.iterations += iterations;
            let (lowest, highest) = self.extremes(plan);
            let reason = reason.or_else(|| (lowest.0 < COLLAPSED_PU).then_some(DivergenceReason::LowVoltage));
            let implausible = !(lowest.0 > PLAUSIBLE_PU.0 && highest < PLAUSIBLE_PU.1);
            let mut moved = false;
            match (reason, before.take()) {
                (reason, Some((before, switched))) if switched > 1 && (reason.is_some() || implausible) => {
                    before.restore(&mut self.problem, &mut self.arena);
                    kernel::injections(plan, &self.arena, &mut self.injections);
                    at_most = switched / 2;
                }
                (Some(reason), _) => {
                    all.reason = Some(reason);
                    return all;
                }
                (None, _) => {
                    kernel::injections(plan, &self.arena, &mut self.injections);
                    if config.slack == Slack::Distributed {
                        let unmet =
                            distributed_slack::unmet(&self.problem, plan, &self.arena, &self.injections);
                        moved |= distributed_slack::clip(&mut self.problem, plan, state, &unmet);
                    }
                }
            }
            if enforce {
                let present = Before::of(&self.problem, &self.arena);
                let switched = reactive_limits::switch(
                    &mut self.problem,
                    &mut self.arena,
                    plan,
                    &self.injections,
                    hold_references,
                    at_most,
                );
                if switched > 0 {
                    moved = true;
                    before = Some((present, switched));
                }
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
        rung: Rung,
        killed: bool,
    ) -> Result<Solution, Divergence> {
        kernel::injections(plan, &self.arena, &mut self.injections);
        let (network, problem) = (&self.network, &self.problem);
        let mut voltage = Column::filled(Complex::default(), plan.node_count());
        for node in plan.nodes.bus.indices() {
            if problem.island[node.row()] != NONE {
                let [re, im] = self.arena.voltage[plan.position[node] as usize];
                voltage[node] = Complex { re, im };
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
            iterations: 0,
            mismatch_pu: 0.0,
            rung,
        };
        if killed {
            let buses = solution.status.indices();
            solution.unsolved = buses.filter(|bus| problem.killed[bus.row()]).collect();
        }
        reactive_limits::report(problem, &mut solution);
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
        let allowed_pu = config.tolerance_pu * 10.0;
        let audit = self.kirchhoff.audit(network, plan, state, &solution, allowed_pu);
        solution.mismatch_pu = audit.mismatch_pu;
        match audit.failed {
            None => Ok(solution),
            Some((node, gap)) => {
                Err(self.divergence(plan, DivergenceReason::FailedAudit, node, [gap.re, gap.im]))
            }
        }
    }

    /// A failure whose worst bus is the one with the largest mismatch at the present voltages.
    fn worst(&mut self, plan: &Plan, reason: DivergenceReason) -> Divergence {
        kernel::injections(plan, &self.arena, &mut self.injections);
        let mut worst: (f64, NodeIdx, [f64; 2]) = (-1.0, NodeIdx::from_row(0), [0.0; 2]);
        for node in plan.nodes.bus.indices() {
            let at = plan.position[node] as usize;
            let (free, schedule) = (self.arena.free[at], self.arena.schedule[at]);
            let gap: [f64; 2] = std::array::from_fn(|k| (schedule[k] - self.injections[at][k]) * free[k]);
            let size = finite(gap[0]).abs().max(finite(gap[1]).abs());
            if self.problem.island[node.row()] != NONE && size > worst.0 {
                worst = (size, node, gap);
            }
        }
        self.divergence(plan, reason, worst.1, worst.2)
    }

    /// The lowest live magnitude, pu, with its node, and the highest.
    fn extremes(&self, plan: &Plan) -> ((f64, NodeIdx), f64) {
        let (mut lowest, mut highest) = ((f64::INFINITY, NodeIdx::from_row(0)), 0.0f64);
        for node in plan.nodes.bus.indices() {
            let [re, im] = self.arena.voltage[plan.position[node] as usize];
            let magnitude = Complex { re, im }.abs();
            if self.problem.island[node.row()] != NONE {
                highest = highest.max(magnitude);
                if magnitude < lowest.0 {
                    lowest = (magnitude, node);
                }
            }
        }
        (lowest, highest)
    }

    /// A failure at a node, with its mismatch.
    fn divergence(
        &self,
        plan: &Plan,
        reason: DivergenceReason,
        node: NodeIdx,
        gap_pu: [f64; 2],
    ) -> Divergence {
        let base = self.network.base;
        let [mismatch_mw, mismatch_mvar] = gap_pu.map(|gap| finite(base.from_pu(gap)));
        Divergence {
            reason,
            worst_bus: self.network.buses.id[plan.nodes.bus[node]],
            mismatch_mw,
            mismatch_mvar,
            iterations: 0,
            trend_pu: Vec::new(),
            tried: Vec::new(),
        }
    }
}

/// A gap that is no number is infinitely wrong, and is shown as more than any grid could be out of balance.
fn finite(gap: f64) -> f64 {
    const ENDLESS_PU: f64 = 1e9;
    if gap.is_finite() { gap.clamp(-ENDLESS_PU, ENDLESS_PU) } else { ENDLESS_PU }
}

/// The voltage that a node had, where it had one.
fn warm_voltage(previous: Option<&Solution>, node: NodeIdx, bus: BusIdx) -> Option<Complex> {
    let previous = previous.filter(|p| p.status.get(bus) == Some(&BusStatus::Live))?;
    previous.voltage.get(node).copied().filter(|v| v.abs() > 0.0)
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
