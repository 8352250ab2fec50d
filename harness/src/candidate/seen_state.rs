//! From what a candidate sees to a state that a power flow can solve, for comparators with a model of the grid.

use powerflow::{Index, Network, ShuntIdx, State};

use crate::observation::{Observations, Observed};

/// The state that one row shows.
pub(super) fn seen_state(network: &Network, seen: &Observations, row: usize) -> State {
    let mut state = network.initial_state();
    let base = network.base;
    let get = |quantity: Observed, at: usize| seen.of(quantity).row(row)[at];
    for bus in network.buses.id.indices() {
        state.demand_p_pu[bus] = base.to_pu(get(Observed::BusPd, bus.row()));
        state.demand_q_pu[bus] = base.to_pu(get(Observed::BusQd, bus.row()));
    }
    for at in network.units.bus.indices() {
        state.unit_on[at] = get(Observed::UnitStatus, at.row()) > 0.5;
        state.unit_p_pu[at] = base.to_pu(get(Observed::UnitP, at.row()));
        state.unit_v_set_pu[at] = get(Observed::UnitVSet, at.row());
    }
    for branch in network.branches.from.indices() {
        state.branch_on[branch] = get(Observed::BranchStatus, branch.row()) > 0.5;
        state.tap_ratio[branch] = get(Observed::BranchTap, branch.row());
    }
    for at in 0..network.shunts.bus.len() {
        state.shunt_step[ShuntIdx::from_row(at)] = get(Observed::ShuntStep, at) as u32;
    }
    state
}
