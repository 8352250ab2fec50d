//! First-order sensitivities of one solved state: what voltages and flows change by when a little more is injected.
//!
//! Units that hold a voltage go on holding it, those at a reactive limit stay at it, what is missing comes from whoever
//! provides the slack. An answer is therefore good until the next limit is reached. Positive injections are generation.
//!
//! Forwards, one solve with the Jacobian gives the change of all voltages for one injection. Backwards, one transposed solve
//! gives the change of one voltage or flow for every injection (the adjoint). Source: J. Peschon, D. S. Piercy,
//! W. F. Tinney, O. J. Tveit, "Sensitivity in power systems", IEEE Trans. PAS-87(8), 1968.

use std::sync::Arc;

use crate::config::NewtonConfig;
use crate::index::{BranchIdx, BusIdx, Column, Index, NodeIdx};
use crate::kernel::Arena;
use crate::kernel::adjoint::JacobianRow;
use crate::kernel::shared::Factor;
use crate::network::Network;
use crate::network::admittance::TwoPort;
use crate::plan::Plan;
use crate::problem::{NONE, Problem};
use crate::solution::{Divergence, Solution};
use crate::solver::Solver;
use crate::state::State;

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Voltage magnitude of a bus, pu.
    Vm(BusIdx),
    /// Voltage angle of a bus, rad, against the reference of its island.
    Va(BusIdx),
    /// Active power into a branch at its from end, pu.
    PFrom(BranchIdx),
    /// Reactive power into a branch at its from end, pu.
    QFrom(BranchIdx),
    /// Active power into a branch at its to end, pu.
    PTo(BranchIdx),
    /// Reactive power into a branch at its to end, pu.
    QTo(BranchIdx),
}

/// One pu more at a bus, as if a unit without any control injected it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// Active power.
    Active(BusIdx),
    /// Reactive power.
    Reactive(BusIdx),
}

/// How one quantity changes with everything that can be set at a bus; in the unit of the quantity for each pu.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// Per pu of active power injected at each bus; zero at a reference with single slack, which takes it out again, and
    /// where the bus is not live.
    pub p: Column<BusIdx, f64>,
    /// Per pu of reactive power injected at each bus; zero where units hold the voltage, which take it out again.
    pub q: Column<BusIdx, f64>,
    /// Per pu of voltage set-point; zero where no unit holds the voltage.
    pub v_set: Column<BusIdx, f64>,
}

/// How all voltages change for one injection.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// Magnitude of each bus, pu per pu; zero where it is held or not live.
    pub vm: Column<BusIdx, f64>,
    /// Angle of each bus, rad per pu; zero at references and where it is not live.
    pub va: Column<BusIdx, f64>,
}

/// The Jacobian of one solved state, factored; see the module. Buses stand for their first busbar.
#[derive(Debug)]
pub struct Sensitivities {
    network: Arc<Network>,
    plan: Arc<Plan>,
    state: State,
    arena: Arena<f64>,
    problem: Problem,
    factor: Factor,
    borders: Vec<Border>,
}

/// The distributed slack of one island.
#[derive(Debug)]
struct Border {
    /// Row whose active equation determines it.
    row: usize,
    /// The voltages' response to one pu moved.
    response: Vec<[f64; 2]>,
    /// The transposed solve of that equation.
    adjoint: Vec<[f64; 2]>,
    /// What one pu moved changes in the equation.
    pivot: f64,
}

impl Solver {
    /// The sensitivities of a state at its solution. `config` says, as it did for the solution, who provides the slack and
    /// which limits hold.
    ///
    /// # Errors
    /// [`Divergence`] where the solution is none of this state.
    pub fn sensitivities(
        &mut self,
        state: &State,
        solution: &Solution,
        config: &NewtonConfig,
    ) -> Result<Sensitivities, Divergence> {
        let plan = self.plan(&state.topology);
        let network = Arc::clone(self.network());
        let (desk, _) = self.alone_at(&plan, state, solution, config)?;
        let problem = desk.problem(0).clone();
        let mut arena = desk.arena.clone();
        let schedule = plan.uniform();
        let factor = Factor::masked(schedule, &mut arena);
        let mut borders = Vec::new();
        for (number, island) in problem.islands.iter().enumerate() {
            let (true, Some(reference)) = (island.weight > 0.0, island.references.first()) else { continue };
            let row = plan.position[*reference] as usize;
            let mine = |at: usize| problem.island[plan.node_at[at].row()] == number as u32;
            let mut response: Vec<[f64; 2]> = (0..plan.node_count())
                .map(|at| if mine(at) { [arena.share[at] * arena.free[at][0], 0.0] } else { [0.0; 2] })
                .collect();
            factor.solve(schedule, &mut response);
            let equation = JacobianRow::at(schedule, &arena, row);
            let mut adjoint = vec![[0.0; 2]; plan.node_count()];
            for (column, block) in &equation.blocks {
                let x = &mut adjoint[*column as usize];
                *x = [x[0] + block[0], x[1] + block[1]];
            }
            factor.solve_transposed(schedule, &mut adjoint);
            let pivot = equation.along(0, &response) - arena.share[row];
            borders.push(Border { row, response, adjoint, pivot });
        }
        Ok(Sensitivities { network, plan, state: state.clone(), arena, problem, factor, borders })
    }
}

