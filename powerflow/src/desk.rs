//! Where states are worked on, side by side: one lane a state, each with its problem and the passes over limits and slack.
//!
//! A lane goes seat -> Newton -> settle -> (again, with other limits) -> finish. What happens in a lane depends on its own
//! state alone.

use crate::config::{NewtonConfig, ReactiveLimits, Slack, Start};
use crate::index::{BusIdx, Column, Index, NodeIdx};
use crate::kernel::{self, Arena, Patch};
use crate::kirchhoff::Kirchhoff;
use crate::lane::Lane;
use crate::network::Network;
use crate::newton::{Balanced, Newton, Progress, Run};
use crate::plan::Plan;
use crate::problem::{self, NONE, Problem, Share};
use crate::reactive_limits::Before;
use crate::solution::{BusStatus, Complex, Divergence, DivergenceReason, LimitSide, Rung, Solution};
use crate::state::State;
use crate::{distributed_slack, linear, reactive_limits, referee};

/// Mismatch at which limits and clipping are looked at before the final iterations, pu.
const LOOSE_PU: f64 = 1e-4;

/// A live voltage below this is another root of the equations, not an operating point, pu. Motors have stalled and
/// undervoltage protection has acted far above it.
pub(crate) const COLLAPSED_PU: f64 = 0.2;

/// What the sum of a bus's terms may lose to rounding in the kernel, as a share of their sum of magnitudes; less than the
/// audit allows itself.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

/// Rounding beyond this is refused rather than told from a wrong answer, pu.
const ROUND_OFF_MAX_PU: f64 = 1e-5;

/// Of the buses that hold a voltage, one in so many may turn in a pass where limits are imposed gently.
const GENTLY: usize = 32;

/// Magnitudes outside this range are rarely where a grid ends: too many buses gave up their voltage at once, pu.
const PLAUSIBLE_PU: (f64, f64) = (0.5, 1.5);

/// What all lanes share.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) network: &'a Network,
    pub(crate) plan: &'a Plan,
    pub(crate) kirchhoff: &'a Kirchhoff,
    pub(crate) config: &'a NewtonConfig,
}

/// How a lane is to begin.
#[derive(Clone, Copy)]
pub(crate) struct Beginning<'a> {
    pub(crate) state: &'a State,
    /// Voltages to start from, where there are some.
    pub(crate) previous: Option<&'a Solution>,
    /// Where to start otherwise.
    pub(crate) start: Start,
    /// Islands that are left without voltage.
    pub(crate) killed: &'a [u32],
    /// Whether to remember the mismatch of each iteration.
    pub(crate) trend: bool,
}

/// The working memory of one width.
#[derive(Debug)]
pub(crate) struct Desk<L> {
    pub(crate) arena: Arena<L>,
    pub(crate) lanes: Vec<Progress>,
    seats: Vec<Seat>,
    injections: Vec<[L; 2]>,
    /// Lowest and highest magnitude of each lane after Newton, pu.
    extremes: [L; 2],
    patches: Vec<Patch>,
}

/// One lane's state of affairs beyond Newton.
#[derive(Debug, Default)]
struct Seat {
    problem: Problem,
    tight: bool,
    /// Buses that may turn in one pass, and where the solve stood before the last of them did. All that are beyond a
    /// limit turn at once; where that leaves too few to hold the voltage, fewer.
    at_most: usize,
    before: Option<(Before, usize)>,
    passes: u32,
    passes_max: u32,
    iterations: u32,
    /// Whether a tight pass ended where rounding is above the tolerance.
    stagnated: bool,
}

impl Desk<f64> {
    /// Newton with a pivoted factorisation.
    pub(crate) fn newton_pivoted(&mut self, plan: &Plan) {
        referee::newton(plan, &mut self.arena, &mut self.lanes[0]);
        self.look(plan);
    }
}

impl<L: Lane> Default for Desk<L> {
    fn default() -> Self {
        Desk {
            arena: Arena::default(),
            lanes: vec![Progress::idle(); L::WIDTH],
            seats: (0..L::WIDTH).map(|_| Seat::default()).collect(),
            injections: Vec::new(),
            extremes: [L::splat(0.0); 2],
            patches: Vec::new(),
        }
    }
}

impl<L: Lane> Desk<L> {
    /// Makes room for a plan, every lane idle.
    pub(crate) fn open(&mut self, plan: &Plan) {
        self.arena.fit(plan, plan.uniform());
        self.lanes.iter_mut().for_each(|lane| *lane = Progress::idle());
    }

