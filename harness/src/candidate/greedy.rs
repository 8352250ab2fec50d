//! A comparator that looks one action ahead: where a limit is broken it tries every action of a short list with the power flow, and asks for
//! the one that leaves least broken.
//!
//! The list, in this order, of what the task controls: the voltage set-point of each bus with a running unit a hundredth of a pu down and up;
//! the tap of each transformer one position down and up; each shunt one step down and up; the schedule of each running unit a minute of
//! its ramp down and up. An action's score is the demand on dead buses and then what is beyond limits: the distance of voltages outside, pu,
//! summed over buses (`volt_var`), or the load above rating, pu, summed over branches (`redispatch`). The first of the lowest is asked, if it
//! is lower than that of doing nothing; demand stays as it is seen. It does not move where nothing is broken.

use std::sync::Arc;

use powerflow::{
    BranchIdx, BusStatus, Diagnostics, Flows, Index, Job, Network, NewtonConfig, Rescue, ShuntIdx, Solution,
    Solver, State, UnitIdx,
};
use reports::CandidateRecord;
use reports::evidence::Digest;

use super::request::{self, Request};
use super::seen_state::seen_state;
use super::{Candidate, Decisions, Source};
use crate::action::{Asked, Task};
use crate::grid::GridRules;
use crate::observation::{Observations, Observed};

/// Name as a candidate and in suites.
pub const NAME: &str = "greedy";

/// How far a voltage set-point moves, pu.
const V_STEP_PU: f64 = 0.01;
/// Ramp of a unit whose file has none, as a share of its largest power per minute, as the operator's.
const RAMP_SHARE_PER_MIN: f64 = 0.05;
/// What is less than this beyond a limit is not, pu; and an action that is not better by as much is not worth it.
const NOTHING_PU: f64 = 1e-4;

/// Makes look-ahead comparators for a network.
#[derive(Clone, Debug)]
pub struct Greedy {
    task: Task,
    network: Arc<Network>,
}

impl Greedy {
    /// One for a task. With the task `frequency_response` it asks nothing: a power flow says nothing about a transient.
    pub fn new(task: Task, network: &Arc<Network>) -> Self {
        Greedy { task, network: Arc::clone(network) }
    }
}

impl Source for Greedy {
    fn record(&self) -> CandidateRecord {
        CandidateRecord {
            name: NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: Digest::of(format!("{NAME} {V_STEP_PU} {RAMP_SHARE_PER_MIN} {NOTHING_PU}")),
            adapter: NAME.to_owned(),
            mode: "closed_loop".to_owned(),
            task: self.task.id().to_owned(),
        }
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        Ok(Box::new(Looking {
            task: self.task,
            network: Arc::clone(&self.network),
            solver: Solver::new(&self.network),
            newton: NewtonConfig { rescue: Rescue::Quick, ..NewtonConfig::default() },
        }))
    }

    fn batched(&self) -> bool {
        true
    }
}

/// Requests that belong together.
type Action = Vec<Request>;

/// What an action leaves: demand on dead buses, then what is beyond limits, pu. The lower the better.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Score {
    dark_pu: f64,
    broken_pu: f64,
}

impl Score {
    fn is_below(self, other: Score) -> bool {
        let darker = self.dark_pu - other.dark_pu;
        darker < -NOTHING_PU || (darker <= NOTHING_PU && self.broken_pu < other.broken_pu - NOTHING_PU)
    }
}

struct Looking {
    task: Task,
    network: Arc<Network>,
    solver: Solver,
    newton: NewtonConfig,
}

impl Candidate for Looking {
    fn reset(&mut self, _seeds: &[u64]) {}

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        let mut rows = vec![Vec::new(); seen.rows];
        for row in (0..seen.rows).filter(|row| seen.alive[*row]) {
            rows[row] = self.best(seen, row).unwrap_or_default();
        }
        Decisions { asked: request::tensors(&rows), ..Decisions::none(seen.rows) }
    }
}

