//! What acts by itself beyond the relays: slow controls, generation control of areas, remedial schemes, kinds of units. Settings as the
//! suite writes them, and all of it made ready for a network.

mod settings;

use std::sync::Arc;

use powerflow::{Column, Network, NewtonConfig, Rescue, Solver, UnitIdx};
use scenarios::{Moment, Streams};

use crate::grid::device::{Device, Seen};
use crate::grid::protection::{self, ride_through};
use crate::grid::{agc, remedial, slow, units};

pub use settings::{Written, read};

/// Settings that name elements of a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Tap changers, switched shunts, demand.
    pub slow: slow::Settings,
    /// Generation control; off by default: its areas need ramps and a droop that case files do not have.
    pub agc: Option<agc::Settings>,
    /// Remedial action schemes.
    pub remedial: Vec<remedial::Scheme>,
    /// Kinds of units.
    pub units: units::Settings,
}

/// All of it for one network, ready for any number of grids.
#[derive(Clone, Debug)]
pub struct Autonomous {
    /// How it is set.
    pub settings: Settings,
    /// What each slow control is.
    pub slow: slow::Elements,
    /// Schemes and relays that would have acted before anything happened, in words: they are blocked until what they see has been inside
    /// once.
    pub blocked: Vec<String>,
    agc: Option<Arc<agc::Elements>>,
    remedial: Option<Arc<remedial::Elements>>,
    cessation: Option<Arc<units::Cessation>>,
    /// Voltage relays by kind of unit, in place of those of the protection.
    ride_through: Vec<Arc<ride_through::Elements>>,
    network: Arc<Network>,
}

// One network has one set of these for given settings.
impl PartialEq for Autonomous {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.network, &other.network) && self.settings == other.settings
    }
}

impl Autonomous {
    /// Makes them ready. What is undisturbed is the state of the file; where that has no solution, nothing is blocked, voltages are
    /// compared with one pu and exchanges with the file's.
    pub fn new(
        network: &Arc<Network>,
        settings: Settings,
        relays: Option<&protection::Settings>,
        newton: &NewtonConfig,
    ) -> Self {
        let mut solver = Solver::new(network);
        let state = network.initial_state();
        let newton = NewtonConfig { rescue: Rescue::Full, ..newton.clone() };
        let solved = solver.solve(&state, None, &newton).ok().map(|solution| {
            let flows = solver.flows(&state, &solution);
            (solution, flows)
        });
        let base = solved.as_ref().map(|(solution, flows)| Seen {
            network,
            state: &state,
            solution,
            flows,
            now: Moment::default(),
        });
        let remedial = remedial::Elements::new(settings.remedial.clone(), base.as_ref());
        let mut blocked: Vec<String> =
            remedial.blocked().map(|id| format!("the remedial scheme `{id}`")).collect();
        let ride_through = relays
            .and_then(|relays| relays.ride_through.as_ref())
            .filter(|_| settings.units != units::Settings::default())
            .map_or_else(Vec::new, |relays| by_kind(network, &settings.units, relays))
            .into_iter()
            .map(|mut relays| {
                let of = base.as_ref().map_or_else(Vec::new, |base| relays.block(base)).into_iter();
                blocked.extend(of.map(|unit| format!("the voltage relay of {}", network.unit_name(unit))));
                Arc::new(relays)
            })
            .collect();
        let frequency = relays.and_then(|relays| relays.frequency.clone());
        let frequency =
            frequency.unwrap_or_else(|| protection::frequency::Settings::of(network.frequency_hz));
        let agc = settings.agc.clone();
        Autonomous {
            slow: slow::Elements::new(network, &settings.slow, base.as_ref()),
            agc: agc.map(|agc| Arc::new(agc::Elements::new(network, agc, frequency, base.as_ref()))),
            remedial: (!settings.remedial.is_empty()).then(|| Arc::new(remedial)),
            cessation: units::Cessation::new(&settings.units).map(Arc::new),
            ride_through,
            blocked,
            network: Arc::clone(network),
            settings,
        }
    }

    /// Whether the voltage relays of units are here, and not with the other relays.
    pub fn has_ride_through(&self) -> bool {
        !self.ride_through.is_empty()
    }

    /// The devices of one grid, at rest. `streams` are its scenario's.
    pub fn devices(&self, streams: &Streams) -> Vec<Box<dyn Device>> {
        let mut devices: Vec<Box<dyn Device>> = Vec::new();
        let factors = || units::trip_factors(&self.settings.units, self.network.units.bus.len(), streams);
        if let Some(factors) = self.has_ride_through().then(factors) {
            for relays in &self.ride_through {
                devices.push(Box::new(relays.relays_with(factors.clone())));
            }
        }
        if let Some(cessation) = &self.cessation {
            devices.push(Box::new(cessation.converters()));
        }
        if let Some(remedial) = &self.remedial {
            devices.push(Box::new(remedial.armed()));
        }
        devices.extend(self.slow.devices());
        if let Some(agc) = &self.agc {
            devices.push(Box::new(agc.control(&self.network)));
        }
        devices
    }
}

/// Voltage relays by kind of unit: machines as the suite sets relays, converters by their own boundary; each with the units it is for.
fn by_kind(
    network: &Network,
    settings: &units::Settings,
    relays: &ride_through::Settings,
) -> Vec<ride_through::Elements> {
    let mut kinds: Column<UnitIdx, units::Kind> =
        Column::filled(units::Kind::default(), network.units.bus.len());
    for unit in &settings.units {
        kinds[unit.unit] = unit.kind;
    }
    let of = |kind: units::Kind| {
        let members: Vec<UnitIdx> =
            kinds.iter().filter(|(_, own)| **own == kind).map(|(unit, _)| unit).collect();
        let settings = match kind {
            units::Kind::Synchronous => relays.clone(),
            _ => ride_through::Settings { time_factor: relays.time_factor, ..kind.ride_through() },
        };
        (!members.is_empty()).then(|| ride_through::Elements::new(settings).of(members))
    };
    units::Kind::LIST.into_iter().filter_map(|(_, kind)| of(kind)).collect()
}
