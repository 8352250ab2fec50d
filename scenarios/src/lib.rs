//! What may befall a grid: events, hazards that draw them, and numbered scenarios from one seed.
//!
//! A [`Population`] holds hazards; [`scenario`] draws its n-th scenario for a [`World`] from a [`Seed`], without the ones
//! before it. The same arguments give the same bytes on every machine and at any number of threads.

mod connectivity;
pub mod draw;
pub mod event;
pub mod hazard;
pub mod nearest;
mod outage;
pub mod population;
#[cfg(test)]
mod sample;
pub mod scenario;
pub mod seed;
pub mod settings;
pub mod stream;

pub use draw::Stream;
pub use event::{Event, Moment, TimedEvent};
pub use hazard::{Hazard, HazardKind, World};
pub use population::Population;
pub use scenario::Scenario;
pub use seed::{Seed, Streams, streams};
pub use stream::scenario;
