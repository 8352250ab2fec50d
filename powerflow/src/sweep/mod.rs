//! Many states that differ from one base in a few branches, or in what is injected: outage lists, injection sweeps.
//!
//! The base is solved once; every row starts from its voltages. Rows are handed to the caller as they are finished, in no
//! promised order but with bytes that depend on the row alone: not on its neighbours, the width or the thread. Memory is
//! bounded however many rows there are. One [`Sweep`] a thread: [`Sweep::fork`] shares plan and base.

mod side_by_side;
mod summary;
mod table;
mod write;

use std::sync::Arc;

use crate::batch::SideBySide;
use crate::config::{NewtonConfig, ReactiveLimits, Slack};
use crate::index::{BranchIdx, BusIdx, Index};
use crate::lane::{Lane, Twin, WideWork, Width, at_width};
use crate::linear::Cuts;
use crate::network::Network;
use crate::newton::Run;
use crate::plan::Plan;
use crate::problem::{self, NONE, Problem};
use crate::solution::{BusStatus, Complex, Divergence, Flows, Rung, Solution};
use crate::solver::Solver;
use crate::state::State;
use side_by_side::Lanes;

pub(crate) use side_by_side::Template;
pub use summary::{Summary, Violation};
pub use table::{InjectionTable, Sweeps, Table, Voltages};

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowStatus {
    /// Solved, everything that was energised in the base still is, in one piece as before.
    Solved,
    /// The outage split the grid, or took the voltage from a part of it; what still has a source is solved.
    Islanded,
    /// No voltages were found at which Kirchhoff's law holds.
    NoSolution,
    /// The outage changes nothing, because its branches carry nothing in the base (out of service, or dead).
    Dead,
}

/// Which method answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Newton, side by side with other rows.
    Lanes,
    /// The factor of the base's Jacobian, shared by all rows.
    SharedFactor,
    /// Alone, by this rung of the ladder.
    Alone(Rung),
}

/// One row's answer, on loan to the visitor.
#[derive(Debug)]
pub struct Answer<'a> {
    /// What became of it.
    pub status: RowStatus,
    /// Who answered; `None` where nobody did.
    pub method: Option<Method>,
    /// Newton iterations (of the shared factor: corrections).
    pub iterations: u32,
    /// Largest mismatch of an equation, pu; infinite where there is no solution.
    pub mismatch_pu: f64,
    /// Why there is no solution, where there is none.
    pub divergence: Option<&'a Divergence>,
    /// Branches that are out beyond those of the base.
    pub out: &'a [BranchIdx],
    /// Active power that nobody could provide or take back, pu: the sum of magnitudes over islands.
    pub unmet_pu: f64,
    /// The state that the row differs from.
    pub(crate) base: &'a State,
    /// By node, and which buses are energised; `None` where there is no solution.
    pub(crate) voltage: Option<(&'a [Complex], &'a [BusStatus])>,
    /// Whether all buses are known to have a voltage.
    pub(crate) all_live: bool,
}

impl Answer<'_> {
    /// Complex voltage of a bus, pu; `None` where it is not energised or the row has no solution.
    pub fn voltage(&self, bus: BusIdx) -> Option<Complex> {
        let (voltage, status) = self.voltage?;
        (status[bus.row()] == BusStatus::Live).then(|| voltage[bus.row()])
    }

    /// Whether a branch is closed in this row.
    pub fn is_closed(&self, branch: BranchIdx) -> bool {
        self.base.branch_on[branch] && !self.out.contains(&branch)
    }

    /// Whether a bus is energised; `None` where the row has no solution.
    pub fn bus_status(&self, bus: BusIdx) -> Option<BusStatus> {
        self.voltage.map(|(_, status)| status[bus.row()])
    }
}

/// What is injected in one row of an injection sweep, filled in by the caller; at first the base's.
#[derive(Debug)]
pub struct InjectionRow<'a> {
    /// Active demand of each bus, pu, positive consumes.
    pub demand_p_pu: &'a mut [f64],
    /// Reactive demand of each bus, pu, positive consumes.
    pub demand_q_pu: &'a mut [f64],
    /// Scheduled active power of each unit, pu.
    pub unit_p_pu: &'a mut [f64],
}

