//! Many states that differ from one base in a few branches, or in what is injected: outage lists, injection sweeps.
//!
//! The base is solved once; every row starts from its voltages. Rows are handed to the caller as they are finished, in no
//! promised order but with bytes that depend on the row alone: not on its neighbours, the width or the thread. Memory is
//! bounded however many rows there are. One [`Sweep`] a thread: [`Sweep::fork`] shares plan and base.

mod summary;
mod table;
mod write;

use std::sync::Arc;

use crate::config::NewtonConfig;
use crate::index::{BranchIdx, BusIdx};
use crate::lane::Width;
use crate::network::Network;
use crate::solution::{BusStatus, Complex, Divergence, Rung, Solution};
use crate::solver::Solver;
use crate::state::State;

pub use summary::Summary;
pub use table::{Injections, Sweeps, Table, Voltages};

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
    solution: Option<&'a Solution>,
    state: &'a State,
}

impl Answer<'_> {
    /// Complex voltage of a bus, pu; `None` where it is not energised or the row has no solution.
    pub fn voltage(&self, bus: BusIdx) -> Option<Complex> {
        self.solution.and_then(|solution| solution.voltage(bus))
    }

    /// Whether a bus is energised; `None` where the row has no solution.
    pub fn bus_status(&self, bus: BusIdx) -> Option<BusStatus> {
        self.solution.map(|solution| solution.status[bus])
    }

    /// The state that was solved.
    pub fn state(&self) -> &State {
        self.state
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

/// See the module.
#[derive(Debug)]
pub struct Sweep {
    network: Arc<Network>,
    solver: Solver,
    base: Arc<(State, Solution)>,
    config: NewtonConfig,
    width: Width,
}

impl Sweep {
    /// Solves the base.
    ///
    /// # Errors
    /// [`Divergence`] where the base itself has no solution.
    pub fn new(network: &Arc<Network>, base: State, config: &NewtonConfig) -> Result<Self, Divergence> {
        let mut solver = Solver::new(network);
        let solution = solver.solve(&base, None, config)?;
        let base = Arc::new((base, solution));
        let network = Arc::clone(network);
        Ok(Sweep { network, solver, base, config: config.clone(), width: Width::best() })
    }

    /// At another width; the bytes of the answers are the same.
    pub fn with_width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// The same sweep for another thread.
    pub fn fork(&mut self) -> Self {
        let plan = self.solver.plan(&self.base.0.topology);
        Sweep {
            network: Arc::clone(&self.network),
            solver: Solver::with_plan(&self.network, plan),
            base: Arc::clone(&self.base),
            config: self.config.clone(),
            width: self.width,
        }
    }

    /// The network.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// The state that every row differs from.
    pub fn base_state(&self) -> &State {
        &self.base.0
    }

    /// Its solution.
    pub fn base_solution(&self) -> &Solution {
        &self.base.1
    }

    /// Solves one row for each list of branches that are out. The visitor gets the row's number in the list.
    pub fn outages(&mut self, outages: &[Vec<BranchIdx>], visit: &mut dyn FnMut(usize, &Answer<'_>)) {
        let base = Arc::clone(&self.base);
        for (row, out) in outages.iter().enumerate() {
            let mut state = base.0.clone();
            for branch in out {
                state.branch_on[*branch] = false;
            }
            self.alone(row, &state, &base.1, visit);
        }
    }

    /// Solves `count` rows that differ from the base in what is injected; `fill` writes a row's injections.
    pub fn injections(
        &mut self,
        count: usize,
        fill: &mut dyn FnMut(usize, InjectionRow<'_>),
        visit: &mut dyn FnMut(usize, &Answer<'_>),
    ) {
        let base = Arc::clone(&self.base);
        let mut state = base.0.clone();
        for row in 0..count {
            state.clone_from(&base.0);
            fill(
                row,
                InjectionRow {
                    demand_p_pu: state.demand_p_pu.as_mut_slice(),
                    demand_q_pu: state.demand_q_pu.as_mut_slice(),
                    unit_p_pu: state.unit_p_pu.as_mut_slice(),
                },
            );
            self.alone(row, &state, &base.1, visit);
        }
    }

    /// One row by the whole ladder.
    fn alone(
        &mut self,
        row: usize,
        state: &State,
        base: &Solution,
        visit: &mut dyn FnMut(usize, &Answer<'_>),
    ) {
        let config = NewtonConfig { unsolved_islands_die: true, ..self.config.clone() };
        let answer = self.solver.solve(state, Some(base), &config);
        match &answer {
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
                        solution: Some(solution),
                        state,
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
                    solution: None,
                    state,
                },
            ),
        }
    }
}