impl Looking {
    /// The best action; `None` where nothing is broken, no action is better than none, or nobody can tell.
    fn best(&mut self, seen: &Observations, row: usize) -> Option<Action> {
        let state = seen_state(&self.network, seen, row);
        let (now, flows) =
            self.solver.solve_batch(&[Job { state: &state, previous: None }], &self.newton).pop()?.ok()?;
        let ratings = seen.of(Observed::BranchRating).row(row);
        let mut least = self.score(&state, &now, &flows, ratings);
        if least.broken_pu <= NOTHING_PU {
            return None;
        }
        let actions = self.actions(&state, seen, row);
        let tried: Vec<State> = actions.iter().map(|action| self.after(&state, action)).collect();
        let jobs: Vec<Job<'_>> = tried.iter().map(|state| Job { state, previous: Some(&now) }).collect();
        let answers = self.solver.solve_batch(&jobs, &self.newton);
        let mut best = None;
        for ((action, state), answer) in actions.into_iter().zip(&tried).zip(answers) {
            let Ok((solution, flows)) = answer else { continue };
            let score = self.score(state, &solution, &flows, ratings);
            if score.is_below(least) {
                (least, best) = (score, Some(action));
            }
        }
        best
    }

    /// `ratings` are those of the moment, MVA, 0 where there is none: in heat a branch may carry less than its file says.
    fn score(&self, state: &State, solution: &Solution, flows: &Flows, ratings: &[f64]) -> Score {
        let (buses, branches, base) = (&self.network.buses, &self.network.branches, self.network.base);
        let mut score = Score { dark_pu: 0.0, broken_pu: 0.0 };
        for bus in buses.id.indices() {
            if solution.status[bus] != BusStatus::Live {
                score.dark_pu += state.demand_p_pu[bus].max(0.0);
            } else if self.task == Task::VoltVar
                && let Some(vm) = solution.vm_pu(bus)
            {
                score.broken_pu +=
                    (buses.voltage_pu_min[bus] - vm).max(vm - buses.voltage_pu_max[bus]).max(0.0);
            }
        }
        if self.task == Task::Redispatch {
            for branch in branches.from.indices().filter(|branch| state.branch_on[*branch]) {
                let rating_pu = base.to_pu(ratings[branch.row()]);
                if rating_pu > 0.0 {
                    score.broken_pu += (flows.apparent_pu(branch) - rating_pu).max(0.0);
                }
            }
        }
        score
    }

    /// See the module for the list.
    fn actions(&self, state: &State, seen: &Observations, row: usize) -> Vec<Action> {
        match self.task {
            Task::VoltVar => [self.set_points(state), self.taps(state), self.shunts(state)].concat(),
            Task::Redispatch => self.schedules(state, seen, row),
            Task::FrequencyResponse => Vec::new(),
        }
    }

    fn set_points(&self, state: &State) -> Vec<Action> {
        let (buses, units) = (&self.network.buses, &self.network.units);
        let mut actions = Vec::new();
        for bus in buses.id.indices() {
            let here: Vec<UnitIdx> = units
                .bus
                .indices()
                .filter(|at| units.bus[*at] == bus && units.regulates[*at] && state.unit_on[*at])
                .collect();
            let Some(now) = here.first().map(|at| state.unit_v_set_pu[*at]) else { continue };
            for value in around(now, V_STEP_PU, (buses.voltage_pu_min[bus], buses.voltage_pu_max[bus])) {
                let one =
                    |at: &UnitIdx| Request { quantity: Asked::UnitVSet, element: at.row() as u32, value };
                actions.push(here.iter().map(one).collect());
            }
        }
        actions
    }

    fn taps(&self, state: &State) -> Vec<Action> {
        let branches = &self.network.branches;
        let usual = GridRules::default().tap_range;
        let mut actions = Vec::new();
        for branch in branches.from.indices() {
            let (low, high, positions) = branches.tap_range[branch].unwrap_or(usual);
            if branches.transformer[branch] && state.branch_on[branch] && positions > 1 {
                let step = (high - low) / f64::from(positions - 1);
                actions.extend(each(
                    Asked::BranchTap,
                    branch.row(),
                    around(state.tap_ratio[branch], step, (low, high)),
                ));
            }
        }
        actions
    }

