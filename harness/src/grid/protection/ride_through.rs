//! Voltage ride-through of units: how long each band may last before a unit trips. Time in a band accumulates, and is
//! forgotten only when the voltage is back inside all of them.

use std::sync::Arc;

use powerflow::{Index, UnitIdx};
use scenarios::Moment;

use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, after, seconds_between};

/// Bands at most: a unit that is outside holds a time for each.
pub const BANDS_MAX: usize = 8;

/// A band of voltage and how long it may last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// From this magnitude on, pu: at or above it where `above`, else below it.
    pub limit_pu: f64,
    /// Whether it is a band of high voltage.
    pub above: bool,
    /// Accumulated time after which the unit trips, s.
    pub time_s: f64,
}

/// Settings of every unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Bands, at most [`BANDS_MAX`]; wider ones contain narrower ones.
    pub bands: Vec<Band>,
    /// Times are multiplied by this: below one, units trip before they may.
    pub time_factor: f64,
}

impl Default for Settings {
    /// The boundary within which units must stay connected, NERC PRC-024-3, attachment 2: units trip where they may. The
    /// standard takes the high side of the step-up transformer; here it is the bus that the file connects the unit to.
    fn default() -> Self {
        let band = |above| move |(limit_pu, time_s)| Band { limit_pu, above, time_s };
        let high = [(1.200, 0.0), (1.175, 0.20), (1.15, 0.50), (1.10, 1.00)].map(band(true));
        let low = [(0.45, 0.15), (0.65, 0.30), (0.75, 2.00), (0.90, 3.00)].map(band(false));
        Settings { bands: [high, low].concat(), time_factor: 1.0 }
    }
}

/// The relays of a network: one for every unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    settings: Settings,
    /// Squares of the magnitudes between which no band is entered, the upper one exclusive.
    inside_squared: (f64, f64),
    /// Units, by row, that were outside before anything happened.
    blocked: Vec<u32>,
}

impl Elements {
    /// The relays of a network, none blocked.
    pub fn new(settings: Settings) -> Self {
        let limits = |above: bool| {
            settings.bands.iter().filter(move |band| band.above == above).map(|band| band.limit_pu)
        };
        let (low, high) = (limits(false).fold(0.0, f64::max), limits(true).fold(f64::INFINITY, f64::min));
        Elements { settings, inside_squared: (low * low, high * high), blocked: Vec::new() }
    }

    /// Blocks units that are outside in a state, and names them.
    pub fn block(&mut self, seen: &Seen<'_>) -> Vec<UnitIdx> {
        let units = seen.network.units.bus.indices();
        let outside: Vec<UnitIdx> = units.filter(|unit| self.outside(seen, *unit).is_some()).collect();
        self.blocked = outside.iter().map(|unit| unit.row() as u32).collect();
        outside
    }

    /// The magnitude at a running unit in some band, pu.
    fn outside(&self, seen: &Seen<'_>, unit: UnitIdx) -> Option<f64> {
        let bus = seen.network.units.bus[unit];
        if !seen.state.unit_on[unit] || seen.is_unsettled(bus) {
            return None;
        }
        let v = seen.solution.voltage(bus)?;
        let squared = v.re * v.re + v.im * v.im;
        let inside = squared >= self.inside_squared.0 && squared < self.inside_squared.1;
        (!inside).then(|| squared.sqrt())
    }

    /// These relays, at rest.
    pub fn relays(self: &Arc<Self>) -> RideThrough {
        RideThrough {
            blocked: self.blocked.clone(),
            elements: Arc::clone(self),
            outside: Vec::new(),
            before: Vec::new(),
        }
    }
}

/// A unit outside.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Outside {
    unit: UnitIdx,
    vm_pu: f64,
    /// Time spent in each band up to `since`, s.
    spent_s: [f64; BANDS_MAX],
    since: Moment,
    /// When it trips at this voltage, and which band does it.
    due: Moment,
    band: usize,
}

/// The voltage relays of the units of one grid.
#[derive(Clone, Debug)]
pub struct RideThrough {
    elements: Arc<Elements>,
    /// Ascending by unit.
    outside: Vec<Outside>,
    before: Vec<Outside>,
    blocked: Vec<u32>,
}

impl Band {
    fn holds(&self, vm_pu: f64) -> bool {
        if self.above { vm_pu >= self.limit_pu } else { vm_pu < self.limit_pu }
    }
}

impl Device for RideThrough {
    fn look(&mut self, seen: &Seen<'_>) {
        std::mem::swap(&mut self.outside, &mut self.before);
        self.outside.clear();
        let Elements { settings, .. } = self.elements.as_ref();
        let mut before = self.before.iter().peekable();
        for (number, unit) in (0u32..).zip(seen.network.units.bus.indices()) {
            let known = before.next_if(|known| known.unit == unit);
            let vm_pu = self.elements.outside(seen, unit);
            if !self.blocked.is_empty()
                && let Ok(at) = self.blocked.binary_search(&number)
            {
                if vm_pu.is_some() {
                    continue;
                }
                self.blocked.remove(at);
            }
            let Some(vm_pu) = vm_pu else { continue };
            let mut spent_s = [0.0; BANDS_MAX];
            if let Some(known) = known {
                spent_s = known.spent_s;
                let passed_s = seconds_between(known.since, seen.now);
                for (spent, band) in spent_s.iter_mut().zip(&settings.bands) {
                    *spent += if band.holds(known.vm_pu) { passed_s } else { 0.0 };
                }
            }
            let (mut due, mut tripping) = (Moment(u64::MAX), 0);
            for (at, band) in settings.bands.iter().enumerate().filter(|(_, band)| band.holds(vm_pu)) {
                let left_s = band.time_s.mul_add(settings.time_factor, -spent_s[at]);
                let then = after(seen.now, left_s.max(0.0));
                if then < due {
                    (due, tripping) = (then, at);
                }
            }
            self.outside.push(Outside { unit, vm_pu, spent_s, since: seen.now, due, band: tripping });
        }
    }

    fn next(&self) -> Option<Moment> {
        self.outside.iter().map(|unit| unit.due).min()
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let bands = &self.elements.settings.bands;
        self.outside.retain(|unit| {
            let waits = unit.due > now;
            if !waits {
                let band = &bands[unit.band];
                asked.push(Operation {
                    act: Act::Trip(unit.unit),
                    cause: if band.above { Cause::OverVoltage } else { Cause::UnderVoltage },
                    value: Some(unit.vm_pu),
                    limit: Some(band.limit_pu),
                });
            }
            waits
        });
    }
}
