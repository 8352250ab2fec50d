//! Frequency of islands.
//!
//! Level A, in this folder: one swing equation for each island, `2 H d(dw)/dt = Pm + Pffr - PL (1 + D dw)`, with turbines and governors, demand
//! that falls with the frequency, load shedding, ride-through and fast frequency response. Voltages are taken as constant, so demand
//! is of constant power apart from its damping: against a network whose demand falls with the voltage, the first slope is steeper.
//!
//! [`IslandFrequency`] is for whoever lives through time with a grid: it stops at every event and takes what comes in between. [`simulate`] is for
//! thousands of islands of the system-frequency-response model at once. Both are deterministic: no clock, no randomness, no threads, sums in
//! the order of the model.
//!
//! Level B, in [`machines`]: machines with rotor angles on the network.
//!
//! Powers are in pu of the system's base, times in s, frequencies in Hz; deviations within are in pu of nominal.

mod batch;
mod droop;
mod event;
mod governor;
mod island;
pub mod machines;
mod model;
mod plant;
mod response;
mod ride_through;
mod shedding;
mod trace;

pub(crate) use batch::sample_times;
pub use batch::{ReheatIsland, SampledCurve, Simulated, Trip, simulate};
pub use droop::{DROOP_PU, StaticDroop, StaticShedding};
pub use event::{Death, FrequencyEvent, FrequencyEventKind};
pub use governor::{DEADBAND_HZ, Droop, Ggov1, Governor, Hydro, Ieeeg1, Reheat, Tgov1, UNGOVERNED_SHARE};
pub use island::{Extreme, IslandFrequency, IslandPart, RANGE_PU, SYNCHRONISM_HZ};
pub use model::{
    AGGREGATE_STEP_S, AggregateModel, IslandModel, ROCOF_WINDOW_S, Source, UNITS_STEP_S, UnitKind, UnitModel,
};
pub use response::{FastResponse, Recovery, Trigger};
pub use ride_through::{FrequencyCause, FrequencyCurve, InverseTime, RideThrough, RocofRelay, Side};
pub use shedding::{SheddingPlan, Stage};
