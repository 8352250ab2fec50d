//! What a run of the model leaves behind.

use std::collections::BTreeMap;

use powerflow::{BusId, Rung};

use crate::cascade::{Cause, Shed, Trip, Tripped};
use crate::study::rung_id;

/// How often each rule acted, counted as the published program counts: once an island and a generation, but `islands`, which
/// counts islands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Islands that were split off (`n_isl`).
    pub islands: u32,
    /// Under-frequency load shedding (`n_ufls`).
    pub ufls: u32,
    /// Trips of units by over-frequency (`n_ofgs`).
    pub ofgs: u32,
    /// Generations in which units met a reactive limit (`n_xl`).
    pub reactive_limits: u32,
    /// Generations in which units tripped below their smallest power (`n_ulgt`).
    pub below_p_min: u32,
    /// Generations with under-voltage load shedding (`n_uvls`).
    pub uvls: u32,
    /// Generations with overload trips (`n_ol`).
    pub overloads: u32,
    /// Power flows without an answer, for which demand was given up (`n_vc`).
    pub collapses: u32,
    /// Islands that were given up after that (`n_opf`).
    pub unsolved: u32,
    /// Removals of shunts (`n_sh`): what the published program tries when its optimal power flow fails, so none here.
    pub shunts: u32,
}

/// How near to its thresholds a run came, over all states that its relays judged: what is smaller than the numerical
/// differences between two programs may end differently in them. Infinite where nothing was judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margins {
    /// Smallest distance of a branch's loading from its threshold, relative.
    pub line: f64,
    /// Smallest distance of a load bus's voltage from its threshold, pu.
    pub voltage_pu: f64,
    /// Smallest distance of a unit's reactive power from a threshold, Mvar.
    pub reactive_mvar: f64,
}

impl Default for Margins {
    fn default() -> Self {
        Self { line: f64::INFINITY, voltage_pu: f64::INFINITY, reactive_mvar: f64::INFINITY }
    }
}

/// Whether a run came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// It did.
    #[default]
    Ended,
    /// An island went on beyond the depth limit; its demand is booked as unsolved.
    DepthLimit,
}

impl Status {
    /// As the tables have it.
    pub fn id(self) -> &'static str {
        match self {
            Status::Ended => "ok",
            Status::DepthLimit => "no_result:depth_limit",
        }
    }
}

/// The books of one run.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) shed: Shed,
    pub(super) trips: Vec<Trip>,
    pub(super) buses_lost: Vec<(BusId, u32)>,
    pub(super) counts: Counts,
    pub(super) margins: Margins,
    pub(super) status: Status,
    pub(super) doubtful: bool,
    pub(super) first_collapse: Option<u32>,
    pub(super) solves: u64,
    pub(super) rungs: BTreeMap<String, u64>,
    /// The generation that is under way.
    pub(super) generation: u32,
}

impl Record {
    /// Counts a power flow that was answered, and by whom.
    pub(super) fn answered(&mut self, rung: Rung) {
        *self.rungs.entry(rung_id(rung)).or_default() += 1;
    }

    /// Writes an event down, with the demand lost under its cause.
    pub(super) fn trip(&mut self, what: Tripped, cause: Cause, why: Option<(f64, f64)>, lost_mw: f64) {
        let (value, limit) = (why.map(|(value, _)| value), why.map(|(_, limit)| limit));
        let generation = self.generation;
        self.trips.push(Trip { what, generation, time_s: None, cause, value, limit, lost_mw });
        match cause {
            Cause::Ufls => self.shed.ufls_mw += lost_mw,
            Cause::Uvls | Cause::ExcitationLimit => self.shed.uvls_mw += lost_mw,
            Cause::IslandDead => self.shed.island_dead_mw += lost_mw,
            Cause::Collapse => self.shed.collapse_mw += lost_mw,
            Cause::Unsolved => self.shed.unsolved_mw += lost_mw,
            _ => debug_assert!(lost_mw == 0.0, "{cause:?} loses no demand"),
        }
    }

    /// The last generation in which a branch or a unit tripped, or a bus was lost.
    pub(super) fn depth(&self) -> u32 {
        let trips = self.trips.iter().filter(|trip| is_trip(trip)).map(|trip| trip.generation);
        trips.chain(self.buses_lost.iter().map(|(_, generation)| *generation)).max().unwrap_or(0)
    }
}

/// Whether an event takes a branch or a unit out.
pub(super) fn is_trip(trip: &Trip) -> bool {
    match trip.what {
        Tripped::Branch(_) => true,
        Tripped::Unit(_) => trip.cause != Cause::ExcitationLimit,
        Tripped::Bus(_) => false,
    }
}
