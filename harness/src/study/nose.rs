//! How far a grid can be loaded: what `gridgate nose` answers.

use std::collections::BTreeMap;
use std::path::Path;

use powerflow::{
    BusStatus, Diagnostics, Direction, Limit, LimitEvent, LimitSide, Network, NewtonConfig, Nose, NoseCause,
    NoseConfig, NoseFailure, ReactiveLimits, Slack, Solution, Solver, Start, State,
};
use reports::InputRecord;
use reports::nose::{
    CurveRecord, LimitKind, LimitRecord, NOSE_SCHEMA, NoseCauseKind, NoseRecord, NoseStatus, NoseStudy,
    WeakBusRecord,
};

use super::contingencies::{digest_of, file_name};

/// Reads a case, and scales all its demand and all schedules together until there is no solution.
///
/// # Errors
/// Everything that is wrong with the case or the settings. A grid without a base, or without a nose that could be found, is
/// no error but a document that says so.
pub fn nose(case: &Path, newton: &NewtonConfig) -> Result<NoseStudy, Diagnostics> {
    super::solution::check(newton)?;
    let network = Network::build(powerflow::case::read(case)?)?;
    let input = InputRecord { role: "case".into(), name: file_name(case), digest: digest_of(case)? };
    let state = network.initial_state();
    let direction = Direction::uniform(&state);
    let config = NoseConfig { newton: newton.clone(), ..NoseConfig::default() };
    let mut study = NoseStudy {
        schema: NOSE_SCHEMA.into(),
        case: network.name.clone(),
        engine: BTreeMap::from([
            ("program".to_owned(), "gridgate".to_owned()),
            ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]),
        inputs: vec![input],
        settings: described(newton),
        status: NoseStatus::NotFound,
        why: None,
        base_demand_mw: None,
        nose: None,
        weakest: Vec::new(),
        limits: Vec::new(),
        at_limit_in_base: Vec::new(),
        curve: Vec::new(),
    };
    match Solver::new(&network).nose(&state, &direction, &config) {
        Ok(found) => fill(&mut study, &network, &state, &found),
        Err(failure) => {
            if matches!(failure, NoseFailure::NoBase(_) | NoseFailure::UnmetBase(_)) {
                study.status = NoseStatus::NoBase;
            }
            study.why = Some(failure.to_string());
        }
    }
    Ok(study)
}

/// Demand of the energised buses, MW.
fn demand_mw(network: &Network, state: &State, solution: &Solution) -> f64 {
    let live = |bus: &powerflow::BusIdx| solution.status[*bus] == BusStatus::Live;
    let buses = network.buses.id.indices().filter(live);
    network.base.from_pu(buses.map(|bus| state.demand_p_pu[bus]).sum())
}

fn fill(study: &mut NoseStudy, network: &Network, state: &State, found: &Nose) {
    let id = |bus: powerflow::BusIdx| network.buses.id[bus].0;
    let base_mw = demand_mw(network, state, &found.base);
    let at = |lambda: f64| base_mw * (1.0 + lambda);
    let limit = |event: &LimitEvent| record(network, event);
    let (cause, by) = match found.cause {
        NoseCause::Fold => (NoseCauseKind::Fold, None),
        NoseCause::LimitInduced(by) => (NoseCauseKind::LimitInduced, Some(by)),
        NoseCause::NoVoltageHeld(by) => (NoseCauseKind::NoVoltageHeld, Some(by)),
        NoseCause::NoActivePower(by) => (NoseCauseKind::NoActivePower, Some(by)),
    };
    let lowest = network
        .buses
        .id
        .indices()
        .filter_map(|bus| Some((bus, found.solution.vm_pu(bus)?)))
        .reduce(|a, b| if b.1 < a.1 { b } else { a });
    study.status = NoseStatus::Found;
    study.base_demand_mw = Some(base_mw);
    study.nose = lowest.map(|(bus, vm_min_pu)| NoseRecord {
        lambda: found.lambda,
        margin_mw: base_mw * found.lambda,
        margin_pct: 100.0 * found.lambda,
        cause,
        by: by.map(|by| limit(&LimitEvent { lambda: found.lambda, limit: by, reached: true })),
        demand_mw: at(found.lambda),
        vm_min_pu,
        vm_min_bus: id(bus),
        mismatch_pu: found.solution.mismatch_pu,
    });
    study.weakest = found
        .weakest
        .iter()
        .map(|weak| WeakBusRecord {
            bus: id(weak.bus),
            vm_base_pu: weak.vm_base_pu,
            vm_nose_pu: weak.vm_nose_pu,
            slope_base_pu: weak.slope_base_pu,
            slope_nose_pu: weak.slope_nose_pu,
            fall: weak.fall,
        })
        .collect();
    study.limits = found.events.iter().map(limit).collect();
    study.at_limit_in_base = found.at_limit_in_base.iter().map(|(bus, _)| id(*bus)).collect();
    study.curve = found
        .curve
        .iter()
        .map(|point| CurveRecord {
            lambda: point.lambda,
            demand_mw: at(point.lambda),
            vm_pu: point.vm_pu.clone(),
        })
        .collect();
}

fn record(network: &Network, event: &LimitEvent) -> LimitRecord {
    use powerflow::Index;
    let (kind, bus, unit) = match event.limit {
        Limit::Reactive(bus, LimitSide::High) => (LimitKind::ReactiveHigh, bus, None),
        Limit::Reactive(bus, LimitSide::Low) => (LimitKind::ReactiveLow, bus, None),
        Limit::Active(unit, LimitSide::High) => (LimitKind::ActiveHigh, network.units.bus[unit], Some(unit)),
        Limit::Active(unit, LimitSide::Low) => (LimitKind::ActiveLow, network.units.bus[unit], Some(unit)),
    };
    LimitRecord {
        lambda: event.lambda,
        kind,
        bus: network.buses.id[bus].0,
        unit: unit.map(|unit| unit.row() as u32 + 1),
        reached: event.reached,
    }
}

/// Settings as text.
fn described(newton: &NewtonConfig) -> BTreeMap<String, String> {
    let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    BTreeMap::from([
        word("direction", "all demand and all schedules in proportion"),
        word(
            "reactive limits",
            match newton.reactive_limits {
                ReactiveLimits::Enforce => "enforced",
                ReactiveLimits::Ignore => "ignored",
            },
        ),
        word(
            "slack",
            match newton.slack {
                Slack::Distributed => "distributed over units with headroom, each up to its largest power",
                Slack::Single => "the reference bus alone, without limit of active power",
            },
        ),
        word(
            "start of the base case",
            match newton.start {
                Start::Case => "voltages of the file",
                Start::Flat => "flat",
                Start::Dc => "angles of the linear power flow",
            },
        ),
        word("tolerance", &format!("{:e} pu", newton.tolerance_pu)),
    ])
}