/// What never changes in a sweep: shared by its threads.
#[derive(Debug)]
struct Base {
    network: Arc<Network>,
    plan: Arc<Plan>,
    state: State,
    solution: Solution,
    config: NewtonConfig,
    template: Template,
    /// Branches that are not in the base as they are in the file.
    changed: Vec<bool>,
    /// Branches that carry something in the base, as edges between nodes.
    cuts: Cuts,
    live: Vec<bool>,
    /// What each branch carries in the base, pu.
    carried_pu: Vec<f64>,
    /// Whose demand is at each elimination position; [`NONE`] where nobody's is.
    demand_at: Vec<u32>,
    /// Whether all buses have a voltage.
    all_live: bool,
    /// Whether each unit runs.
    running: Vec<bool>,
    /// Whether rows can go side by side from one template: no limits, no clipping to look at afterwards.
    plain: bool,
}

impl Base {
    /// Whether branches that are out together split an island.
    fn splits(&self, out: &[BranchIdx]) -> bool {
        match out {
            [] => false,
            [one] => self.cuts.is_bridge(one.row()),
            [one, other] => {
                let (a, b) = (one.row(), other.row());
                self.cuts.is_bridge(a) || self.cuts.is_bridge(b) || self.cuts.is_pair(a, b)
            }
            several => self.cuts.split_by(several),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Sweep {
    base: Arc<Base>,
    solver: Solver,
    lanes: SideBySide,
    twins: SideBySide,
    width: Width,
}

impl Sweep {
    /// Solves the base.
    ///
    /// # Errors
    /// [`Divergence`] where the base itself has no solution.
    pub fn new(network: &Arc<Network>, state: State, config: &NewtonConfig) -> Result<Self, Divergence> {
        let mut solver = Solver::new(network);
        let solution = solver.solve(&state, None, config)?;
        let plan = solver.plan(&state.topology);
        let (template, problem) = solver.template(&state, &solution, config)?;
        let in_use = |branch: BranchIdx| {
            let ends = (plan.nodes.branch_from[branch], plan.nodes.branch_to[branch]);
            (Problem::branch_live(network, &state, branch) && problem.island[ends.0.row()] != NONE)
                .then(|| [ends.0.row() as u32, ends.1.row() as u32])
        };
        let branches = &network.branches;
        let ends: Vec<Option<[u32; 2]>> = branches.from.indices().map(in_use).collect();
        let changed = branches.from.indices().map(|branch| {
            Problem::branch_live(network, &state, branch) != Problem::planned(network, branch)
                || state.tap_ratio[branch] != branches.tap_ratio[branch]
        });
        let flows = Flows::of(network, &plan, &state, &solution);
        let base = Base {
            carried_pu: branches.from.indices().map(|branch| flows.apparent_pu(branch)).collect(),
            changed: changed.collect(),
            live: ends.iter().map(Option::is_some).collect(),
            cuts: Cuts::new(plan.node_count(), ends),
            demand_at: {
                let mut demand_at = vec![NONE; plan.node_count()];
                for (bus, node) in plan.nodes.demand.iter() {
                    demand_at[plan.position[*node] as usize] = bus.row() as u32;
                }
                demand_at
            },
            all_live: solution.status.as_slice().iter().all(|status| *status == BusStatus::Live),
            running: problem.running,
            plain: config.reactive_limits == ReactiveLimits::Ignore
                && config.slack == Slack::Single
                && solution.unsolved.is_empty(),
            network: Arc::clone(network),
            plan,
            state,
            solution,
            config: NewtonConfig { unsolved_islands_die: true, ..config.clone() },
            template,
        };
        Ok(Sweep {
            base: Arc::new(base),
            solver,
            lanes: SideBySide::default(),
            twins: SideBySide::default(),
            width: Width::best(),
        })
    }

    /// At another width; the bytes of the answers are the same.
    pub fn with_width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// The same sweep for another thread.
    pub fn fork(&self) -> Self {
        let base = Arc::clone(&self.base);
        let solver = Solver::with_plan(&base.network, Arc::clone(&base.plan));
        let (lanes, twins) = (SideBySide::default(), SideBySide::default());
        Sweep { base, solver, lanes, twins, width: self.width }
    }

    /// The network.
    pub fn network(&self) -> &Arc<Network> {
        &self.base.network
    }

    /// The state that every row differs from.
    pub fn base_state(&self) -> &State {
        &self.base.state
    }

    /// Its solution.
    pub fn base_solution(&self) -> &Solution {
        &self.base.solution
    }

    /// Solves one row for each list of branches that are out. The visitor gets the row's number in the list.
    pub fn outages(&mut self, outages: &[Vec<BranchIdx>], visit: &mut dyn FnMut(usize, &Answer<'_>)) {
        let rows = Outages { outages };
        at_width(self.width, Drive { sweep: self, count: outages.len(), rows, visit });
    }

    /// Solves `count` rows that differ from the base in what is injected. `fill` writes a row's injections, and is asked again
    /// for a row that the lanes do not solve.
    pub fn injections(
        &mut self,
        count: usize,
        fill: &mut dyn FnMut(usize, InjectionRow<'_>),
        visit: &mut dyn FnMut(usize, &Answer<'_>),
    ) {
        let scratch = self.base.state.clone();
        let rows = Injections { fill, scratch, overwritten: false };
        at_width(self.width, Drive { sweep: self, count, rows, visit });
    }

    /// [`Sweep::injections`] for a caller who writes the same columns in every row, each from its beginning to its end.
    fn overwritten_injections(
        &mut self,
        count: usize,
        fill: &mut dyn FnMut(usize, InjectionRow<'_>),
        visit: &mut dyn FnMut(usize, &Answer<'_>),
    ) {
        let scratch = self.base.state.clone();
        let rows = Injections { fill, scratch, overwritten: true };
        at_width(self.width, Drive { sweep: self, count, rows, visit });
    }

    /// One row by the whole ladder.
    fn alone(
        &mut self,
        row: usize,
        state: &State,
        out: &[BranchIdx],
        visit: &mut dyn FnMut(usize, &Answer<'_>),
    ) {
        let shared = Arc::clone(&self.base);
        let base = &shared.solution;
        match &self.solver.solve(state, Some(base), &shared.config) {
            Ok(solution) => {
                let whole = solution.status == base.status && solution.islands.len() == base.islands.len();
                visit(
                    row,
                    &Answer {
                        status: if whole { RowStatus::Solved } else { RowStatus::Islanded },
                        method: Some(Method::Alone(solution.rung)),
                        iterations: solution.iterations,
                        mismatch_pu: solution.mismatch_pu,
                        divergence: None,
                        out,
                        unmet_pu: solution.unmet_pu(),
                        base: &shared.state,
                        voltage: Some((solution.voltage.as_slice(), solution.status.as_slice())),
                        all_live: false,
                    },
                );
            }
            Err(divergence) => visit(
                row,
                &Answer {
                    status: RowStatus::NoSolution,
                    method: None,
                    iterations: divergence.iterations,
                    mismatch_pu: f64::INFINITY,
                    divergence: Some(divergence),
                    out,
                    unmet_pu: 0.0,
                    base: &shared.state,
                    voltage: None,
                    all_live: false,
                },
            ),
        }
    }
}

/// What becomes of a row at first.
enum Seat {
    /// It sits in the lane.
    Taken,
    /// It is for the ladder.
    Alone,
    /// Nothing changes: there is nothing to solve.
    Dead,
}

/// The rows of a sweep.
trait Rows {
    /// Whether what is scheduled differs from row to row.
    const OWN_SCHEDULES: bool;
    /// Puts a row into a lane.
    fn seat<L: Lane>(&mut self, base: &Base, lanes: &mut Lanes<L>, lane: usize, row: usize) -> Seat;
    /// Branches that are out in a row.
    fn out(&self, row: usize) -> &[BranchIdx];
    /// Puts rows of about the same difficulty side by side.
    fn sort(&self, _base: &Base, _rows: &mut [usize]) {}
    /// A row as a state of its own.
    fn state(&mut self, base: &Base, row: usize) -> State;
}

/// Lists of branches that are out.
struct Outages<'a> {
    outages: &'a [Vec<BranchIdx>],
}

impl Rows for Outages<'_> {
    const OWN_SCHEDULES: bool = false;

    fn seat<L: Lane>(&mut self, base: &Base, lanes: &mut Lanes<L>, lane: usize, row: usize) -> Seat {
        let out = &self.outages[row];
        if out.iter().all(|branch| !base.live[branch.row()]) {
            return Seat::Dead;
        }
        let twice = |(i, branch): (usize, &BranchIdx)| out[..i].contains(branch);
        if !base.plain || out.iter().enumerate().any(twice) || base.splits(out) {
            return Seat::Alone;
        }
        // Three terms at one place would be added in the order of the list, where a state adds them in the file's.
        let mixed = out.len() > 2 || !base.template.patches.is_empty();
        if mixed || out.iter().any(|branch| base.changed[branch.row()]) {
            let mut patches = Vec::new();
            problem::patches(&base.network, &base.plan, &self.state(base, row), lane as u32, &mut patches);
            lanes.set_patches(lane, &patches);
        } else {
            lanes.take_out(lane, &base.plan, out);
        }
        lanes.seat(lane, row, &base.template);
        Seat::Taken
    }

    fn out(&self, row: usize) -> &[BranchIdx] {
        &self.outages[row]
    }

    /// The more the branches carried, the further the state is from the base.
    fn sort(&self, base: &Base, rows: &mut [usize]) {
        let carried = |row: &usize| {
            self.outages[*row].iter().map(|branch| base.carried_pu[branch.row()]).fold(0.0, f64::max)
        };
        rows.sort_by(|a, b| carried(a).total_cmp(&carried(b)));
    }

    fn state(&mut self, base: &Base, row: usize) -> State {
        let mut state = base.state.clone();
        for branch in &self.outages[row] {
            state.branch_on[*branch] = false;
        }
        state
    }
}

/// Injections that a caller writes.
struct Injections<'a> {
    fill: &'a mut dyn FnMut(usize, InjectionRow<'_>),
    scratch: State,
    /// Whether the caller writes the same columns in every row, all of them: nothing of a row is left for the next one.
    overwritten: bool,
}

impl Injections<'_> {
    fn fill(&mut self, base: &Base, row: usize) {
        let scratch = &mut self.scratch;
        if !self.overwritten {
            scratch.demand_p_pu.clone_from(&base.state.demand_p_pu);
            scratch.demand_q_pu.clone_from(&base.state.demand_q_pu);
            scratch.unit_p_pu.clone_from(&base.state.unit_p_pu);
        }
        let injections = InjectionRow {
            demand_p_pu: scratch.demand_p_pu.as_mut_slice(),
            demand_q_pu: scratch.demand_q_pu.as_mut_slice(),
            unit_p_pu: scratch.unit_p_pu.as_mut_slice(),
        };
        (self.fill)(row, injections);
    }
}

impl Rows for Injections<'_> {
    const OWN_SCHEDULES: bool = true;

    fn seat<L: Lane>(&mut self, base: &Base, lanes: &mut Lanes<L>, lane: usize, row: usize) -> Seat {
        if !base.plain {
            return Seat::Alone;
        }
        self.fill(base, row);
        let Base { network, plan, .. } = base;
        // The order of these sums is that of `Problem::set`, so that a row is to the bit the state that it describes.
        let (p, q) = (self.scratch.demand_p_pu.as_slice(), self.scratch.demand_q_pu.as_slice());
        let scheduled = lanes.scheduled(lane);
        for (power, bus) in scheduled.iter_mut().zip(&base.demand_at) {
            *power = match p.get(*bus as usize) {
                Some(p) => [0.0 - p, 0.0 - q[*bus as usize]],
                None => [0.0; 2],
            };
        }
        for (unit, node) in plan.nodes.unit.iter() {
            if base.running[unit.row()] {
                let [p, q] = &mut scheduled[plan.position[*node] as usize];
                // In the order of `Problem::set`: first what does not hold a voltage.
                *q += if network.units.regulates[unit] { 0.0 } else { network.units.q_pu[unit] };
                *p += self.scratch.unit_p_pu[unit];
            }
        }
        lanes.seat(lane, row, &base.template);
        Seat::Taken
    }

    fn out(&self, _row: usize) -> &[BranchIdx] {
        &[]
    }

    fn state(&mut self, base: &Base, row: usize) -> State {
        self.fill(base, row);
        self.scratch.clone()
    }
}

/// A sweep at a width.
struct Drive<'a, R> {
    sweep: &'a mut Sweep,
    count: usize,
    rows: R,
    visit: &'a mut dyn FnMut(usize, &Answer<'_>),
}

impl<R: Rows> WideWork for Drive<'_, R> {
    type Answer = ();

