//! What a state after an outage may not do, given what the state before it does already.

use crate::index::{BranchIdx, Column, Index, NodeIdx};
use crate::network::Network;
use crate::plan::Plan;
use crate::solution::{Flows, Solution};
use crate::sweep::Violation;

/// Beyond a voltage limit from here on, pu (as in the summary of a sweep).
const VOLTAGE_TOLERANCE_PU: f64 = 1e-4;
/// Beyond a rating from here on, as a share of it.
const RATING_TOLERANCE: f64 = 1e-3;
/// What is beyond a limit before the outage counts from this much worse on, as a share of the rating.
const WORSE_LOADING: f64 = 0.05;
/// The same for voltages, pu.
const WORSE_VOLTAGE_PU: f64 = 0.01;
/// Unmet balance beyond that of the state before from here on, pu.
const UNMET_PU: f64 = 1e-3;

/// The limits of one state's outages.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Apparent power above which a branch is overloaded, pu; `None` without a rating.
    pub(super) flow_pu: Column<BranchIdx, Option<f64>>,
    /// Magnitude below and above which a node violates its limits, pu.
    pub(super) vm_pu: Column<NodeIdx, (f64, f64)>,
    /// Unmet balance above which nobody balances the grid, pu.
    pub(super) unmet_pu: f64,
}

impl Limits {
    /// Those of the file, moved outwards where the state before the outage is beyond them already.
    pub(super) fn beyond(
        network: &Network,
        plan: &Plan,
        rating_pu: &Column<BranchIdx, Option<f64>>,
        solution: &Solution,
        flows: &Flows,
    ) -> Self {
        let flow = |(branch, rating): (BranchIdx, &Option<f64>)| {
            rating.map(|rating| {
                let (now, limit) = (flows.apparent_pu(branch), rating * (1.0 + RATING_TOLERANCE));
                if now > limit { rating.mul_add(WORSE_LOADING, now) } else { limit }
            })
        };
        let magnitude = |(node, bus): (NodeIdx, &crate::BusIdx)| {
            let low = network.buses.voltage_pu_min[*bus] - VOLTAGE_TOLERANCE_PU;
            let high = network.buses.voltage_pu_max[*bus] + VOLTAGE_TOLERANCE_PU;
            let now = solution.voltage[node].abs();
            let dead = now == 0.0;
            (
                if now < low && !dead { now - WORSE_VOLTAGE_PU } else { low },
                if now > high { now + WORSE_VOLTAGE_PU } else { high },
            )
        };
        Limits {
            flow_pu: rating_pu.iter().map(flow).collect(),
            vm_pu: plan.nodes.bus.iter().map(magnitude).collect(),
            unmet_pu: solution.unmet_pu() + UNMET_PU,
        }
    }

    /// The first limit that a solution breaks: branches, then nodes, in file order.
    pub(super) fn broken(
        &self,
        network: &Network,
        plan: &Plan,
        solution: &Solution,
        flows: &Flows,
    ) -> Option<Violation> {
        for (branch, limit) in self.flow_pu.iter() {
            let flow = flows.apparent_pu(branch);
            // Written so that a flow that is no number counts as too much.
            if limit.is_some_and(|limit| !(flow <= limit)) {
                let rating = network.branches.rating_pu[branch].unwrap_or(limit.unwrap_or(1.0));
                return Some(Violation::Overload(branch, flow / rating));
            }
        }
        for (node, (low, high)) in self.vm_pu.iter() {
            let bus = plan.nodes.bus[node];
            let vm = solution.voltage[node].abs();
            if vm > 0.0 && vm < *low {
                return Some(Violation::LowVoltage(bus, vm));
            }
            if !(vm <= *high) {
                return Some(Violation::HighVoltage(bus, vm));
            }
        }
        None
    }
}

/// The rating that holds for a while after an outage: B where the file has one, else A, pu.
pub(super) fn emergency_ratings(network: &Network) -> Column<BranchIdx, Option<f64>> {
    let of = |(branch, long_term): (BranchIdx, &Option<f64>)| {
        let short_term = network.case.branches[branch.row()].rate_b_mva.filter(|mva| *mva > 0.0);
        let short_term = short_term.map(|mva| network.base.to_pu(mva));
        short_term.or(*long_term).filter(|rating| *rating > 0.0)
    };
    network.branches.rating_pu.iter().map(of).collect()
}
