//! What a planner wants to know of one row: extremes and violations.

use crate::index::{BranchIdx, BusIdx, Column};
use crate::network::Network;
use crate::solution::{Complex, Divergence};
use crate::state::State;
use crate::sweep::{Answer, Method, RowStatus, Sweep};

/// One limit that one row does not keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Violation {
    /// A branch above its rating: its loading, 1 = at the rating.
    Overload(BranchIdx, f64),
    /// A bus below its lowest allowed voltage: its magnitude, pu.
    LowVoltage(BusIdx, f64),
    /// A bus above its highest allowed voltage: its magnitude, pu.
    HighVoltage(BusIdx, f64),
}

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
    /// Violations that the base does not have, or has smaller by more than 5 % of the rating or 0.01 pu: branches, then
    /// buses, in file order. In a summary of the base itself, all that it has.
    pub caused: Vec<Violation>,
    /// Demand on buses that lost their voltage, pu.
    pub lost_demand_pu: f64,
    /// Power that no unit could provide or take back, pu: the sum of magnitudes over islands.
    pub unmet_pu: f64,
    /// Why there is no solution, where there is none.
    pub divergence: Option<Divergence>,
}

/// Beyond a voltage limit from here on, pu (contracts, section 3).
const VOLTAGE_TOLERANCE_PU: f64 = 1e-4;
/// Beyond a rating from here on, as a share of it.
const RATING_TOLERANCE: f64 = 1e-3;

/// A violation of the base counts anew from this much worse on, as a share of the rating.
const WORSE_LOADING: f64 = 0.05;
/// The same for voltages, pu.
const WORSE_VOLTAGE_PU: f64 = 0.01;

/// From where on a violation is one that the row caused.
#[derive(Clone, Debug)]
struct Thresholds {
    /// Loading above which a branch counts; infinite without a rating.
    loading: Column<BranchIdx, f64>,
    /// Magnitude below which a bus counts, pu.
    vm_low_pu: Column<BusIdx, f64>,
    /// Magnitude above which a bus counts, pu.
    vm_high_pu: Column<BusIdx, f64>,
}

impl Thresholds {
    /// The limits themselves.
    fn limits(network: &Network) -> Self {
        let (buses, rating) = (&network.buses, &network.branches.rating_pu);
        Thresholds {
            loading: rating
                .iter()
                .map(|(_, rating)| rating.map_or(f64::INFINITY, |_| 1.0 + RATING_TOLERANCE))
                .collect(),
            vm_low_pu: buses.voltage_pu_min.iter().map(|(_, low)| low - VOLTAGE_TOLERANCE_PU).collect(),
            vm_high_pu: buses.voltage_pu_max.iter().map(|(_, high)| high + VOLTAGE_TOLERANCE_PU).collect(),
        }
    }

    /// The limits, moved beyond what the base violates already.
    fn beyond(network: &Network, base: &Summary) -> Self {
        let mut thresholds = Thresholds::limits(network);
        for violation in &base.caused {
            match *violation {
                Violation::Overload(branch, loading) => {
                    thresholds.loading[branch] = loading + WORSE_LOADING;
                }
                Violation::LowVoltage(bus, vm) => thresholds.vm_low_pu[bus] = vm - WORSE_VOLTAGE_PU,
                Violation::HighVoltage(bus, vm) => thresholds.vm_high_pu[bus] = vm + WORSE_VOLTAGE_PU,
            }
        }
        thresholds
    }
}

impl Sweep {
    /// [`Sweep::outages`], summarised.
    pub fn summarise_outages(&mut self, outages: &[Vec<BranchIdx>], visit: &mut dyn FnMut(usize, Summary)) {
        let base = std::sync::Arc::clone(&self.base);
        let thresholds = Thresholds::beyond(&base.network, &self.summarise_base());
        self.outages(outages, &mut |row, answer| visit(row, summarise(&base.network, answer, &thresholds)));
    }

    /// The base, summarised.
    pub fn summarise_base(&self) -> Summary {
        let network = &self.base.network;
        summarise(network, &self.base_answer(), &Thresholds::limits(network))
    }

    /// The base as an answer.
    pub fn base_answer(&self) -> Answer<'_> {
        let solution = &self.base.solution;
        Answer {
            status: RowStatus::Solved,
            method: Some(Method::Alone(solution.rung)),
            iterations: solution.iterations,
            mismatch_pu: solution.mismatch_pu,
            divergence: None,
            out: &[],
            unmet_pu: solution.unmet_pu(),
            base: &self.base.state,
            voltage: Some((solution.voltage.as_slice(), solution.status.as_slice())),
            all_live: self.base.all_live,
        }
    }
}

impl Answer<'_> {
    /// Apparent power at the more loaded end of a branch, pu; `None` where it carries nothing or there is no solution.
    pub fn apparent_pu(&self, network: &Network, branch: BranchIdx) -> Option<f64> {
        apparent_pu(network, self.base, self, branch)
    }
}

fn summarise(network: &Network, answer: &Answer<'_>, thresholds: &Thresholds) -> Summary {
    let state = answer.base;
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
        caused: Vec::new(),
        lost_demand_pu: 0.0,
        unmet_pu: answer.unmet_pu,
        divergence: answer.divergence.cloned(),
    };
    if !solved {
        return summary;
    }
    let buses = &network.buses;
    let mut beyond_voltage = Vec::new();
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
        if vm < thresholds.vm_low_pu[bus] {
            beyond_voltage.push(Violation::LowVoltage(bus, vm));
        } else if vm > thresholds.vm_high_pu[bus] {
            beyond_voltage.push(Violation::HighVoltage(bus, vm));
        }
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
            if loading > thresholds.loading[branch] {
                summary.caused.push(Violation::Overload(branch, loading));
            }
        }
    }
    summary.caused.extend(beyond_voltage);
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
