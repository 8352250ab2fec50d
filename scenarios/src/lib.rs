//! What may befall a grid: events, hazards that draw them, and numbered scenarios from one seed.
//!
//! A [`Population`] holds hazards; [`scenario()`] draws its n-th scenario for a [`World`] from a [`Seed`], without the ones
//! before it. The same arguments give the same bytes on every machine and at any number of threads.
//!
//! ```
//! use scenarios::{Population, hazard};
//!
//! let table = "kind = 'line_trip'\nk = [1, 2]\nat_s = 60\nreturn_after_s = [300, 600]".parse()?;
//! let trip = hazard::parse(&table)?;
//! assert_eq!(trip.describe(), "1 or 2 branches lost at 60 s, back after 300 to 600 s");
//! let outages = Population { id: "outages".into(), hazards: vec![trip], size_max: 10_000 };
//! // then, for a world: outages.check(&world), and scenario(seed, &outages, &world, index)
//!
//! let complaints = hazard::parse(&"kind = 'line_tirp'".parse()?).unwrap_err();
//! assert!(complaints.to_string().contains("did you mean `line_trip`?"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod attack;
mod connectivity;
mod demand;
pub mod draw;
pub mod event;
pub mod hazard;
pub mod listed;
pub mod losses;
pub mod nearest;
mod outage;
pub mod population;
pub mod preset;
#[cfg(test)]
mod sample;
pub mod scenario;
pub mod search;
pub mod seed;
pub mod settings;
mod storm;
pub mod stream;
pub mod technique;
mod temperature;
pub mod weather;

pub use draw::Stream;
pub use event::{Event, Moment, TimedEvent};
pub use hazard::{Hazard, HazardKind, World};
pub use listed::Listed;
pub use losses::Losses;
pub use population::Population;
pub use scenario::Scenario;
pub use seed::{Move, Seed, Streams, streams};
pub use stream::{drawn, gusts, scenario};