    /// The problem in a lane.
    pub(crate) fn problem(&self, lane: usize) -> &Problem {
        &self.seats[lane].problem
    }

    /// The problem in a lane, to be changed between solves.
    pub(crate) fn problem_mut(&mut self, lane: usize) -> &mut Problem {
        let problem = &mut self.seats[lane].problem;
        problem.forget_islands();
        problem
    }

    /// Computes what leaves every row and how far magnitudes reach, after voltages were changed.
    pub(crate) fn look(&mut self, plan: &Plan) {
        kernel::injections(plan.uniform(), &self.arena, &mut self.injections);
        self.extremes = kernel::extremes(&self.arena);
    }

    /// Iterations of a lane, over all passes.
    pub(crate) fn iterations(&self, lane: usize) -> u32 {
        self.seats[lane].iterations
    }

    /// Puts a state into a lane.
    ///
    /// # Errors
    /// Where no bus has a source.
    pub(crate) fn seat(
        &mut self,
        lane: usize,
        frame: &Frame<'_>,
        begin: &Beginning<'_>,
    ) -> Result<(), Divergence> {
        let Frame { network, plan, config, .. } = *frame;
        let Beginning { state, previous, .. } = *begin;
        let seat = &mut self.seats[lane];
        seat.problem.set(network, plan, state, config.slack);
        for island in begin.killed {
            seat.problem.kill(plan, *island);
        }
        if seat.problem.islands.is_empty() {
            return Err(divergence(frame, DivergenceReason::NoSource, NodeIdx::from_row(0), [0.0; 2]));
        }
        let hold_references = config.slack == Slack::Single;
        if let (ReactiveLimits::Enforce, Some(previous)) = (config.reactive_limits, previous) {
            reactive_limits::resume(&mut seat.problem, plan, previous, hold_references);
        }
        seat.tight = config.reactive_limits == ReactiveLimits::Ignore && config.slack == Slack::Single;
        seat.at_most = usize::MAX;
        seat.before = None;
        seat.passes = 0;
        seat.passes_max = config.passes_max;
        seat.iterations = 0;
        seat.stagnated = false;
        self.patches.clear();
        problem::patches(network, plan, state, lane as u32, &mut self.patches);
        self.arena.set_patches(lane as u32, &self.patches);
        self.place(lane, frame, begin);
        self.lanes[lane].trend_pu = begin.trend.then(Vec::new);
        self.begin(lane, frame, state);
        Ok(())
    }

    /// Newton in all lanes until at most `leave` are still active.
    pub(crate) fn newton(&mut self, plan: &Plan, leave: usize, damped: bool) {
        let work = Newton {
            schedule: plan.uniform(),
            masked: true,
            arena: &mut self.arena,
            lanes: &mut self.lanes,
            leave,
            damped,
            from_base: None,
        };
        L::dispatch(work);
        self.look(plan);
    }

    /// Lets only a few buses turn in each pass, those that are furthest beyond their limits, and as many passes as that takes.
    pub(crate) fn gently(&mut self, lane: usize) {
        let seat = &mut self.seats[lane];
        let holding = seat.problem.holds.iter().filter(|holds| **holds).count();
        seat.at_most = (holding / GENTLY).max(1);
        seat.passes_max += 4 * holding.min(8 * GENTLY) as u32;
    }

