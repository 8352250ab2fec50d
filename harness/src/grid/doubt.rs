//! A power flow that was not found is not a blackout: before demand is given up, every rung of the ladder is climbed, and then only as
//! much is shed as the largest solvable share asks for.

use std::sync::Arc;

use powerflow::{
    BusIdx, Divergence, DivergenceReason, Flows, Index, NewtonConfig, Rescue, Solution, Solver, State,
};
use scenarios::Moment;

use super::Grid;
use crate::cascade::{Cause, Tripped};

/// What a solver says.
pub(crate) type Answer = Result<(Solution, Flows), Divergence>;

/// Of the largest share that has a solution so much is kept: at the very edge the next power flow would fail again.
const KEPT: f64 = 0.99;

/// How often an island may shed until it has a solution. Once is enough unless the way to the solution is hard to find.
const ATTEMPTS: u32 = 3;

impl Grid {
    /// Whether demand would be given up for this answer although nobody knows that it must.
    pub(crate) fn doubts(&self, answer: &Answer) -> bool {
        self.acts_by_itself()
            && match answer {
                Ok((solution, _)) => !solution.unsolved.is_empty(),
                Err(divergence) => divergence.reason != DivergenceReason::NoSource,
            }
    }

    /// Climbs the whole ladder; where an island has no solution even so, sheds until it has one, and books it as collapse. What then
    /// still has none stays unsolved.
    pub(crate) fn rescue(&mut self, now: Moment, solver: &mut Solver, config: &NewtonConfig) -> Answer {
        let full = NewtonConfig { rescue: Rescue::Full, unsolved_islands_die: true, ..config.clone() };
        let mut attempt = 0;
        loop {
            let answer = solver.solve(&self.state, self.solution.as_ref(), &full).map(|solution| {
                let flows = solver.flows(&self.state, &solution);
                (solution, flows)
            });
            self.solves += u64::from(attempt > 0);
            if !self.doubts(&answer) || attempt == ATTEMPTS {
                return answer;
            }
            attempt += 1;
            let mut has_shed = false;
            for island in self.unsolved_islands(&answer) {
                let alone = self.alone(&island);
                if let Some((share, _)) = solver.largest_solvable(&alone, &full)
                    && share < 1.0
                {
                    self.keep(now, &island, share);
                    has_shed = true;
                }
            }
            if !has_shed {
                return answer;
            }
        }
    }

    /// The islands that have no solution, by their first bus; each its buses, ascending.
    fn unsolved_islands(&self, answer: &Answer) -> Vec<Vec<BusIdx>> {
        let network = &self.network;
        let n = network.buses.id.len();
        let mut label: Vec<usize> = (0..n).collect();
        // Labels only fall, so this ends.
        loop {
            let mut changed = false;
            for (branch, from) in network.branches.from.iter().filter(|(b, _)| self.state.branch_on[*b]) {
                let (from, to) = (from.row(), network.branches.to[branch].row());
                let low = label[from].min(label[to]);
                changed |= label[from] != low || label[to] != low;
                (label[from], label[to]) = (low, low);
            }
            if !changed {
                break;
            }
        }
        let unsolved = |bus: &BusIdx| match answer {
            Ok((solution, _)) => solution.unsolved.binary_search(bus).is_ok(),
            Err(_) => true,
        };
        let members = |first: usize| -> Vec<BusIdx> {
            (first..n).filter(|row| label[*row] == first).map(BusIdx::from_row).filter(unsolved).collect()
        };
        let firsts = (0..n).filter(|row| label[*row] == *row);
        firsts.map(members).filter(|buses| !buses.is_empty()).collect()
    }

    /// The state with every unit off that is not on these buses.
    fn alone(&self, island: &[BusIdx]) -> State {
        let mut alone = self.state.clone();
        for (unit, bus) in self.network.units.bus.iter() {
            alone.unit_on[unit] &= island.binary_search(bus).is_ok();
        }
        alone
    }

    /// Keeps a little less than the largest solvable share of an island's demand and schedules.
    fn keep(&mut self, now: Moment, island: &[BusIdx], share: f64) {
        let keep = KEPT * share;
        self.doubtful = true;
        for bus in island {
            let lost_mw = self.shed(*bus, Cause::Collapse, (1.0 - keep) * self.demand.kept(*bus));
            if lost_mw > 0.0 {
                let why = (Some(share), Some(1.0));
                self.write(now, Tripped::Bus(*bus), Cause::Collapse, why, lost_mw);
            }
        }
        let network = Arc::clone(&self.network);
        for (unit, _) in network.units.bus.iter().filter(|(_, bus)| island.binary_search(bus).is_ok()) {
            let state = &mut self.state;
            let p_pu = state.unit_p_pu[unit] * keep;
            state.unit_p_pu[unit] = p_pu;
            state.unit_p_low_pu[unit] = state.unit_p_low_pu[unit].min(p_pu);
            state.unit_p_high_pu[unit] = state.unit_p_high_pu[unit].max(p_pu);
        }
    }
}
