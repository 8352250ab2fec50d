//! Demand that some buses move together: whose it is, and how it moves.

use powerflow::{BusIdx, Diagnostic, Index, Network};

use crate::draw::Stream;
use crate::event::{Event, Moment, TimedEvent};
use crate::hazard::World;

/// What part of its demand each bus of a drawn order gives until they have so much of the grid's together; the last one as far as it is needed.
/// One word a bus, rarely more.
pub(crate) fn parts(
    network: &Network,
    share: f64,
    may: impl Fn(BusIdx) -> bool,
    stream: &mut Stream,
) -> Vec<f64> {
    let demand_pu = |bus: BusIdx| network.buses.demand_p_pu[bus].max(0.0);
    let buses = || network.buses.id.indices();
    let mut missing_pu = share * buses().map(demand_pu).sum::<f64>();
    let mut order: Vec<BusIdx> = buses().collect();
    // All of them, so that the order does not depend on who has demand.
    stream.shuffle(&mut order);
    let mut parts = vec![0.0; order.len()];
    for bus in order.into_iter().filter(|bus| demand_pu(*bus) > 0.0 && may(*bus)) {
        let taken_pu = demand_pu(bus).min(missing_pu);
        parts[bus.row()] = taken_pu / demand_pu(bus);
        missing_pu -= taken_pu;
    }
    parts
}

/// A complaint where there is no demand to move.
pub(crate) fn no_demand(kind: &str, world: &World<'_>) -> Option<Diagnostic> {
    let network = world.network;
    let none = !network.buses.demand_p_pu.as_slice().iter().any(|demand| *demand > 0.0);
    none.then(|| {
        let message = format!("the hazard {kind} moves demand, and {} has none", network.name);
        Diagnostic::error("hazard.nothing", message).hint("give it a grid with demand")
    })
}

/// Moves demand in a straight line to these factors, where the world is still there then.
pub(crate) fn ramp(
    world: &World<'_>,
    from_s: f64,
    takes_s: f64,
    factor: &[f64],
    timeline: &mut Vec<TimedEvent>,
) {
    if from_s <= world.last_step_s() {
        let event =
            Event::DemandRamp { until: Moment::from_seconds(from_s + takes_s), factor: factor.to_vec() };
        timeline.push(TimedEvent { at: Moment::from_seconds(from_s), event });
    }
}