    fn run<L: Lane>(self) {
        let Drive { sweep, count, mut rows, visit } = self;
        let (mut lanes, mut twins) = (std::mem::take(&mut sweep.lanes), std::mem::take(&mut sweep.twins));
        // Blocks, so that memory is bounded however many rows the next stage is left with.
        let mut first = 0;
        while first < count {
            let mut block: Vec<usize> = (first..count.min(first + BLOCK)).collect();
            first += block.len();
            rows.sort(&sweep.base, &mut block);
            let shared = R::OWN_SCHEDULES && sweep.base.template.factor.is_some();
            let left = if shared {
                sweep.stage::<_, _, true>(twins.of_width::<Lanes<Twin<L>>>(), &block, &mut rows, visit)
            } else {
                block
            };
            let left = sweep.stage::<_, _, false>(lanes.of_width::<Lanes<L>>(), &left, &mut rows, visit);
            for row in left {
                let state = rows.state(&sweep.base, row);
                sweep.alone(row, &state, rows.out(row), visit);
            }
        }
        (sweep.lanes, sweep.twins) = (lanes, twins);
    }
}

/// Rows that go through the stages together.
const BLOCK: usize = 4096;

impl Sweep {
    /// Solves rows in lanes, by the shared factor or by Newton; returns those that this does not solve, ascending.
    fn stage<L: Lane, R: Rows, const SHARED: bool>(
        &self,
        lanes: &mut Lanes<L>,
        block: &[usize],
        rows: &mut R,
        visit: &mut dyn FnMut(usize, &Answer<'_>),
    ) -> Vec<usize> {
        let base = &*self.base;
        let Base { plan, template, .. } = base;
        lanes.open(plan, template, R::OWN_SCHEDULES, SHARED);
        let mut left = Vec::new();
        let mut waiting = block.iter().copied().peekable();
        loop {
            let none_waits = waiting.peek().is_none();
            let resumed = (lanes.is_full() || none_waits) && lanes.resume(template);
            if !resumed {
                if none_waits {
                    break;
                }
                lanes.begin(template);
                while let Some(lane) = lanes.free_lane() {
                    let Some(row) = waiting.next() else { break };
                    match rows.seat(base, lanes, lane, row) {
                        Seat::Taken => {}
                        Seat::Alone => left.push(row),
                        Seat::Dead => visit(row, &dead(base, rows.out(row))),
                    }
                }
            }
            let to_the_end = resumed && none_waits && lanes.is_empty();
            lanes.run::<SHARED>(plan, template, to_the_end, &mut |done| match done.run {
                Run::Converged(mismatch_pu) if !done.collapsed => visit(
                    done.row,
                    &Answer {
                        status: RowStatus::Solved,
                        method: Some(if SHARED { Method::SharedFactor } else { Method::Lanes }),
                        iterations: done.iterations,
                        mismatch_pu,
                        divergence: None,
                        out: rows.out(done.row),
                        unmet_pu: 0.0,
                        base: &base.state,
                        voltage: Some((done.voltage, base.solution.status.as_slice())),
                        all_live: base.all_live,
                    },
                ),
                _ => left.push(done.row),
            });
        }
        left.sort_unstable();
        left
    }
}

/// An outage of branches that carry nothing.
fn dead<'a>(base: &'a Base, out: &'a [BranchIdx]) -> Answer<'a> {
    Answer {
        status: RowStatus::Dead,
        method: None,
        iterations: 0,
        mismatch_pu: 0.0,
        divergence: None,
        out,
        unmet_pu: 0.0,
        base: &base.state,
        voltage: None,
        all_live: false,
    }
}
