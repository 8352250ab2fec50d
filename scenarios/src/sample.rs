//! Small networks for the unit tests of this crate.

use std::sync::Arc;

use powerflow::case::{BusKind, Case, CaseBranch, CaseBus, CaseLoad, CaseUnit};
use powerflow::units::MvaBase;
use powerflow::{BusId, Network};

/// `buses` buses numbered 10, 20, ..., a unit of 100 MW at the first, a branch for every pair of bus rows, and a load of
/// 10 MW on every bus but the first.
pub(crate) fn network(buses: usize, branches: &[(usize, usize)]) -> Arc<Network> {
    build(case(buses, branches))
}

/// A ring of `buses` buses with a second circuit on its first side, and a unit of `row + 1` times 10 MW on every bus.
pub(crate) fn ring(buses: usize) -> Arc<Network> {
    let mut sides: Vec<(usize, usize)> = (0..buses).map(|row| (row, (row + 1) % buses)).collect();
    sides.push((0, 1));
    let mut case = case(buses, &sides);
    case.units = (0..buses).map(|row| unit(id(row), 10.0 * (row + 1) as f64)).collect();
    build(case)
}

/// What [`network`] builds from.
pub(crate) fn case(buses: usize, branches: &[(usize, usize)]) -> Case {
    Case {
        name: "sample".into(),
        base_mva: MvaBase::default(),
        frequency_hz: 50.0,
        buses: (0..buses)
            .map(|row| CaseBus {
                id: id(row),
                kind: if row == 0 { BusKind::Reference } else { BusKind::Pq },
                vm_pu: 1.0,
                va_deg: 0.0,
                base_kv: 110.0,
                vm_max_pu: 1.1,
                vm_min_pu: 0.9,
                area: 1,
                name: None,
                location: None,
                line: None,
            })
            .collect(),
        loads: (1..buses)
            .map(|row| CaseLoad { bus: id(row), p_mw: 10.0, q_mvar: 2.0, in_service: true })
            .collect(),
        branches: branches
            .iter()
            .map(|(from, to)| CaseBranch {
                from: id(*from),
                to: id(*to),
                r_pu: 0.01,
                x_pu: 0.1,
                from_shunt_pu: (0.0, 0.0),
                to_shunt_pu: (0.0, 0.0),
                rate_a_mva: None,
                rate_b_mva: None,
                rate_c_mva: None,
                tap: 1.0,
                shift_deg: 0.0,
                in_service: true,
                transformer: false,
                tap_range: None,
                name: None,
                line: None,
            })
            .collect(),
        units: vec![unit(id(0), 100.0)],
        ..Case::default()
    }
}

/// A case that the test wrote, built.
pub(crate) fn build(case: Case) -> Arc<Network> {
    Network::build(case).expect("the sample case is sound")
}

fn id(row: usize) -> BusId {
    BusId(10 * (row as u64 + 1))
}

fn unit(bus: BusId, p_max_mw: f64) -> CaseUnit {
    CaseUnit {
        bus,
        p_mw: p_max_mw / 2.0,
        q_mvar: 0.0,
        p_min_mw: 0.0,
        p_max_mw,
        q_min_mvar: -50.0,
        q_max_mvar: 50.0,
        v_set_pu: 1.0,
        m_base_mva: 100.0,
        ramp_mw_per_min: None,
        in_service: true,
        regulates: true,
        line: None,
    }
}
