//! What an outage sets off: engines that carry a network through the cascade that follows, and what they have in common.
//!
//! The engine that gates are computed with is [`Engine::Protection`]: the simulated grid of the closed loop with nobody acting. The others
//! exist to be compared with published models; each reproduces its model, known defects included where its page says so.

mod account;
pub mod acfm;
mod list;
mod outage;
pub mod protection;
pub mod separation;
mod settings;
pub mod steps;
mod trip;

pub use account::{Account, Shed};
pub use list::read_outages;
pub use outage::Outage;
pub use settings::{SETTINGS_SCHEMA, Settings};
pub use trip::{Cause, Trip, Tripped};

use std::collections::BTreeMap;

use powerflow::BusIdx;

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

impl Engine {
    /// Its name on the command line, in settings and in documents.
    pub fn id(self) -> &'static str {
        match self {
            Engine::Protection => "protection",
            Engine::Acfm => "acfm",
            Engine::Dcsep => "dcsep",
            Engine::Steps => "steps",
        }
    }
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

/// A cascade with what an engine can say about it besides.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What happened.
    pub cascade: Cascade,
    /// Why each event of [`Cascade::trips`] came, in words; empty where the engine says no more than cause, value and limit.
    pub why: Vec<String>,
    /// Islands that serve demand at the end, by their first bus; empty where the engine does not say, or there is no end.
    pub islands: Vec<IslandAtEnd>,
}

impl From<Cascade> for Told {
    fn from(cascade: Cascade) -> Self {
        Told { cascade, why: Vec::new(), islands: Vec::new() }
    }
}

/// An island at the end of a cascade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IslandAtEnd {
    /// Its first bus in the file.
    pub first_bus: BusIdx,
    /// How many it has.
    pub buses: usize,
    /// Power of its units, MW.
    pub generation_mw: f64,
    /// Demand that it serves, MW.
    pub demand_mw: f64,
}
