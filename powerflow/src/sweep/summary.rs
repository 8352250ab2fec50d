//! What a planner wants to know of one row: extremes and violations.

use crate::index::{BranchIdx, BusIdx};
use crate::network::Network;
use crate::solution::{Complex, Divergence};
use crate::state::State;
use crate::sweep::{Answer, Method, RowStatus, Sweep};

/// One row in numbers. What does not exist (no solution, no ratings) is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What became of it.
    pub status: RowStatus,
    /// Who answered.
    pub method: Option<Method>,
    /// Iterations.
    pub iterations: u32,
    /// Largest mismatch, pu.
    pub mismatch_pu: Option<f64>,
    /// Lowest voltage, pu, and where.
    pub vm_min_pu: Option<(f64, BusIdx)>,
    /// Highest voltage, pu, and where.
    pub vm_max_pu: Option<(f64, BusIdx)>,
    /// Largest apparent power over its rating (rate A), 1 = at the rating, and where; rated branches only.
    pub max_loading: Option<(f64, BranchIdx)>,
    /// Largest apparent power at either end of a branch, pu, and where.
    pub max_flow_pu: Option<(f64, BranchIdx)>,
    /// Branches above their rating.
    pub overloads: u32,
    /// Buses below their lowest allowed voltage.
    pub low_voltages: u32,
    /// Buses above their highest allowed voltage.
    pub high_voltages: u32,
    /// Demand on buses that lost their voltage, pu.
    pub lost_demand_pu: f64,
    /// Why there is no solution, where there is none.
    pub divergence: Option<Divergence>,
}

/// Beyond a voltage limit from here on, pu (contracts, section 3).
const VOLTAGE_TOLERANCE_PU: f64 = 1e-4;
/// Beyond a rating from here on, as a share of it.
const RATING_TOLERANCE: f64 = 1e-3;

impl Sweep {
    /// [`Sweep::outages`], summarised.
    pub fn summarise_outages(&mut self, outages: &[Vec<BranchIdx>], visit: &mut dyn FnMut(usize, Summary)) {
        let base = std::sync::Arc::clone(&self.base);
        let summarise = |answer: &Answer<'_>| summarise(&base.network, &base.state, answer);
        self.outages(outages, &mut |row, answer| visit(row, summarise(answer)));
    }
}

fn summarise(network: &Network, state: &State, answer: &Answer<'_>) -> Summary {
    let solved = answer.voltage.is_some();
    let mut summary = Summary {
        status: answer.status,
        method: answer.method,
        iterations: answer.iterations,
        mismatch_pu: solved.then_some(answer.mismatch_pu),
        vm_min_pu: None,
        vm_max_pu: None,
        max_loading: None,
        max_flow_pu: None,
        overloads: 0,
        low_voltages: 0,
        high_voltages: 0,
        lost_demand_pu: 0.0,
        divergence: answer.divergence.cloned(),
    };
    if !solved {
        return summary;
    }
    let buses = &network.buses;
    for bus in buses.id.indices() {
        let Some(v) = answer.voltage(bus) else {
            summary.lost_demand_pu += state.demand_p_pu[bus].max(0.0);
            continue;
        };
        let vm = v.abs();
        if summary.vm_min_pu.is_none_or(|(lowest, _)| vm < lowest) {
            summary.vm_min_pu = Some((vm, bus));
        }
        if summary.vm_max_pu.is_none_or(|(highest, _)| vm > highest) {
            summary.vm_max_pu = Some((vm, bus));
        }
        summary.low_voltages += u32::from(vm < buses.voltage_pu_min[bus] - VOLTAGE_TOLERANCE_PU);
        summary.high_voltages += u32::from(vm > buses.voltage_pu_max[bus] + VOLTAGE_TOLERANCE_PU);
    }
    for branch in network.branches.from.indices() {
        let Some(flow) = apparent_pu(network, state, answer, branch) else { continue };
        if summary.max_flow_pu.is_none_or(|(largest, _)| flow > largest) {
            summary.max_flow_pu = Some((flow, branch));
        }
        if let Some(rating) = network.branches.rating_pu[branch] {
            let loading = flow / rating;
            if summary.max_loading.is_none_or(|(largest, _)| loading > largest) {
                summary.max_loading = Some((loading, branch));
            }
            summary.overloads += u32::from(loading > 1.0 + RATING_TOLERANCE);
        }
    }
    summary
}

/// Apparent power at the more loaded end of a branch; `None` where it carries nothing.
fn apparent_pu(network: &Network, state: &State, answer: &Answer<'_>, branch: BranchIdx) -> Option<f64> {
    use crate::network::admittance::TwoPort;
    let branches = &network.branches;
    if answer.out.contains(&branch) || !crate::problem::Problem::branch_live(network, state, branch) {
        return None;
    }
    let (vf, vt) = (answer.voltage(branches.from[branch])?, answer.voltage(branches.to[branch])?);
    let y = TwoPort::of(branches, branch, state.tap_ratio[branch]);
    let end = |v: Complex, own: Complex, w: Complex, other: Complex| {
        let re = own.re * v.re - own.im * v.im + other.re * w.re - other.im * w.im;
        let im = own.re * v.im + own.im * v.re + other.re * w.im + other.im * w.re;
        (v.re * v.re + v.im * v.im) * (re * re + im * im)
    };
    let from = end(vf, y.from_from, vt, y.from_to);
    Some(from.max(end(vt, y.to_to, vf, y.to_from)).sqrt())
}
