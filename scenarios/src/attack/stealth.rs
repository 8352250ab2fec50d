//! False readings that leave no residual.

use powerflow::estimation::{Estimate, Estimator, LinearEstimator, MeterKind, MeterSet};
use powerflow::{BusIdx, Column, Diagnostic, Diagnostics, Index, Network, NewtonConfig, State, solve_linear};

/// What to add to readings of active power so that the estimated angles move by `shift_rad`, one for each bus, pu: `a = H c`. `None`
/// where a meter sees nothing. A held angle does not move, whatever its entry.
pub fn linear(estimator: &LinearEstimator, shift_rad: &[f64]) -> Vec<Option<f64>> {
    let still = vec![0.0; shift_rad.len()];
    let (moved, before) = (estimator.readings(shift_rad), estimator.readings(&still));
    moved.into_iter().zip(before).map(|(moved, before)| Some(moved? - before?)).collect()
}

/// What to add to readings so that the estimate moves from where it is by an angle in rad and a magnitude in pu at each bus:
/// `a = h(x + c) - h(x)`. Zero wherever a meter is not incident to what moves, `None` where it sees nothing;
/// nothing at all where there is not one move for each bus.
pub fn exact(estimator: &Estimator, at: &Estimate, moves: &[(f64, f64)]) -> Option<Vec<Option<f64>>> {
    let (moved, before) = (estimator.readings_moved(at, moves)?, estimator.readings_of(at));
    Some(moved.into_iter().zip(before).map(|(moved, before)| Some(moved? - before?)).collect())
}

/// Why an operator would not believe injections that an attack pretends, though no residual speaks against them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Implausible {
    /// Power where the file connects neither unit nor demand, pu.
    InjectionFromNothing(BusIdx, f64),
    /// Demand that changes by more than the share allowed; the share.
    DemandChanges(BusIdx, f64),
    /// Other power of a bus with units, whose output is known by other means, pu.
    UnitsChange(BusIdx, f64),
}

/// What is implausible in an attack on readings, by meter: zero injections stay zero, buses with units keep their power, demand changes
/// by at most `share_max` of the file's.
pub fn implausible(
    network: &Network,
    set: &MeterSet,
    attack: &[Option<f64>],
    share_max: f64,
) -> Vec<Implausible> {
    /// What rounding may leave of a zero, pu.
    const ZERO: f64 = 1e-9;
    let mut has_unit = vec![false; network.buses.id.len()];
    for (unit, bus) in network.units.bus.iter() {
        has_unit[bus.row()] |= network.units.in_service[unit];
    }
    let judged = |(meter, added): (&powerflow::estimation::Meter, &Option<f64>)| {
        let added = added.filter(|added| added.abs() > ZERO)?;
        let (bus, demand) = match meter.kind {
            MeterKind::ActiveInjection(bus) => (bus, network.buses.demand_p_pu[bus]),
            MeterKind::ReactiveInjection(bus) => (bus, network.buses.demand_q_pu[bus]),
            _ => return None,
        };
        if has_unit[bus.row()] {
            Some(Implausible::UnitsChange(bus, added))
        } else if demand == 0.0 {
            Some(Implausible::InjectionFromNothing(bus, added))
        } else {
            let share = added.abs() / demand.abs();
            (share > share_max).then_some(Implausible::DemandChanges(bus, share))
        }
    };
    set.meters.iter().zip(attack).filter_map(judged).collect()
}

/// What to add to readings of active power so that demand seems to be `change_pu` more at each bus, and nothing else changes: no
/// unit's power, no residual. Positive is more demand.
///
/// # Errors
/// `attack.redistribution` where the changes do not add up to zero, or one is more than `share_max` of its bus's demand; what the linear
/// flow cannot answer.
///
/// Source: Y. Yuan, Z. Li, K. Ren, "Modeling load redistribution attacks in power systems", IEEE Trans. Smart Grid 2(2), 2011.
pub fn redistribution(
    network: &Network,
    state: &State,
    estimator: &LinearEstimator,
    change_pu: &Column<BusIdx, f64>,
    share_max: f64,
) -> Result<Vec<Option<f64>>, Diagnostics> {
    let mut complaints = Diagnostics::default();
    let total: f64 = change_pu.as_slice().iter().sum();
    if !(total.abs() < 1e-9) {
        let message = format!("the changes of demand add up to {total} pu");
        complaints.push(
            Diagnostic::error("attack.redistribution", message)
                .hint("what seems more at one bus must seem less at another"),
        );
    }
    for (bus, change) in change_pu.iter() {
        if !(change.abs() <= share_max * state.demand_p_pu[bus].abs()) {
            let (id, demand) = (network.buses.id[bus], state.demand_p_pu[bus]);
            let message = format!("bus {id} has {demand} pu of demand and would change by {change}");
            complaints.push(
                Diagnostic::error("attack.redistribution", message)
                    .hint("change no demand by more than the share that is allowed"),
            );
        }
    }
    complaints.into_result(())?;
    let config = NewtonConfig::default();
    let mut pretended = state.clone();
    for (bus, change) in change_pu.iter() {
        pretended.demand_p_pu[bus] += change;
    }
    let (before, after) =
        (solve_linear(network, state, &config)?, solve_linear(network, &pretended, &config)?);
    let moved = before.angle_rad.iter().zip(&after.angle_rad);
    let shift_rad: Vec<f64> =
        moved.map(|(before, after)| after.unwrap_or(0.0) - before.unwrap_or(0.0)).collect();
    Ok(linear(estimator, &shift_rad))
}