    /// Looks at limits and slack where Newton has ended. `None` means that the lane iterates on.
    pub(crate) fn settle(
        &mut self,
        lane: usize,
        frame: &Frame<'_>,
        state: &State,
    ) -> Option<Result<(), DivergenceReason>> {
        let Frame { plan, config, .. } = *frame;
        let reason = match self.lanes[lane].run {
            Run::Idle | Run::Active => return None,
            Run::Converged(_) => None,
            Run::Failed(reason) => Some(reason),
        };
        // Out of iterations, but nothing is wrong that rounding would not explain.
        let round_off =
            (reason == Some(DivergenceReason::IterationLimit)).then(|| self.round_off(lane, plan));
        let reason = match round_off.flatten() {
            Some(gap_pu) if gap_pu <= ROUND_OFF_MAX_PU => None,
            Some(_) => Some(DivergenceReason::RoundOff),
            None => reason,
        };
        self.seats[lane].stagnated = reason.is_none() && round_off.is_some();
        let [lowest, highest] = self.extremes.map(|of_lanes| of_lanes.get(lane));
        let Desk { arena, lanes, seats, injections, .. } = self;
        let (seat, progress) = (&mut seats[lane], &mut lanes[lane]);
        progress.run = Run::Idle;
        seat.iterations += progress.iterations;
        seat.passes += 1;
        for balanced in &progress.balanced {
            seat.problem.islands[balanced.island as usize].moved_pu = balanced.moved_pu;
        }
        let reason = reason.or_else(|| (lowest < COLLAPSED_PU).then_some(DivergenceReason::LowVoltage));
        let implausible = !(lowest > PLAUSIBLE_PU.0 && highest < PLAUSIBLE_PU.1);
        let mut moved = false;
        let mut went_back = false;
        match (reason, seat.before.take()) {
            (reason, Some((before, switched))) if switched > 1 && (reason.is_some() || implausible) => {
                before.restore(&mut seat.problem, arena, lane);
                seat.at_most = switched / 2;
                went_back = true;
            }
            (Some(reason), _) => return Some(Err(reason)),
            (None, _) => {}
        }
        if went_back {
            kernel::injections(plan.uniform(), arena, injections);
        } else if config.slack == Slack::Distributed {
            let unmet = distributed_slack::unmet(&seat.problem, plan, arena, injections, lane);
            moved |= distributed_slack::clip(&mut seat.problem, plan, state, &unmet);
        }
        if config.reactive_limits == ReactiveLimits::Enforce {
            let hold_references = config.slack == Slack::Single;
            let turns = reactive_limits::turns(
                &seat.problem,
                arena,
                lane,
                plan,
                injections,
                hold_references,
                seat.at_most,
            );
            if !turns.is_empty() {
                moved = true;
                seat.before = Some((Before::of(&seat.problem, arena, lane), turns.len()));
                reactive_limits::turn(&mut seat.problem, arena, lane, plan, &turns);
            }
        }
        if !moved && seat.tight {
            return Some(Ok(()));
        }
        if seat.passes >= seat.passes_max {
            return Some(Err(DivergenceReason::IterationLimit));
        }
        seat.tight = !moved;
        if moved || went_back {
            self.begin(lane, frame, state);
        } else {
            // Nothing but the tolerance is new, and the schedules hold what the slack has moved.
            progress.start(config.tolerance_pu, config.iterations_max);
        }
        None
    }

    /// Starts Newton in a lane, with the limits and the slack of now.
    fn begin(&mut self, lane: usize, frame: &Frame<'_>, state: &State) {
        let Frame { plan, config, .. } = *frame;
        self.schedule(lane, plan, state);
        let (seat, progress) = (&self.seats[lane], &mut self.lanes[lane]);
        progress.balanced.clear();
        for (number, island) in seat.problem.islands.iter().enumerate() {
            if let (true, Some(reference)) = (island.weight > 0.0, island.references.first()) {
                let row = plan.position[*reference];
                progress.balanced.push(Balanced::new(number as u32, row, island.moved_pu));
            }
        }
        progress.island_at.clear();
        if progress.balanced.len() > 1 {
            let island_at = plan.node_at.iter().map(|node| seat.problem.island[node.row()]);
            progress.island_at.extend(island_at);
        }
        for at in 0..self.arena.balance.len() {
            self.arena.balance[at].set(lane, 0.0);
        }
        for balanced in &progress.balanced {
            self.arena.balance[balanced.row as usize].set(lane, 1.0);
        }
        let tolerance_pu = if seat.tight { config.tolerance_pu } else { config.tolerance_pu.max(LOOSE_PU) };
        progress.start(tolerance_pu, config.iterations_max);
    }

