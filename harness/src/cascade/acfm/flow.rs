//! The power flow of one island, as the model prescribes it: which bus is the reference, who holds a voltage.

use std::sync::Arc;

use powerflow::{
    BusIdx, Column, Flows, Network, NewtonConfig, ReactiveLimits, Rescue, Slack, Solution, Solver, Start,
    State, UnitIdx,
};

use super::Settings;
use super::grid::{Grid, Island, Role};

/// Power that no unit can give and that passes for rounding, pu.
const UNMET_PU: f64 = 1e-6;

/// A solver and the state that it was last asked for.
#[derive(Debug)]
pub(super) struct Flow {
    network: Arc<Network>,
    solver: Solver,
    state: State,
    config: NewtonConfig,
    /// Power flows in search of a dispatch, over its life.
    pub(super) searched: u64,
}

impl Flow {
    /// For a network in which every unit can hold its bus's voltage: who does is said by the grid.
    pub(super) fn new(network: &Arc<Network>, settings: &Settings) -> Self {
        let config = NewtonConfig {
            reactive_limits: ReactiveLimits::Ignore,
            slack: Slack::Single,
            start: Start::Case,
            tolerance_pu: settings.tolerance_pu,
            iterations_max: settings.iterations_max,
            rescue: Rescue::No,
            ..NewtonConfig::default()
        };
        let state = network.initial_state();
        Flow { network: Arc::clone(network), solver: Solver::new(network), state, config, searched: 0 }
    }

    /// Newton from the last voltages.
    pub(super) fn newton(
        &mut self,
        grid: &Grid,
        island: &Island,
        reference: BusIdx,
        last: Option<&Solution>,
    ) -> Option<Solution> {
        self.ask(grid, island, reference);
        self.solver.solve(&self.state, last, &self.config).ok()
    }

    /// Newton from other starts and with shortened steps, where it has failed from the last voltages.
    pub(super) fn ladder(&mut self, grid: &Grid, island: &Island, reference: BusIdx) -> Option<Solution> {
        self.ask(grid, island, reference);
        let config = NewtonConfig {
            start: Start::Flat,
            iterations_max: NewtonConfig::default().iterations_max,
            rescue: Rescue::Quick,
            ..self.config.clone()
        };
        self.solver.solve(&self.state, None, &config).ok()
    }

    /// A power flow with `keep` of each bus's demand in which every running unit holds a voltage within its reactive limits (the
    /// highest that its bus may have; where that leads nowhere, its set-point), and all give what is lacking within their active limits: what a dispatcher could
    /// reach. `None` where a limit does not allow it.
    pub(super) fn within_limits(
        &mut self,
        grid: &Grid,
        island: &Island,
        reference: BusIdx,
        keep: impl Fn(BusIdx) -> f64,
        last: Option<&Solution>,
    ) -> Option<Solution> {
        self.ask(grid, island, reference);
        let Flow { network, state, .. } = self;
        let (mut asked_mw, mut left_mw) = (0.0, 0.0);
        for bus in &island.buses {
            let keep = keep(*bus);
            asked_mw += grid.demand_mw[*bus];
            left_mw += grid.demand_mw[*bus] * keep;
            state.demand_p_pu[*bus] = network.base.to_pu(grid.demand_mw[*bus] * keep);
            state.demand_q_pu[*bus] = network.base.to_pu(grid.demand_mvar[*bus] * keep);
        }
        let share = if asked_mw > 0.0 { (left_mw / asked_mw).clamp(0.0, 1.0) } else { 1.0 };
        for unit in island.running(grid) {
            let (low, high) = (network.units.p_min_pu[unit].min(0.0), network.units.p_max_pu[unit].max(0.0));
            state.unit_on[unit] = true;
            state.unit_p_pu[unit] = (network.base.to_pu(grid.unit_mw[unit]) * share).clamp(low, high);
            (state.unit_p_low_pu[unit], state.unit_p_high_pu[unit]) = (low, high);
        }
        let config = NewtonConfig {
            reactive_limits: ReactiveLimits::Enforce,
            slack: Slack::Distributed,
            start: Start::Flat,
            iterations_max: NewtonConfig::default().iterations_max,
            rescue: Rescue::No,
            ..self.config.clone()
        };
        let highest: fn(&Network, &Grid, UnitIdx) -> f64 =
            |network, _, unit| network.buses.voltage_pu_max[network.units.bus[unit]];
        let present: fn(&Network, &Grid, UnitIdx) -> f64 = |_, grid, unit| grid.unit_v_set_pu[unit];
        [highest, present].into_iter().find_map(|set_point| {
            for unit in island.running(grid) {
                self.state.unit_v_set_pu[unit] = set_point(&self.network, grid, unit);
            }
            self.searched += 1;
            let found = self.solver.solve(&self.state, last, &config).ok()?;
            (found.unmet_pu() <= UNMET_PU && found.unsettled.is_empty()).then_some(found)
        })
    }

    /// The largest share of demand and schedules that has a power flow, in (0, 1], with its solution.
    pub(super) fn largest_share(
        &mut self,
        grid: &Grid,
        island: &Island,
        reference: BusIdx,
    ) -> Option<(f64, Solution)> {
        self.ask(grid, island, reference);
        self.solver.largest_solvable(&self.state, &self.config)
    }

    /// Flows of the island that was solved last.
    pub(super) fn flows(&mut self, solution: &Solution) -> Flows {
        self.solver.flows(&self.state, solution)
    }

    /// Writes an island into the state; all else has neither a source nor a closed branch.
    fn ask(&mut self, grid: &Grid, island: &Island, reference: BusIdx) {
        let Flow { network, state, .. } = self;
        let base = network.base;
        state.unit_on = Column::filled(false, state.unit_on.len());
        state.branch_on = Column::filled(false, state.branch_on.len());
        state.references.clear();
        state.references.push(reference);
        for bus in &island.buses {
            state.demand_p_pu[*bus] = base.to_pu(grid.demand_mw[*bus]);
            state.demand_q_pu[*bus] = base.to_pu(grid.demand_mvar[*bus]);
        }
        for unit in island.running(grid) {
            let bus = network.units.bus[unit];
            let power = (base.to_pu(grid.unit_mw[unit]), base.to_pu(grid.unit_mvar[unit]));
            if grid.role[bus] == Role::Load {
                // It gives what it gave last, whatever the voltage: a negative demand.
                state.demand_p_pu[bus] -= power.0;
                state.demand_q_pu[bus] -= power.1;
            } else {
                state.unit_on[unit] = true;
                state.unit_p_pu[unit] = power.0;
                state.unit_v_set_pu[unit] = grid.unit_v_set_pu[unit];
            }
        }
        for branch in &island.branches {
            state.branch_on[*branch] = true;
        }
    }
}
