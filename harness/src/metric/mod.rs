//! What is measured of a rollout: one noun per file.

mod blackout;
mod curtailment;
mod energy_not_served;
mod estimation;
mod frequency;
mod interruption;
mod latency;
mod loss_of_load;
mod losses;
mod oscillation;
mod overload;
mod redispatch;
mod resilience;
mod security;
mod shedding;
mod supervision;
mod switching;
mod trips;
mod unmet_balance;
mod voltage;

use std::sync::Arc;

use powerflow::security::{Depth, Security};
use reports::SupervisionTally;

pub(crate) use latency::is_elsewhere;

use crate::cascade::Shed;
use crate::grid::Grid;
use crate::grid::grant::Grants;
use crate::response;
use crate::sensing::EstimationTally;
use crate::service::{Customers, Service};

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

/// The service of a rollout that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// All of it.
    pub service: &'a Service,
    /// How many customers there are.
    pub customers: f64,
    /// Length of the episode, s.
    pub horizon_s: f64,
}

/// What a metric needs that costs more than the rest of a step: it exists only where a gate asks for it, or for one that needs as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The state alone.
    Nothing,
    /// The N-1 security of every step, looked at so far.
    Security(Depth),
    /// The service of every bus.
    Service,
}

/// What is looked at beyond the state of every step.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    /// How far its N-1 security is.
    pub security: Option<Depth>,
    /// Whose service is; `None` where nobody's is.
    pub customers: Option<Arc<Customers>>,
}

impl Looks {
    fn meet(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::Security(depth) => self.security >= Some(depth),
            Needs::Service => self.customers.is_some(),
        }
    }
}

/// Accumulates one metric over one rollout.
pub trait Meter {
    /// Takes a state into account.
    fn step(&mut self, step: &Step<'_>);
    /// The rollout has ended, and this is its service, where that is looked at.
    fn end(&mut self, _served: &Served<'_>) {}
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
    /// What it needs.
    pub needs: Needs,
    /// A fresh meter.
    pub meter: fn() -> Box<dyn Meter>,
}

/// Every metric, in the order of documents.
pub const LIST: &[Metric] = &[
    energy_not_served::METRIC,
    loss_of_load::ANY,
    loss_of_load::HOURS,
    blackout::BLACKOUT,
    blackout::COLLAPSE,
    voltage::VIOLATION,
    voltage::WORST,
    overload::MINUTES,
    overload::WORST,
    overload::EXCESS,
    overload::INDEX,
    overload::PERFORMANCE,
    unmet_balance::METRIC,
    losses::METRIC,
    curtailment::METRIC,
    redispatch::METRIC,
    switching::METRIC,
    oscillation::METRIC,
    security::MINUTES,
    security::VIOLATIONS,
    security::SHARE,
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
    interruption::SAIFI,
    interruption::SAIDI,
    interruption::CAIDI,
    interruption::ASAI,
    interruption::MAIFI,
    resilience::SERVED_FALL,
    resilience::SERVED_DEPTH,
    resilience::SERVED_LOW,
    resilience::SERVED_RECOVERY,
    resilience::BRANCHES_FALL,
    resilience::BRANCHES_DEPTH,
    resilience::BRANCHES_LOW,
    resilience::BRANCHES_RECOVERY,
    resilience::BRANCHES_LOST,
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

/// The metrics that are measured along the way, where so much is looked at, in the order of [`LIST`].
pub fn measured(looks: &Looks) -> impl Iterator<Item = &'static Metric> + use<'_> {
    LIST.iter().filter(|metric| looks.meet(metric.needs) && !is_elsewhere(metric))
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
