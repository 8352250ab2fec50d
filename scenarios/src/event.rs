//! What can befall a grid: a closed list. A new kind of event touches this file and the grid that lives through it.

use powerflow::{BranchIdx, BusIdx, UnitIdx};
use serde::{Deserialize, Serialize};

/// A moment of simulated time: nanoseconds since the episode began. Integer, so that equal moments are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment `seconds` after the beginning, rounded to a nanosecond; negative values and NaN are the beginning, and
    /// what is beyond 584 years is as far as time goes.
    pub fn from_seconds(seconds: f64) -> Self {
        Moment((seconds * 1e9).round() as u64)
    }

    /// Seconds since the beginning.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

/// One thing that befalls a grid. Elements are rows of the network; documents show their ids in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A branch is disconnected and cannot be closed until it returns.
    BranchOut {
        /// Which.
        branch: BranchIdx,
    },
    /// A branch that was out may be used again, and is closed.
    BranchBack {
        /// Which.
        branch: BranchIdx,
    },
    /// A unit is lost.
    UnitOut {
        /// Which.
        unit: UnitIdx,
    },
    /// A unit returns, at the set-points it had.
    UnitBack {
        /// Which.
        unit: UnitIdx,
    },
    /// A bus is lost, with its demand, its shunts, its units and every branch that ends there; it does not return.
    BusOut {
        /// Which.
        bus: BusIdx,
    },
    /// Demand of every bus moves in a straight line from where it is to these factors of the file's demand.
    DemandRamp {
        /// When the factors are reached; the same moment as the event's is a step.
        until: Moment,
        /// Factor on active and reactive demand, one per bus in file order.
        factor: Vec<f64>,
    },
    /// From now on every branch may carry this share of its rating in the file.
    Ratings {
        /// Share, one per branch in file order.
        factor: Vec<f64>,
    },
    /// From now on transformers take reactive power that is proportional to the voltage, as direct currents of a geomagnetic storm make them.
    Saturation {
        /// Reactive power at 1 pu of voltage, Mvar, one per bus in file order.
        loss_mvar: Vec<f64>,
    },
    /// From now on every unit can deliver at most this share of its largest power in the file. What is scheduled beyond that is withheld
    /// until there is room again.
    Capability {
        /// Share, one per unit in file order.
        factor: Vec<f64>,
    },
}

/// An event and when it is due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimedEvent {
    /// When.
    pub at: Moment,
    /// What.
    pub event: Event,
}
