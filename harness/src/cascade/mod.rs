//! What an outage sets off: engines that carry a network through the cascade that follows, and what they have in common.
//!
//! The engine that gates are computed with is [`Engine::Protection`]: the simulated grid of the closed loop with nobody acting. The others
//! exist to be compared with published models; each reproduces its model, known defects included where its page says so.

mod account;
mod outage;
pub mod protection;
mod trip;

pub use account::{Account, Shed};
pub use outage::Outage;
pub use trip::{Cause, Trip, Tripped};

use std::collections::BTreeMap;

/// Who decides what trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// Relays with times, on AC power flow, in simulated seconds.
    Protection,
    /// The AC cascade model of Noebels, Preece and Panteli (IEEE Systems Journal, 2020).
    Acfm,
    /// The DC separation simulator of Eppstein and Hines (IEEE TPWRS 27(3), 2012).
    Dcsep,
    /// The step rules of operator-training environments.
    Steps,
}

/// How a cascade went, by any engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Cascade {
    /// Demand before and after, and what was lost by cause.
    pub account: Account,
    /// Everything that tripped, in the order in which it happened; ties by kind, then by row.
    pub trips: Vec<Trip>,
    /// Power flows solved.
    pub solves: u64,
    /// Power flows answered by each rung of the ladder, by its name; empty for a linear engine.
    pub rungs: BTreeMap<String, u64>,
    /// Whether some of the result rests on a power flow that only the last rungs answered, or that had no answer.
    pub numerically_doubtful: bool,
    /// Why there is no end, where the engine stopped before one (its depth limit, say); what was still served is then booked as
    /// unsolved.
    pub stopped: Option<String>,
}