impl Sensitivities {
    /// How all voltages change for one pu more of an injection: one solve. `None` where the bus is not live.
    pub fn response(&self, to: Injection) -> Option<Response> {
        let (bus, k) = match to {
            Injection::Active(bus) => (bus, 0),
            Injection::Reactive(bus) => (bus, 1),
        };
        let at = self.live(bus)?;
        let mut step = vec![[0.0; 2]; self.plan.node_count()];
        step[at][k] = self.arena.free[at][k];
        self.factor.solve(self.plan.uniform(), &mut step);
        for border in &self.borders {
            let equation = JacobianRow::at(self.plan.uniform(), &self.arena, border.row);
            let direct = if (border.row, 0) == (at, k) { 1.0 } else { 0.0 };
            let amount = (direct - equation.along(0, &step)) / border.pivot;
            for (x, z) in step.iter_mut().zip(&border.response) {
                *x = [amount.mul_add(z[0], x[0]), amount.mul_add(z[1], x[1])];
            }
        }
        let of = |bus: BusIdx, k: usize| {
            self.live(bus)
                .map_or(0.0, |at| if k == 0 { step[at][0] } else { step[at][1] * self.magnitude(at) })
        };
        let buses = || self.network.buses.id.indices();
        Some(Response {
            vm: buses().map(|bus| of(bus, 1)).collect(),
            va: buses().map(|bus| of(bus, 0)).collect(),
        })
    }

    /// How one quantity changes with every injection and set-point: one transposed solve. `None` where the bus is not live,
    /// or the branch carries nothing.
    pub fn gradient(&self, of: Quantity) -> Option<Gradient> {
        let mut adjoint = vec![[0.0; 2]; self.plan.node_count()];
        for (at, terms) in self.linearised(of)? {
            adjoint[at] = [adjoint[at][0] + terms[0], adjoint[at][1] + terms[1]];
        }
        let along = |x: &[[f64; 2]], y: &[[f64; 2]]| {
            x.iter().zip(y).fold(0.0, |sum, (x, y)| sum + x[0] * y[0] + x[1] * y[1])
        };
        let amounts: Vec<f64> =
            self.borders.iter().map(|border| along(&adjoint, &border.response) / border.pivot).collect();
        self.factor.solve_transposed(self.plan.uniform(), &mut adjoint);
        for (border, amount) in self.borders.iter().zip(&amounts) {
            for (x, h) in adjoint.iter_mut().zip(&border.adjoint) {
                *x = [x[0] - amount * h[0], x[1] - amount * h[1]];
            }
        }
        let n = self.network.buses.id.len();
        let zero = || Column::filled(0.0, n);
        let mut gradient = Gradient { p: zero(), q: zero(), v_set: zero() };
        for bus in self.network.buses.id.indices() {
            let Some(at) = self.live(bus) else { continue };
            let [angle_free, magnitude_free] = self.arena.free[at];
            gradient.p[bus] = angle_free * adjoint[at][0];
            for (border, amount) in self.borders.iter().zip(&amounts) {
                if border.row == at {
                    gradient.p[bus] += amount;
                }
            }
            if magnitude_free > 0.0 {
                gradient.q[bus] = adjoint[at][1];
            } else {
                gradient.v_set[bus] = adjoint[at][1] / self.magnitude(at);
            }
        }
        Some(gradient)
    }

    /// The row of a live bus's first busbar.
    fn live(&self, bus: BusIdx) -> Option<usize> {
        let node = NodeIdx::from_row(bus.row());
        (self.problem.island[node.row()] != NONE).then(|| self.plan.position[node] as usize)
    }

    fn magnitude(&self, at: usize) -> f64 {
        self.arena.voltage_of(at, 0).abs()
    }

    /// A quantity's derivatives by angle and relative magnitude of the rows that it reads.
    fn linearised(&self, of: Quantity) -> Option<Vec<(usize, [f64; 2])>> {
        let (branch, at_from, reactive) = match of {
            Quantity::Vm(bus) => {
                let at = self.live(bus)?;
                return Some(vec![(at, [0.0, self.magnitude(at)])]);
            }
            Quantity::Va(bus) => return Some(vec![(self.live(bus)?, [1.0, 0.0])]),
            Quantity::PFrom(branch) => (branch, true, false),
            Quantity::QFrom(branch) => (branch, true, true),
            Quantity::PTo(branch) => (branch, false, false),
            Quantity::QTo(branch) => (branch, false, true),
        };
        let (from, to) = (self.plan.nodes.branch_from[branch], self.plan.nodes.branch_to[branch]);
        if !Problem::branch_live(&self.network, &self.state, branch)
            || self.problem.island[from.row()] == NONE
        {
            return None;
        }
        let y = TwoPort::of(&self.network.branches, branch, self.state.tap_ratio[branch]);
        let [f, t] = [from, to].map(|node| self.plan.position[node] as usize);
        let (own, other, here, there) =
            if at_from { (y.from_from, y.from_to, f, t) } else { (y.to_to, y.to_from, t, f) };
        let (v, w) = (self.arena.voltage_of(here, 0), self.arena.voltage_of(there, 0));
        // Power into this end: what its own voltage drives, and what both do, `v conj(y w)`.
        let square = v.re * v.re + v.im * v.im;
        let current = (other.re * w.re - other.im * w.im, other.re * w.im + other.im * w.re);
        let both = (v.re * current.0 + v.im * current.1, v.im * current.0 - v.re * current.1);
        let alone = (square * own.re, -square * own.im);
        Some(if reactive {
            vec![(here, [both.0, 2.0 * alone.1 + both.1]), (there, [-both.0, both.1])]
        } else {
            vec![(here, [-both.1, 2.0 * alone.0 + both.0]), (there, [both.1, both.0])]
        })
    }
}
