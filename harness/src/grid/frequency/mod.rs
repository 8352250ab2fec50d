//! The frequency of each island of a grid, moving in the loop's own time.
//!
//! Between two power flows every island is in balance by assumption: the power flow shares whatever is missing among the units. Who really provides
//! it, and how late, is this module's: a trip, a jump of demand, a split, shedding or a fast device leaves turbines where they were, and what is
//! then missing accelerates or brakes the island's rotors (level A, [`crate::frequency`]). It stops at its own events, each at its own moment
//! within the step: stages of load shedding, units that do not ride through, devices that fire. What they do goes into the next power flow, whose
//! demand and losses in turn are what the turbines have to meet.
//!
//! - Electric power is the power flow's: demand at nominal frequency plus losses. That demand falls with the frequency is only in the swing
//!   equation. Flows are those after the imbalance has been shared by largest power, not those of the first second.
//! - What moves slowly (a ramp of demand, a redispatch) is followed by dispatch and moves no frequency; so is a sudden imbalance below
//!   [`Settings::smallest_share`] of an island's demand, which even without governors stays within 0.12 Hz at 60 Hz and a damping of one.
//! - Secondary control is not modelled here: [`Settings::restored_after_s`] after the last disturbance an island whose units can meet its demand is
//!   taken to be back at nominal.
//! - An island at rest costs nothing but the sums over its buses and units.

mod energy;
mod living;
mod local;
mod settings;
mod transient;
pub mod units;

use crate::frequency::RideThrough;
use crate::grid::protection::frequency::Stage;

pub(super) use living::Demanded;
pub use living::{Frequency, FrequencyCurve};
pub use settings::{Written, of_suite};
use units::UnitData;

/// Settings that all islands share.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// D: relative change of demand for a relative change of the frequency, 1 to 2 (Kundur, Power System Stability and Control, 1994, chapter 11).
    pub load_damping: f64,
    /// Longest step of the integration, s; shortened to half of the shortest time constant of a governor.
    pub step_s: f64,
    /// Sudden imbalances up to this share of an island's demand are followed by dispatch.
    pub smallest_share: f64,
    /// After the last disturbance an island whose units can meet its demand is taken to be back at nominal, s: the contingency event recovery
    /// period of NERC BAL-002, 15 minutes.
    pub restored_after_s: f64,
    /// Window over which a bus measures its frequency, s: six cycles of 60 Hz.
    pub measuring_window_s: f64,
    /// Window over which the slope of the frequency is measured, s: 0.1 to 0.5.
    pub rocof_window_s: f64,
    /// Window over which relays of load shedding measure, s.
    pub relay_window_s: f64,
    /// A stage that has picked up lets go where the frequency rises this far above its threshold, Hz.
    pub relay_reset_hz: f64,
    /// From a relay's command until the demand is off, s: the slow end of 0.05 to 0.1.
    pub breaker_s: f64,
    /// Stages of load shedding, those of `[protection.frequency]`; none without protection.
    pub stages: Vec<Stage>,
    /// What units endure; `None` endures all.
    pub ride_through: Option<RideThrough>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            load_damping: 1.0,
            step_s: 0.02,
            smallest_share: 0.002,
            restored_after_s: 900.0,
            measuring_window_s: 0.1,
            rocof_window_s: crate::frequency::ROCOF_WINDOW_S,
            relay_window_s: 0.1,
            relay_reset_hz: 0.02,
            breaker_s: 0.1,
            stages: Vec::new(),
            ride_through: None,
        }
    }
}

/// What all grids of a network share.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    /// Settings.
    pub settings: Settings,
    /// Every unit, by its row.
    pub units: Vec<UnitData>,
}

impl Elements {
    /// These settings for these units, one for each row of the case.
    pub fn new(settings: Settings, units: Vec<UnitData>) -> Self {
        Elements { settings, units }
    }

    /// Whether a unit stays at its set-point whatever the balance wants: inverters that follow the grid, and fast devices.
    pub fn holds_its_power(&self, row: usize) -> bool {
        self.units
            .get(row)
            .is_some_and(|unit| unit.fast.is_some() || unit.technology == units::Technology::Inverter)
    }

    /// Whether a unit is a fast device.
    pub fn is_fast(&self, row: usize) -> bool {
        self.units.get(row).is_some_and(|unit| unit.fast.is_some())
    }
}
