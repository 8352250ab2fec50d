//! Little demand: lines charge, few units run to take their reactive power, and voltages rise.
//!
//! Demand, active and reactive, falls to a share of the file's; units that are not needed for it are switched off, drawn one after the other while
//! the others could still carry the demand with a reserve. What runs has to absorb what lightly loaded lines produce. Beside `ride_through` in the
//! suite's protection, units that the voltage trips take their absorption with them: the way in which the Iberian grid was lost on 28 April 2025
//! (ENTSO-E, factual report, by its public summaries).

use powerflow::{Diagnostics, Index, Network, UnitIdx};
use toml::Table;

use super::{Command, Hazard, HazardKind, World};
use crate::draw::Stream;
use crate::event::{Event, Moment, TimedEvent};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm;

const LEVEL: Parameter = Parameter {
    name: "level",
    unit: "1",
    default: "[0.3, 0.5]",
    meaning: "share of the file's demand that is left, drawn once an episode",
};
const FALLS: Parameter = Parameter {
    name: "falls_s",
    unit: "s",
    default: "0",
    meaning: "how long demand takes to fall there; units are switched off at its end",
};
const RESERVE: Parameter = Parameter {
    name: "reserve",
    unit: "1",
    default: "0.3",
    meaning: "what running units can deliver beyond the demand, as a share of it, at least",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "light_load_high_voltage",
    summary: "demand is low, units that are not needed are off, and voltages rise",
    parameters: &[LEVEL, FALLS, RESERVE],
    commands: &[Command::Demand],
    techniques: &[],
    parse,
};

/// Little demand; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct LightLoad {
    level: Span,
    falls_s: f64,
    reserve: f64,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let hazard = LightLoad {
        level: settings.span(LEVEL.name, 0.0, 10.0).unwrap_or(Span { low: 0.3, high: 0.5 }),
        falls_s: settings.number(FALLS.name, 0.0, 0.0, f64::INFINITY),
        reserve: settings.number(RESERVE.name, 0.3, 0.0, 10.0),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

/// Units that are switched off while the others can deliver `needed_pu`: in a drawn order, each that the rest can spare.
fn spared(network: &Network, needed_pu: f64, stream: &mut Stream) -> Vec<UnitIdx> {
    let units = &network.units;
    let delivers = |unit: UnitIdx| {
        let most = units.p_max_pu[unit];
        if units.in_service[unit] && most.is_finite() { most.max(0.0) } else { 0.0 }
    };
    let mut order: Vec<UnitIdx> = units.bus.indices().collect();
    // All of them, so that the order does not depend on which run.
    stream.shuffle(&mut order);
    let mut left_pu: f64 = units.bus.indices().map(delivers).sum();
    let mut off = Vec::new();
    for unit in order {
        // A condenser delivers nothing and would be spared first, though voltage is what it is there for.
        let most = delivers(unit);
        if most > 0.0 && left_pu - most >= needed_pu {
            left_pu -= most;
            off.push(unit);
        }
    }
    off.sort_unstable_by_key(|unit| unit.row());
    off
}

impl Hazard for LightLoad {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let network = world.network;
        let level = self.level.draw(&mut streams.named("level"));
        let until = Moment::from_seconds(self.falls_s);
        let factor = vec![level; network.buses.id.len()];
        timeline.push(TimedEvent { at: Moment(0), event: Event::DemandRamp { until, factor } });
        let demand_pu: f64 = network.buses.demand_p_pu.as_slice().iter().sum();
        let needed_pu = (1.0 + self.reserve) * level * demand_pu;
        if self.falls_s <= world.last_step_s() {
            let off = spared(network, needed_pu, &mut streams.named("units"));
            let events = off.into_iter().map(|unit| Event::UnitOut { unit });
            timeline.extend(events.map(|event| TimedEvent { at: until, event }));
        }
        // Many orders spare the same units: nobody sums over them here.
        None
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "demand falls to {} of the file's within {} s, and units that are not needed for it and a reserve of {} are switched off",
            self.level, self.falls_s, self.reserve
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let falls = Some(Span { low: self.falls_s, high: self.falls_s });
        let late = storm::never_happens(KIND.name, world, falls, "ends its fall", FALLS.name);
        Diagnostics(late.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::seed::{Seed, streams};

    #[test]
    fn what_runs_can_carry_the_demand_and_none_of_it_could_be_spared() {
        // Twelve buses with 110 MW of demand and units of 10 to 120 MW.
        let network = sample::ring(12);
        let most = |unit: UnitIdx| network.units.p_max_pu[unit];
        let total: f64 = network.units.bus.indices().map(most).sum();
        let mut sets = std::collections::BTreeSet::new();
        for index in 0..50 {
            let needed = 0.5;
            let mut stream = streams(Seed::default(), "light", index).named("units");
            let off = spared(&network, needed, &mut stream);
            let left: f64 = total - off.iter().map(|unit| most(*unit)).sum::<f64>();
            assert!(left >= needed - 1e-12, "{left}");
            let runs = network.units.bus.indices().filter(|unit| !off.contains(unit));
            assert!(runs.into_iter().all(|unit| left - most(unit) < needed + 1e-9));
            sets.insert(off.iter().map(|unit| unit.row()).collect::<Vec<_>>());
        }
        assert!(sets.len() > 5, "which are spared is drawn");
    }
}
