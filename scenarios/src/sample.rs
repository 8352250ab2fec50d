//! Small networks for the unit tests of this crate.

use std::collections::BTreeMap;
use std::sync::Arc;

use powerflow::case::{BusKind, Case, CaseBranch, CaseBus, CaseLoad, CaseUnit, PrimeMover};
use powerflow::units::MvaBase;
use powerflow::{BranchIdx, BusId, Network};

use crate::event::{Event, Moment, TimedEvent};
use crate::hazard::World;
use crate::seed::{Seed, streams};

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

/// Length of a line of [`chain`], km.
pub(crate) const CHAIN_KM: f64 = 40.026;
/// Number of its lines.
pub(crate) const CHAIN_LINES: u64 = 11;
/// Row of its solar plant, in the middle.
pub(crate) const CHAIN_SOLAR: usize = 6;

/// A chain of twelve buses from west to east, with a unit on each: a wind farm at either end, a solar plant in the middle.
pub(crate) fn chain() -> Arc<Network> {
    let buses = CHAIN_LINES as usize + 1;
    let sides: Vec<(usize, usize)> = (1..buses).map(|row| (row - 1, row)).collect();
    let mut case = case(buses, &sides);
    for (row, bus) in case.buses.iter_mut().enumerate() {
        bus.location = Some((10.0 + 0.56 * row as f64, 50.0));
    }
    case.units = (0..buses).map(|row| unit(id(row), 20.0)).collect();
    case.prime_movers = vec![None; buses];
    case.prime_movers[0] = Some(PrimeMover::Wind);
    case.prime_movers[buses - 1] = Some(PrimeMover::Wind);
    case.prime_movers[CHAIN_SOLAR] = Some(PrimeMover::Solar);
    build(case)
}

/// What a hazard does to the chain in a day of steps of ten minutes.
pub(crate) fn on_chain(text: &str, index: u64) -> Vec<TimedEvent> {
    let network = chain();
    let world = World { network: &network, horizon_s: 86_400.0, step_s: 600.0 };
    let hazard = crate::hazard::parse(&text.parse().expect("TOML")).expect("sound");
    let complaints = hazard.check(&world);
    assert!(complaints.0.is_empty(), "{complaints}");
    let mut timeline = Vec::new();
    hazard.draw(&world, &streams(Seed::default(), "storms", index), &mut timeline);
    timeline
}

/// When each branch is lost, in a hazard on the chain.
pub(crate) fn lost_on_chain(text: &str, index: u64) -> BTreeMap<BranchIdx, Moment> {
    let out = |timed: TimedEvent| match timed.event {
        Event::BranchOut { branch } => Some((branch, timed.at)),
        _ => None,
    };
    on_chain(text, index).into_iter().filter_map(out).collect()
}

/// Asserts that the stronger of two hazards loses all that the weaker loses, no later, and often more.
pub(crate) fn more_breaks_a_superset(kind: &str, text: impl Fn(f64) -> String, weak: f64, strong: f64) {
    let lost = |level: f64, index: u64| lost_on_chain(&format!("kind = '{kind}'\n{}", text(level)), index);
    let mut grew = 0;
    for index in 0..60 {
        let (weak, strong) = (lost(weak, index), lost(strong, index));
        for (branch, at) in &weak {
            assert!(strong.get(branch).is_some_and(|then| then <= at), "storm {index}, {branch:?}");
        }
        grew += u32::from(strong.len() > weak.len());
    }
    assert!(grew > 30, "{grew}");
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
