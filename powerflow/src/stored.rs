//! How far the state stored in a file is from a solution.

use crate::case::BusKind;
use crate::control;
use crate::index::{BranchIdx, BusIdx, Column, Index};
use crate::kirchhoff::Kirchhoff;
use crate::network::Network;
use crate::plan::Plan;
use crate::solution::{BusStatus, Complex, Rung, Solution};

/// What does not balance at every bus in service, pu, at the voltages and powers stored in the file: what units inject less
/// demand, shunts and what flows into branches, at the stored taps and steps. Demand follows the stored voltage where the file says so.
/// Nothing is solved: a file that holds a solution shows its own rounding, and the difference of its model to ours.
///
/// Buses that jumpers join are one bus, named by the first of them: no voltages that are printed tell what flows between them.
pub fn stored_balance(network: &Network) -> Vec<(BusIdx, Complex)> {
    let mut state = network.initial_state();
    let plan = Plan::new(network, &state.topology);
    let buses = &network.buses;
    let in_service = |bus: BusIdx| buses.kind[bus] != BusKind::Isolated;
    let voltage = plan
        .nodes
        .bus
        .iter()
        .map(|(_, bus)| {
            let (magnitude, angle) = (buses.stored_vm_pu[*bus], buses.stored_va_rad[*bus]);
            Complex { re: magnitude * libm::cos(angle), im: magnitude * libm::sin(angle) }
        })
        .collect();
    let status = |bus| if in_service(bus) { BusStatus::Live } else { BusStatus::Isolated };
    let units = &network.units;
    let stored = |power: &Column<_, f64>| {
        let runs = |unit| units.in_service[unit] && in_service(units.bus[unit]);
        power.iter().map(|(unit, power)| if runs(unit) { *power } else { 0.0 }).collect()
    };
    let solution = Solution {
        voltage,
        status: buses.id.indices().map(status).collect(),
        unit_p_pu: stored(&units.p_pu),
        unit_q_pu: stored(&units.q_pu),
        islands: Vec::new(),
        at_limit: Vec::new(),
        unsettled: Vec::new(),
        unsolved: Vec::new(),
        iterations: 0,
        mismatch_pu: 0.0,
        rung: Rung::Newton,
        stagnated: false,
    };
    control::follow_demand(network, &mut state, &solution);
    let joined = joined(network);
    for row in &network.case.jumpers {
        state.branch_on[BranchIdx::from_row(*row)] = false;
    }
    let mut sum = vec![Complex::default(); buses.id.len()];
    let mut live = vec![false; buses.id.len()];
    for (bus, gap) in Kirchhoff::new(&network.case).gaps(network, &plan, &state, &solution) {
        let first = joined[bus.row()];
        live[first] = true;
        sum[first].re += gap.re;
        sum[first].im += gap.im;
    }
    (0..sum.len()).filter(|row| live[*row]).map(|row| (BusIdx::from_row(row), sum[row])).collect()
}

/// The first of the buses that closed jumpers join with each bus.
fn joined(network: &Network) -> Vec<usize> {
    let branches = &network.branches;
    let mut first: Vec<usize> = (0..network.buses.id.len()).collect();
    // Few jumpers, and chains of them are short: as often as something changes.
    let mut changed = true;
    while changed {
        changed = false;
        for branch in network.case.jumpers.iter().map(|row| BranchIdx::from_row(*row)) {
            if !branches.in_service[branch] {
                continue;
            }
            let (from, to) = (branches.from[branch].row(), branches.to[branch].row());
            let least = first[from].min(first[to]);
            changed |= first[from] != least || first[to] != least;
            (first[from], first[to]) = (least, least);
        }
    }
    first
}
