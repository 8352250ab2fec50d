//! Where a case begins: its power flow, solved by this program's own engine, never taken from the file.

use powerflow::case::{BusKind, CaseBranch, CaseBus, CaseLoad, CaseShunt, CaseUnit};
use powerflow::units::MvaBase;
use powerflow::{
    BusId, BusIdx, Case, Diagnostics, Divergence, Index, Network, NewtonConfig, ReactiveLimits, Slack,
    UnitIdx,
};

use super::case::{MachineCase, SYSTEM_BASE_MVA};
use super::phasor::Phasor;

/// Voltages and injections before anything happens.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// Voltage of each bus, pu; `None` where it is dead or out of service.
    pub(super) voltage: Vec<Option<Phasor>>,
    /// Power that each source injects, pu, zero where it is off.
    pub(super) injection: Vec<Phasor>,
    /// Largest power that does not balance at a bus, pu.
    pub(super) mismatch_pu: f64,
}

/// Why there is no base.
pub(super) enum NoBase {
    /// The network is wrong.
    Wrong(Diagnostics),
    /// It has no solution.
    Diverged(Divergence),
}

/// The mismatch that counts as solved, pu: machines begin at rest to this.
const TOLERANCE_PU: f64 = 1e-10;

/// How the base is solved: as the programs of this format do, with voltages held whatever it takes and one reference.
pub(super) fn newton() -> NewtonConfig {
    NewtonConfig {
        reactive_limits: ReactiveLimits::Ignore,
        slack: Slack::Single,
        tolerance_pu: TOLERANCE_PU,
        ..NewtonConfig::default()
    }
}

/// Solves the power flow of a case.
pub(super) fn solve(case: &MachineCase) -> Result<Base, NoBase> {
    let network = Network::build(power_case(case)).map_err(NoBase::Wrong)?;
    let solution = powerflow::solve(&network, &newton()).map_err(NoBase::Diverged)?;
    let voltage = (0..case.buses.len())
        .map(|row| solution.voltage(BusIdx::from_row(row)).map(|v| Phasor::new(v.re, v.im)))
        .collect();
    let unit = |row| {
        let unit = UnitIdx::from_row(row);
        Phasor::new(solution.unit_p_pu[unit], solution.unit_q_pu[unit])
    };
    Ok(Base {
        voltage,
        injection: (0..case.sources.len()).map(unit).collect(),
        mismatch_pu: solution.mismatch_pu,
    })
}

/// The numbers of buses for people: those of the file where all are numbers, else rows from 1.
fn bus_numbers(case: &MachineCase) -> Vec<BusId> {
    let numbers: Option<Vec<u64>> = case.buses.iter().map(|bus| bus.id.parse().ok()).collect();
    let numbers = numbers.unwrap_or_else(|| (1..=case.buses.len() as u64).collect());
    numbers.into_iter().map(BusId).collect()
}

/// The same network for the power flow.
fn power_case(case: &MachineCase) -> Case {
    let number = bus_numbers(case);
    let mva = |pu: f64| pu * SYSTEM_BASE_MVA;
    let kind = |at: usize| {
        let mut sources = case.sources.iter().filter(|s| s.bus == at && s.in_service).peekable();
        if !case.buses[at].in_service {
            BusKind::Isolated
        } else if sources.peek().is_none() {
            BusKind::Pq
        } else if sources.any(|source| source.reference_rad.is_some()) {
            BusKind::Reference
        } else {
            BusKind::Pv
        }
    };
    let angle = |at: usize| {
        let held = case.sources.iter().find(|s| s.bus == at && s.in_service && s.reference_rad.is_some());
        held.and_then(|source| source.reference_rad).unwrap_or(case.buses[at].va_rad)
    };
    Case {
        name: case.name.clone(),
        file: case.file.clone(),
        base_mva: MvaBase(SYSTEM_BASE_MVA),
        frequency_hz: case.frequency_hz,
        buses: (case.buses.iter().enumerate())
            .map(|(at, bus)| CaseBus {
                id: number[at],
                kind: kind(at),
                vm_pu: bus.vm_pu,
                va_deg: angle(at).to_degrees(),
                base_kv: bus.nominal_kv,
                // Limits are no part of this question; these only must be in order.
                vm_max_pu: 2.0,
                vm_min_pu: 0.0,
                area: 1,
                name: bus.name.clone(),
                location: None,
                line: bus.line,
            })
            .collect(),
        loads: (case.loads.iter())
            .map(|load| CaseLoad {
                bus: number[load.bus],
                p_mw: mva(load.p_pu),
                q_mvar: mva(load.q_pu),
                in_service: load.in_service,
            })
            .collect(),
        shunts: (case.shunts.iter())
            .map(|shunt| CaseShunt {
                bus: number[shunt.bus],
                g_mw: mva(shunt.admittance.re),
                b_mvar: mva(shunt.admittance.im),
                in_service: shunt.in_service,
                steps_mvar: Vec::new(),
            })
            .collect(),
        branches: (case.lines.iter())
            .map(|line| CaseBranch {
                from: number[line.from],
                to: number[line.to],
                r_pu: line.r_pu,
                x_pu: line.x_pu,
                from_shunt_pu: (line.shunt[0].re, line.shunt[0].im),
                to_shunt_pu: (line.shunt[1].re, line.shunt[1].im),
                rate_a_mva: None,
                rate_b_mva: None,
                rate_c_mva: None,
                tap: line.tap,
                shift_deg: line.shift_rad.to_degrees(),
                in_service: line.in_service,
                transformer: line.tap != 1.0 || line.shift_rad != 0.0,
                tap_range: None,
                name: line.name.clone(),
                line: line.line,
            })
            .collect(),
        units: (case.sources.iter())
            .map(|source| CaseUnit {
                bus: number[source.bus],
                p_mw: mva(source.p_pu),
                q_mvar: mva(source.q_pu),
                p_min_mw: f64::NEG_INFINITY,
                p_max_mw: f64::INFINITY,
                q_min_mvar: f64::NEG_INFINITY,
                q_max_mvar: f64::INFINITY,
                v_set_pu: source.v_set_pu,
                m_base_mva: SYSTEM_BASE_MVA,
                ramp_mw_per_min: None,
                in_service: source.in_service,
                regulates: true,
                line: source.line,
            })
            .collect(),
        ..Case::default()
    }
}
