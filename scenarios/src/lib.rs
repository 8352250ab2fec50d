//! What may befall a grid: events, hazards that draw them, and numbered scenarios from one seed.

pub mod draw;
pub mod event;
pub mod nearest;
pub mod scenario;
pub mod seed;

pub use draw::Stream;
pub use event::{Event, Moment, TimedEvent};
pub use scenario::Scenario;
pub use seed::{Seed, Streams, streams};
