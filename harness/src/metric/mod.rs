//! What is measured of a rollout: one noun per file.

mod blackout;
mod energy_not_served;
mod estimation;
mod frequency;
mod latency;
mod losses;
mod oscillation;
mod overload;
mod redispatch;
mod security;
mod shedding;
mod supervision;
mod switching;
mod trips;
mod unmet_balance;
mod voltage;

use powerflow::security::{Depth, Security};
use reports::SupervisionTally;

use crate::cascade::Shed;
use crate::grid::Grid;
use crate::grid::grant::Grants;
use crate::response;
use crate::sensing::EstimationTally;

/// A state as a metric sees it: it holds over `[t, t + duration)`, a step or a part of one. What was granted in a step is shown with its
/// first part only.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The grid after events, actions and settling.
    pub grid: &'a Grid,
    /// Since when it holds, s from the beginning of the episode.
    pub at_s: f64,
    /// How long it holds, s; more than zero.
    pub duration_s: f64,
    /// Length of the episode, s.
    pub horizon_s: f64,
    /// Demand that is not served now.
    pub unserved: Shed,
    /// Demand when the episode began, MW.
    pub initial_demand_mw: f64,
    /// What was granted when it began.
    pub grants: &'a Grants,
    /// Its N-1 security, where a gate asks for it and there is a power flow.
    pub security: Option<&'a Security>,
    /// What supervision made of the candidate's decisions so far; `None` where nothing stands between.
    pub supervision: Option<&'a SupervisionTally>,
    /// What estimation came to so far; `None` where nothing is estimated.
    pub estimation: Option<EstimationTally>,
}

/// Accumulates one metric over one rollout.
pub trait Meter {
    /// Takes a state into account.
    fn step(&mut self, step: &Step<'_>);
    /// The metric so far.
    fn value(&self) -> f64;
    /// Whether there is such a number in this rollout; a gate on one that is not there does not pass.
    fn exists(&self) -> bool {
        true
    }
}

/// One entry of [`LIST`].
pub struct Metric {
    /// Its id in suites and documents.
    pub id: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it is, in one sentence that begins with "its".
    pub meaning: &'static str,
    /// Whether it depends on what is not served: where the solver gave up it is measured twice, with the doubtful part
    /// as lost and as served.
    pub counts_unserved: bool,
    /// How far the N-1 security of every step must be looked at for it. That costs more than the rest of a step, so such a
    /// metric exists only where a gate asks for it, or for one that looks further.
    pub security: Option<Depth>,
    /// A fresh meter.
    pub meter: fn() -> Box<dyn Meter>,
}

/// Every metric, in the order of documents.
pub const LIST: &[Metric] = &[
    energy_not_served::METRIC,
    blackout::BLACKOUT,
    blackout::COLLAPSE,
    voltage::VIOLATION,
    voltage::WORST,
    overload::MINUTES,
    overload::WORST,
    unmet_balance::METRIC,
    losses::METRIC,
    redispatch::METRIC,
    switching::METRIC,
    oscillation::METRIC,
    security::MINUTES,
    security::VIOLATIONS,
    trips::TRIPS,
    trips::CASCADE_SIZE,
    shedding::UFLS,
    shedding::UVLS,
    shedding::COLLAPSE,
    shedding::ISLAND_DEAD,
    shedding::UNSOLVED,
    shedding::BUS_OUTAGE,
    shedding::MANUAL,
    shedding::FIRST,
    frequency::NADIR,
    frequency::PEAK,
    frequency::ROCOF,
    frequency::SETTLING,
    frequency::STAGES,
    supervision::LIMITED,
    supervision::FALLBACK,
    estimation::ALARMS,
    estimation::MISSING,
    estimation::ERROR,
    latency::MARGIN,
    latency::COMPUTE,
];

/// The metrics that are measured along the way, where the N-1 security of every step is looked at so far, in the order of [`LIST`].
pub fn measured(security: Option<Depth>) -> impl Iterator<Item = &'static Metric> {
    LIST.iter().filter(move |metric| metric.security <= security && !latency::is_elsewhere(metric))
}

/// Ids of every metric.
pub fn ids() -> Vec<&'static str> {
    LIST.iter().map(|m| m.id).collect()
}

/// Ids of everything that a gate may name: every metric, and every response.
pub fn known() -> Vec<&'static str> {
    [ids(), response::ids()].concat()
}

/// The unit of a metric or of a response; `1` of an id that is neither.
pub fn unit(id: &str) -> &'static str {
    by_id(id).map(|(_, metric)| metric).or_else(|| response::base(id)).map_or("1", |metric| metric.unit)
}

/// The metric of that id.
pub fn by_id(id: &str) -> Option<(usize, &'static Metric)> {
    LIST.iter().enumerate().find(|(_, m)| m.id == id)
}

/// Minutes of a duration in seconds.
fn minutes(duration_s: f64) -> f64 {
    duration_s / 60.0
}

/// Hours of a duration in seconds.
fn hours(duration_s: f64) -> f64 {
    duration_s / 3600.0
}
