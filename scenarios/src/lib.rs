//! What may befall a grid: events, hazards that draw them, and numbered scenarios from one seed.

pub mod event;
pub mod scenario;

pub use event::{Event, Moment, TimedEvent};
pub use scenario::Scenario;