    /// Starting voltages and row kinds.
    fn place(&mut self, lane: usize, frame: &Frame<'_>, begin: &Beginning<'_>) {
        let Frame { network, plan, .. } = *frame;
        let Beginning { state, previous, start, .. } = *begin;
        let buses = &network.buses;
        let Desk { arena, seats, .. } = self;
        let problem = &seats[lane].problem;
        let dc_angles =
            (start == Start::Dc && previous.is_none()).then(|| linear::angles(network, plan, state, problem));
        // The angle of a reference is the file's, whatever it was before: a state has one answer, however it was reached.
        let turns: Vec<Option<Complex>> = problem
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
            let island = problem.island[row];
            if island == NONE {
                arena.set_voltage(at, lane, [1.0, 0.0]);
                arena.free[at][0].set(lane, 0.0);
                arena.free[at][1].set(lane, 0.0);
                continue;
            }
            let is_reference = problem.islands[island as usize].references.contains(&node);
            let stored = (buses.stored_vm_pu[*bus], buses.stored_va_rad[*bus]);
            let first = problem.islands[island as usize].references[0];
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
            let v = warm.unwrap_or_else(|| [magnitude * libm::cos(angle), magnitude * libm::sin(angle)]);
            arena.set_voltage(at, lane, v);
            let held = problem.holds[row] && problem.at_limit[row].is_none();
            if held {
                arena.set_magnitude(at, lane, problem.v_set_pu[row]);
            }
            arena.free[at][0].set(lane, if is_reference { 0.0 } else { 1.0 });
            arena.free[at][1].set(lane, if held { 0.0 } else { 1.0 });
        }
    }

    /// Writes a lane's schedule into the arena.
    fn schedule(&mut self, lane: usize, plan: &Plan, state: &State) {
        let Desk { arena, seats, .. } = self;
        let problem = &seats[lane].problem;
        for node in plan.nodes.bus.indices() {
            let row = node.row();
            let q = match problem.at_limit[row] {
                Some(LimitSide::Low) => problem.q_min_pu[row],
                Some(LimitSide::High) => problem.q_max_pu[row],
                None => 0.0,
            };
            let at = plan.position[node] as usize;
            arena.schedule[at][0].set(lane, problem.fixed_p_pu[row]);
            arena.schedule[at][1].set(lane, problem.fixed_q_pu[row] + q);
            arena.share[at].set(lane, 0.0);
        }
        for (unit, node) in plan.nodes.unit.iter() {
            let island = problem.island[node.row()];
            if island == NONE || !problem.running[unit.row()] {
                continue;
            }
            let at = plan.position[*node] as usize;
            let scheduled = arena.schedule[at][0].get(lane);
            match problem.shares[unit.row()] {
                Share::No => {}
                Share::Clipped { at_pu, .. } => arena.schedule[at][0].set(lane, scheduled + at_pu),
                Share::Weight(weight) => {
                    let p = problem.unit_p_pu(state, unit, island);
                    arena.schedule[at][0].set(lane, scheduled + p);
                    let share = arena.share[at].get(lane);
                    arena.share[at].set(lane, share + weight / problem.islands[island as usize].weight);
                }
            }
        }
    }

    /// From a lane's voltages to a solution, with the audit.
    ///
    /// # Errors
    /// Where Kirchhoff's law, recomputed from the case, does not hold at them.
    pub(crate) fn finish(
        &self,
        lane: usize,
        frame: &Frame<'_>,
        state: &State,
        rung: Rung,
        killed: bool,
    ) -> Result<Solution, Divergence> {
        let Frame { network, plan, kirchhoff, config } = *frame;
        let problem = &self.seats[lane].problem;
        let mut voltage = Column::filled(Complex::default(), plan.node_count());
        for node in plan.nodes.bus.indices() {
            if problem.island[node.row()] != NONE {
                voltage[node] = self.arena.voltage_of(plan.position[node] as usize, lane);
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
            iterations: self.seats[lane].iterations,
            mismatch_pu: 0.0,
            rung,
            stagnated: self.seats[lane].stagnated,
        };
        if killed {
            let buses = solution.status.indices();
            solution.unsolved = buses.filter(|bus| problem.killed[bus.row()]).collect();
        }
        reactive_limits::report(problem, &mut solution);
        distributed_slack::dispatch(
            problem,
            frame,
            state,
            &self.arena,
            &self.injections,
            lane,
            &mut solution,
        );
        reactive_limits::dispatch(problem, plan, network, &self.injections, lane, &mut solution);
        let allowed_pu = config.tolerance_pu * 10.0;
        let audit = kirchhoff.audit(network, plan, state, &solution, allowed_pu);
        solution.mismatch_pu = audit.mismatch_pu;
        // What the audit lets pass beyond the tolerance is rounding, by its own account: said, or where it is much refused.
        solution.stagnated |= audit.mismatch_pu > allowed_pu;
        match audit.failed {
            None if audit.mismatch_pu > allowed_pu.max(ROUND_OFF_MAX_PU) => {
                Err(self.failure(lane, frame, DivergenceReason::RoundOff))
            }
            None => Ok(solution),
            Some((node, gap)) => {
                Err(divergence(frame, DivergenceReason::FailedAudit, node, [gap.re, gap.im]))
            }
        }
    }

    /// A failure in a lane, at its worst bus: the lowest where the voltages have collapsed, else the one with the largest
    /// mismatch.
    pub(crate) fn failure(&self, lane: usize, frame: &Frame<'_>, reason: DivergenceReason) -> Divergence {
        let plan = frame.plan;
        // Voltages that balance, but at which no grid operates.
        if reason == DivergenceReason::LowVoltage {
            return divergence(frame, reason, self.lowest(lane, plan), [0.0; 2]);
        }
        let mut worst: (f64, NodeIdx, [f64; 2]) = (-1.0, NodeIdx::from_row(0), [0.0; 2]);
        for node in plan.nodes.bus.indices() {
            let at = plan.position[node] as usize;
            let (free, schedule) = (self.arena.free[at], self.arena.schedule[at]);
            let gap: [f64; 2] = std::array::from_fn(|k| {
                (schedule[k].get(lane) - self.injections[at][k].get(lane)) * free[k].get(lane)
            });
            let size = finite(gap[0]).abs().max(finite(gap[1]).abs());
            if self.seats[lane].problem.island[node.row()] != NONE && size > worst.0 {
                worst = (size, node, gap);
            }
        }
        divergence(frame, reason, worst.1, worst.2)
    }

    /// The largest mismatch of a lane, pu, where rounding explains that of every bus; `None` where it does not.
    fn round_off(&self, lane: usize, plan: &Plan) -> Option<f64> {
        let tolerance_pu = self.lanes[lane].tolerance_pu;
        let magnitude = |at: usize| self.arena.voltage_of(at, lane).abs();
        let size = |re: f64, im: f64| re.abs() + im.abs();
        // Sums of the magnitudes of the terms that make up the power of each row.
        let mut scale = vec![0.0; plan.node_count()];
        for (at, scale) in scale.iter_mut().enumerate() {
            let slots = plan.row_start[at] as usize..plan.row_start[at + 1] as usize;
            let own = size(plan.diagonal[at].re, plan.diagonal[at].im) * magnitude(at);
            *scale = magnitude(at)
                * slots.fold(own, |sum, slot| {
                    let y = plan.off_diagonal[slot];
                    size(y.re, y.im).mul_add(magnitude(plan.column[slot] as usize), sum)
                });
        }
        for patch in self.arena.patches.iter().filter(|patch| patch.lane as usize == lane) {
            let at = patch.row as usize;
            let column =
                if patch.slot == Patch::DIAGONAL { at } else { plan.column[patch.slot as usize] as usize };
            scale[at] += magnitude(at) * magnitude(column) * size(patch.g, patch.b);
        }
        let mut worst = 0.0f64;
        for (at, scale) in scale.into_iter().enumerate() {
            let free = self.arena.free[at];
            let holds = [free[0].get(lane) + self.arena.balance[at].get(lane), free[1].get(lane)];
            let gap: [f64; 2] = std::array::from_fn(|k| {
                (self.arena.schedule[at][k].get(lane) - self.injections[at][k].get(lane)) * holds[k]
            });
            let gap = gap[0].abs().max(gap[1].abs());
            if !(gap <= tolerance_pu.max(scale * ROUNDING)) {
                return None;
            }
            worst = worst.max(gap);
        }
        Some(worst)
    }

    /// The live node of a lane with the lowest magnitude.
    fn lowest(&self, lane: usize, plan: &Plan) -> NodeIdx {
        let live =
            plan.nodes.bus.indices().filter(|node| self.seats[lane].problem.island[node.row()] != NONE);
        let magnitude = |node: &NodeIdx| self.arena.voltage_of(plan.position[*node] as usize, lane).abs();
        live.min_by(|a, b| magnitude(a).total_cmp(&magnitude(b))).unwrap_or(NodeIdx::from_row(0))
    }
}

/// A failure at a node, with its mismatch.
fn divergence(frame: &Frame<'_>, reason: DivergenceReason, node: NodeIdx, gap_pu: [f64; 2]) -> Divergence {
    let base = frame.network.base;
    let [mismatch_mw, mismatch_mvar] = gap_pu.map(|gap| finite(base.from_pu(gap)));
    Divergence {
        reason,
        worst_bus: frame.network.buses.id[frame.plan.nodes.bus[node]],
        mismatch_mw,
        mismatch_mvar,
        iterations: 0,
        trend_pu: Vec::new(),
        tried: Vec::new(),
        largest_solvable_share: None,
        evidence: Vec::new(),
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
    previous.voltage.get(node).copied().filter(|v| !v.is_zero())
}
