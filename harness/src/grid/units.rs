//! What kinds of units there are: synchronous machines and converters ride through disturbances differently. Converters may stop their
//! current for a while, and what stays connected beyond the boundary of the standard differs from unit to unit.

use std::sync::Arc;

use powerflow::{BusStatus, Column, Network, UnitIdx};
use scenarios::{Moment, Streams};

use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, Timers};
use crate::grid::protection::ride_through::{self, Band};

/// What a unit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A synchronous machine.
    #[default]
    Synchronous,
    /// A converter that follows the grid's voltage.
    GridFollowing,
    /// A converter that makes a voltage of its own.
    GridForming,
}

impl Kind {
    /// Every kind by its name in suites.
    pub const LIST: [(&str, Kind); 3] = [
        ("synchronous", Kind::Synchronous),
        ("grid_following", Kind::GridFollowing),
        ("grid_forming", Kind::GridForming),
    ];

    /// How long a unit of this kind stays connected.
    ///
    /// Machines: NERC PRC-024-3. Converters: IEEE 2800-2022, table 12 (plants without auxiliary equipment that limits them), as
    /// recalled by its public summaries; NERC PRC-029-1 has the same low-voltage boundary.
    pub fn ride_through(self) -> ride_through::Settings {
        let default = ride_through::Settings::default();
        if self == Kind::Synchronous {
            return default;
        }
        let band = |above| move |(limit_pu, time_s)| Band { limit_pu, above, time_s };
        let high = [(1.20, 0.0), (1.10, 1.0)].map(band(true));
        let low = [(0.25, 0.32), (0.50, 1.20), (0.70, 3.0), (0.90, 6.0)].map(band(false));
        ride_through::Settings { bands: high.into_iter().chain(low).collect(), ..default }
    }
}

/// What a unit does with its reactive power.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ReactiveMode {
    /// As the file says.
    #[default]
    File,
    /// It holds its voltage.
    Voltage,
    /// It holds its power factor: at its scheduled power this share of reactive to active power.
    PowerFactor(f64),
    /// It holds its reactive power, MVAr.
    Reactive(f64),
}

/// One unit that differs from a synchronous machine as the file has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitSettings {
    /// The unit.
    pub unit: UnitIdx,
    /// What it is.
    pub kind: Kind,
    /// What it does with its reactive power.
    pub mode: ReactiveMode,
    /// A converter stops its current below this voltage, pu; never, where absent. Legacy converters: 0.9 (NERC, Reliability Guideline
    /// on BPS-connected inverter-based resources, 2018); newer ones must not above 0.1 (IEEE 2800-2022).
    pub cessation_pu: Option<f64>,
    /// And is back so long after the voltage, s.
    pub resume_s: f64,
}

/// All units.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Those that the suite names, ascending by unit; the others are synchronous.
    pub units: Vec<UnitSettings>,
    /// Units stay connected beyond the boundary: each draws a factor on its times from 1 to this, in each scenario.
    pub trip_margin: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { units: Vec::new(), trip_margin: 1.0 }
    }
}

/// The network with the reactive modes of these settings.
pub fn with_modes(network: &Arc<Network>, settings: &Settings) -> Arc<Network> {
    let held = |unit: &UnitSettings| unit.mode != ReactiveMode::File;
    if !settings.units.iter().any(held) {
        return Arc::clone(network);
    }
    let mut changed = Network::clone(network);
    for setting in &settings.units {
        let unit = setting.unit;
        let q_pu = match setting.mode {
            ReactiveMode::File => continue,
            ReactiveMode::Voltage => {
                changed.units.regulates[unit] = true;
                continue;
            }
            ReactiveMode::PowerFactor(ratio) => ratio * changed.units.p_pu[unit],
            ReactiveMode::Reactive(mvar) => changed.base.to_pu(mvar),
        };
        changed.units.regulates[unit] = false;
        changed.units.q_pu[unit] = q_pu;
    }
    Arc::new(changed)
}

/// Factors on the ride-through times of every unit in one scenario, from the scenario's own stream: every unit draws, whether it is
/// asked or not, so that no draw depends on another unit's settings.
pub fn trip_factors(settings: &Settings, units: usize, streams: &Streams) -> Option<Column<UnitIdx, f64>> {
    (settings.trip_margin > 1.0).then(|| {
        let mut stream = streams.named("grid/trip_margin");
        (0..units).map(|_| (settings.trip_margin - 1.0).mul_add(stream.uniform(), 1.0)).collect()
    })
}

/// Converters of a network that stop their current at extreme voltages.
#[derive(Clone, Debug, PartialEq)]
pub struct Cessation {
    units: Vec<UnitSettings>,
}

impl Cessation {
    /// Those of these settings; `None` where no unit does.
    pub fn new(settings: &Settings) -> Option<Self> {
        let units: Vec<UnitSettings> =
            settings.units.iter().filter(|unit| unit.cessation_pu.is_some()).copied().collect();
        (!units.is_empty()).then_some(Cessation { units })
    }

    /// All of them at work.
    pub fn converters(self: &Arc<Self>) -> Converters {
        Converters {
            paused: vec![false; self.units.len()],
            elements: Arc::clone(self),
            timers: Timers::default(),
        }
    }
}

/// The converters of one grid that pause.
#[derive(Clone, Debug)]
pub struct Converters {
    elements: Arc<Cessation>,
    paused: Vec<bool>,
    timers: Timers,
}

impl Device for Converters {
    fn look(&mut self, seen: &Seen<'_>) {
        let units = &seen.network.units;
        let picked =
            (0u32..).zip(&self.elements.units).zip(&self.paused).filter_map(|((number, unit), paused)| {
                let limit = unit.cessation_pu?;
                let bus = units.bus[unit.unit];
                let vm_pu = seen.solution.vm_pu(bus).filter(|_| !seen.is_unsettled(bus))?;
                let live = seen.solution.status[bus] == BusStatus::Live;
                if *paused {
                    (live && vm_pu >= limit).then_some((2 * number + 1, unit.resume_s, vm_pu))
                } else {
                    (seen.state.unit_on[unit.unit] && vm_pu < limit).then_some((2 * number, 0.0, vm_pu))
                }
            });
        self.timers.pick_up(seen.now, picked);
    }

    fn next(&self) -> Option<Moment> {
        self.timers.next()
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let Converters { elements, paused, timers } = self;
        timers.due(now, |timer| {
            let (number, back) = (timer.key as usize / 2, timer.key % 2 == 1);
            let unit = &elements.units[number];
            paused[number] = !back;
            let act = if back { Act::Resume(unit.unit) } else { Act::Pause(unit.unit) };
            let (value, limit) = (Some(timer.value), unit.cessation_pu);
            asked.push(Operation { act, cause: Cause::MomentaryCessation, value, limit });
        });
    }
}
