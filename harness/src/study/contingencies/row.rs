//! From a summary of the engine to a record by file ids and engineering units.

use powerflow::{BranchIdx, BusIdx, Index, Method, Network, RowStatus, Rung, Summary, Violation};
use reports::contingencies::{
    BaseRecord, ContingencyRecord, ContingencyStatus, ViolationKind, ViolationRecord,
};

use super::super::solution::rung_id;
use super::list::{Outage, ends};

/// Violations that a record lists.
const LISTED: usize = 5;

/// A record without numbers: what there is to say of an outage before it was looked at.
pub(super) fn blank(
    network: &Network,
    number: u64,
    outage: &Outage,
    status: ContingencyStatus,
) -> ContingencyRecord {
    let end = |branch: &BranchIdx| ends(network, *branch);
    ContingencyRecord {
        number,
        name: outage.name.clone(),
        rows: outage.branches.iter().map(|branch| file_row(*branch)).collect(),
        from: outage.branches.iter().map(|branch| end(branch).0).collect(),
        to: outage.branches.iter().map(|branch| end(branch).1).collect(),
        status,
        why: None,
        iterations: 0,
        vm_min_pu: None,
        vm_min_bus: None,
        vm_max_pu: None,
        vm_max_bus: None,
        max_loading_pct: None,
        max_loading_branch: None,
        max_flow_mva: None,
        max_flow_branch: None,
        mismatch_pu: None,
        rung: None,
        overloads: None,
        low_voltages: None,
        high_voltages: None,
        caused_overloads: None,
        caused_low_voltages: None,
        caused_high_voltages: None,
        worst_overload_pct: None,
        worst_voltage_pu: None,
        lost_demand_mw: None,
        unmet_mw: None,
        estimate_pct: None,
        violations: Vec::new(),
    }
}

/// The record of an outage that was looked at.
pub(super) fn record(
    network: &Network,
    base: &Summary,
    number: u64,
    outage: &Outage,
    summary: &Summary,
) -> ContingencyRecord {
    let status = match summary.status {
        RowStatus::Solved => ContingencyStatus::Solved,
        RowStatus::Islanded => ContingencyStatus::Islanded,
        RowStatus::NoSolution => ContingencyStatus::NoSolution,
        // Nothing changes: the base case says what holds.
        RowStatus::Dead => return blank(network, number, outage, ContingencyStatus::Dead),
    };
    let mut record = blank(network, number, outage, status);
    record.iterations = summary.iterations;
    record.why = summary.divergence.as_ref().map(ToString::to_string);
    if summary.status == RowStatus::NoSolution {
        return record;
    }
    let id = |bus: BusIdx| network.buses.id[bus].0;
    let mw = |pu: f64| network.base.from_pu(pu);
    record.vm_min_pu = summary.vm_min_pu.map(|(vm, _)| vm);
    record.vm_min_bus = summary.vm_min_pu.map(|(_, bus)| id(bus));
    record.vm_max_pu = summary.vm_max_pu.map(|(vm, _)| vm);
    record.vm_max_bus = summary.vm_max_pu.map(|(_, bus)| id(bus));
    record.max_loading_pct = summary.max_loading.map(|(loading, _)| 100.0 * loading);
    record.max_loading_branch = summary.max_loading.map(|(_, branch)| file_row(branch));
    record.max_flow_mva = summary.max_flow_pu.map(|(flow, _)| mw(flow));
    record.max_flow_branch = summary.max_flow_pu.map(|(_, branch)| file_row(branch));
    record.mismatch_pu = summary.mismatch_pu;
    record.rung = summary.method.map(method_id);
    record.overloads = Some(summary.overloads);
    record.low_voltages = Some(summary.low_voltages);
    record.high_voltages = Some(summary.high_voltages);
    record.lost_demand_mw = Some(mw((summary.lost_demand_pu - base.lost_demand_pu).max(0.0)));
    record.unmet_mw = Some(mw((summary.unmet_pu - base.unmet_pu).max(0.0)));

    let mut caused = violations(network, summary);
    let count = |kind: ViolationKind| caused.iter().filter(|v| v.kind == kind).count() as u32;
    record.caused_overloads = Some(count(ViolationKind::Overload));
    record.caused_low_voltages = Some(count(ViolationKind::LowVoltage));
    record.caused_high_voltages = Some(count(ViolationKind::HighVoltage));
    // Worst first, overloads before voltages; equal ones stay in file order.
    let is_voltage = |v: &ViolationRecord| v.kind != ViolationKind::Overload;
    caused.sort_by(|a, b| is_voltage(a).cmp(&is_voltage(b)).then(b.depth().total_cmp(&a.depth())));
    record.worst_overload_pct = caused.iter().find(|v| !is_voltage(v)).map(|v| v.value);
    record.worst_voltage_pu = caused.iter().find(|v| is_voltage(v)).map(ViolationRecord::depth);
    caused.truncate(LISTED);
    record.violations = caused;
    record
}

/// What an outage caused (of the base: all that it has), in the order of the summary.
fn violations(network: &Network, summary: &Summary) -> Vec<ViolationRecord> {
    summary.caused.iter().map(|violation| violation_record(network, violation)).collect()
}

pub(super) fn violation_record(network: &Network, violation: &Violation) -> ViolationRecord {
    let voltage = |kind: ViolationKind, bus: BusIdx, value: f64, limit: f64| ViolationRecord {
        kind,
        branch: None,
        bus: Some(network.buses.id[bus].0),
        value,
        limit,
    };
    match *violation {
        Violation::Overload(branch, loading) => ViolationRecord {
            kind: ViolationKind::Overload,
            branch: Some(file_row(branch)),
            bus: None,
            value: 100.0 * loading,
            limit: 100.0,
        },
        Violation::LowVoltage(bus, vm) => {
            voltage(ViolationKind::LowVoltage, bus, vm, network.buses.voltage_pu_min[bus])
        }
        Violation::HighVoltage(bus, vm) => {
            voltage(ViolationKind::HighVoltage, bus, vm, network.buses.voltage_pu_max[bus])
        }
    }
}

/// The base case, without its moment.
pub(super) fn base(network: &Network, rung: Rung, summary: &Summary) -> BaseRecord {
    let mw = |pu: f64| network.base.from_pu(pu);
    BaseRecord {
        rung: rung_id(rung),
        iterations: summary.iterations,
        mismatch_pu: summary.mismatch_pu.unwrap_or_default(),
        vm_min_pu: summary.vm_min_pu.map(|(vm, _)| vm),
        vm_max_pu: summary.vm_max_pu.map(|(vm, _)| vm),
        max_loading_pct: summary.max_loading.map(|(loading, _)| 100.0 * loading),
        overloads: summary.overloads,
        low_voltages: summary.low_voltages,
        high_voltages: summary.high_voltages,
        lost_demand_mw: mw(summary.lost_demand_pu),
        unmet_mw: mw(summary.unmet_pu),
        violations: violations(network, summary),
        moment: reports::contingencies::Moment::default(),
    }
}

/// Row in the file, from 1.
pub(super) fn file_row(branch: BranchIdx) -> u32 {
    branch.row() as u32 + 1
}

fn method_id(method: Method) -> String {
    match method {
        Method::Lanes => "lanes".into(),
        Method::SharedFactor => "shared_factor".into(),
        Method::Alone(rung) => rung_id(rung),
    }
}