    fn shunts(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        for row in 0..self.network.shunts.bus.len() {
            let shunt = ShuntIdx::from_row(row);
            let last = self.network.shunts.steps_pu[shunt].len().saturating_sub(1) as f64;
            let now = f64::from(state.shunt_step[shunt]);
            actions.extend(each(Asked::ShuntStep, row, around(now, 1.0, (0.0, last))));
        }
        actions
    }

    fn schedules(&self, state: &State, seen: &Observations, row: usize) -> Vec<Action> {
        let (units, base) = (&self.network.units, self.network.base);
        let set = seen.of(Observed::UnitPSet).row(row);
        let can_mw = seen.of(Observed::UnitPMax).row(row);
        let mut actions = Vec::new();
        for at in units.bus.indices().filter(|at| state.unit_on[*at]) {
            let (low, high) = (units.p_min_pu[at], units.p_max_pu[at]);
            let ramp_pu = units.ramp_pu_per_min[at].unwrap_or(RAMP_SHARE_PER_MIN * high.abs());
            if low.is_finite() && high.is_finite() && ramp_pu.is_finite() {
                let range = (base.from_pu(low), can_mw[at.row()]);
                actions.extend(each(
                    Asked::UnitPSet,
                    at.row(),
                    around(set[at.row()], base.from_pu(ramp_pu), range),
                ));
            }
        }
        actions
    }

    /// The state after an action: other units share what a schedule moves, as in the grid.
    fn after(&self, state: &State, action: &Action) -> State {
        let mut state = state.clone();
        for request in action {
            let row = request.element as usize;
            match request.quantity {
                Asked::UnitVSet => state.unit_v_set_pu[UnitIdx::from_row(row)] = request.value,
                Asked::BranchTap => state.tap_ratio[BranchIdx::from_row(row)] = request.value,
                Asked::ShuntStep => state.shunt_step[ShuntIdx::from_row(row)] = request.value as u32,
                Asked::UnitPSet => {
                    state.unit_p_pu[UnitIdx::from_row(row)] = self.network.base.to_pu(request.value);
                }
                Asked::BranchStatus | Asked::LoadShed => {}
            }
        }
        state
    }
}

/// A step down and a step up from a value, within a range; those that move nothing are left out.
fn around(now: f64, step: f64, (low, high): (f64, f64)) -> Vec<f64> {
    [now - step, now + step]
        .into_iter()
        .map(|value| value.min(high).max(low))
        .filter(|value| (value - now).abs() > 1e-9)
        .collect()
}

/// One action for each value.
fn each(quantity: Asked, row: usize, values: Vec<f64>) -> Vec<Action> {
    values.into_iter().map(|value| vec![Request { quantity, element: row as u32, value }]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_end_at_the_range_and_at_what_moves_nothing() {
        assert_eq!(around(1.0, 0.5, (0.0, 2.0)), [0.5, 1.5]);
        assert_eq!(around(1.0, 0.5, (0.9, 1.0)), [0.9]);
        assert_eq!(around(1.0, 0.5, (1.0, 1.0)), [0.0; 0]);
    }

    #[test]
    fn a_dead_bus_outweighs_any_broken_limit() {
        let score = |dark_pu, broken_pu| Score { dark_pu, broken_pu };
        assert!(score(0.0, 9.0).is_below(score(0.1, 0.0)));
        assert!(!score(0.1, 0.0).is_below(score(0.0, 9.0)));
        assert!(score(0.1, 1.0).is_below(score(0.1, 1.1)));
        // What is no better is not worth moving for.
        assert!(!score(0.0, 1.0).is_below(score(0.0, 1.0)));
    }
}
