//! What happened, one row an event.

use powerflow::{BranchIdx, BusIdx, UnitIdx};

/// What went out, or lost demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tripped {
    /// A branch.
    Branch(BranchIdx),
    /// A unit.
    Unit(UnitIdx),
    /// A bus: its demand, or a step of it.
    Bus(BusIdx),
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Current or flow above a relay's setting for as long as the relay allows.
    Overload,
    /// A conductor at its temperature limit.
    Thermal,
    /// Apparent impedance inside a distance relay's third zone.
    Distance,
    /// Under-frequency load shedding.
    Ufls,
    /// Under-voltage load shedding.
    Uvls,
    /// A unit that could not ride through a low voltage.
    UnderVoltage,
    /// A unit that could not ride through a high voltage.
    OverVoltage,
    /// A unit that could not ride through a low frequency.
    UnderFrequency,
    /// A unit that could not ride through a high frequency.
    OverFrequency,
    /// A unit whose relay found the frequency too steep.
    Rocof,
    /// A unit in an island without inertia, which has no frequency to follow.
    NoInertia,
    /// Islands that were connected although their frequencies differed: nothing goes out by it here.
    Unsynchronised,
    /// An excitation limiter that fixed a unit's reactive power.
    ExcitationLimit,
    /// A unit below its smallest power, or the smallest units of an island with too much generation.
    Surplus,
    /// An island without a source.
    IslandDead,
    /// Demand given up so that the rest has a power flow.
    Collapse,
    /// An island for which no solver found an answer.
    Unsolved,
    /// A relay that misoperated beside another trip.
    HiddenFailure,
    /// A remedial action scheme.
    Remedial,
    /// A decision of an operator or a candidate.
    Manual,
}

impl Cause {
    /// Its name in documents.
    pub fn id(self) -> &'static str {
        match self {
            Cause::Overload => "overload",
            Cause::Thermal => "thermal",
            Cause::Distance => "distance",
            Cause::Ufls => "ufls",
            Cause::Uvls => "uvls",
            Cause::UnderVoltage => "under_voltage",
            Cause::OverVoltage => "over_voltage",
            Cause::UnderFrequency => "under_frequency",
            Cause::OverFrequency => "over_frequency",
            Cause::Rocof => "rocof",
            Cause::NoInertia => "no_inertia",
            Cause::Unsynchronised => "unsynchronised",
            Cause::ExcitationLimit => "excitation_limit",
            Cause::Surplus => "surplus",
            Cause::IslandDead => "island_dead",
            Cause::Collapse => "collapse",
            Cause::Unsolved => "unsolved",
            Cause::HiddenFailure => "hidden_failure",
            Cause::Remedial => "remedial",
            Cause::Manual => "manual",
        }
    }
}

/// One event of a cascade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trip {
    /// What.
    pub what: Tripped,
    /// Which pass of solve, judge and trip, from 1; ordinal, not a time.
    pub generation: u32,
    /// When, s after the outage; `None` for an engine without time.
    pub time_s: Option<f64>,
    /// Why.
    pub cause: Cause,
    /// The quantity that caused it, in the unit of its limit (MVA, MW, pu, Hz, degrees C), where there is one.
    pub value: Option<f64>,
    /// The limit that it broke.
    pub limit: Option<f64>,
    /// Demand lost with it, MW.
    pub lost_mw: f64,
}
