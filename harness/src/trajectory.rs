//! What happened in one rollout: its end, its measurements, and a digest of every step as it happened.

use std::collections::BTreeMap;

use reports::{
    EpisodeRecord, Fallback, FrequencyCurveRecord, LatencyTally, StepRecord, SupervisionTally, TripRecord,
};
use serde::{Deserialize, Serialize};

use crate::candidate::Cause;
use crate::metric::{self, Looks};
use crate::service::Service;

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It reached the horizon with at least 95 % of its initial demand served throughout.
    Survived,
    /// More than 5 % of the initial demand was unserved at some time.
    Blackout,
    /// Less than 5 % of the initial demand was served at some time.
    Collapse,
    /// The candidate gave no usable decision.
    CandidateFailed,
    /// No power flow was found for all or part of the grid: counted both ways, as lost and as served.
    SolverGaveUp,
}

impl Outcome {
    /// Its id in documents.
    pub fn id(self) -> &'static str {
        match self {
            Outcome::Survived => "survived",
            Outcome::Blackout => "blackout",
            Outcome::Collapse => "collapse",
            Outcome::CandidateFailed => "candidate_failed",
            Outcome::SolverGaveUp => "solver_gave_up",
        }
    }
}

/// One line of `episodes.jsonl`: everything a verdict needs of one rollout, and nothing that a second run could change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Episode {
    /// Population.
    pub population: String,
    /// Index in the population.
    pub index: u64,
    /// `candidate`, or the comparator's name.
    pub subject: String,
    /// Digest of the scenario's content.
    pub scenario: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why the candidate failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// What it returned, or why there was no power flow, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Steps that were lived through.
    pub steps: u32,
    /// Metric id -> value; `None` where the rollout ended before the horizon without one that can be known.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Where the solver gave up: the metrics up to then, as if the rest had gone well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_served: Option<BTreeMap<String, f64>>,
    /// Requests not granted as asked, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refusals: BTreeMap<crate::action::Refusal, u64>,
    /// Everything that acted by itself, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trips: Vec<TripRecord>,
    /// Whether something of it rests on a power flow that only the last rungs of the ladder answered, or that had no answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub numerically_doubtful: bool,
    /// Natural logarithm of the likelihood of what the grid itself drew (hidden failures), where it draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid_log_likelihood: Option<f64>,
    /// What became of the candidate's decisions, where they do not take effect at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyTally>,
    /// What became of the candidate's decisions before they were asked, where something stands between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervision: Option<SupervisionTally>,
    /// SHA-256 over every state: time, voltages, requests, grants, trips.
    pub trajectory: String,
}

impl Episode {
    /// The line without what was found by living the episode again, with other delays or without its outages.
    #[must_use]
    pub fn as_lived(&self) -> Episode {
        let mut episode = self.clone();
        let lived = |id: &String| id != crate::latency::MARGIN_MS && !id.starts_with(crate::response::PREFIX);
        episode.metrics.retain(|id, _| lived(id));
        if let Some(served) = &mut episode.as_served {
            served.retain(|id, _| lived(id));
        }
        episode
    }

    /// Whether a time-out decided something of it: it ended it, or the fallback stepped in.
    pub fn depends_on_the_clock(&self) -> bool {
        let late = |tally: &SupervisionTally| tally.fallback.contains_key(&Fallback::Timeout);
        self.cause == Some(Cause::Timeout) || self.supervision.as_ref().is_some_and(late)
    }

    /// A metric of this rollout, with a solver that gave up counted as lost.
    pub fn metric(&self, id: &str) -> Option<f64> {
        self.metrics.get(id).copied().flatten()
    }

    /// A metric of this rollout, with a solver that gave up counted as if the rest had gone well.
    pub fn metric_as_served(&self, id: &str) -> Option<f64> {
        match &self.as_served {
            Some(values) => values.get(id).copied(),
            None => self.metric(id),
        }
    }
}

/// A rollout as the loop hands it on: the line, and the steps where they were recorded.
#[derive(Clone, Debug)]
pub struct Trajectory {
    /// The line.
    pub episode: Episode,
    /// Every step, where recording was asked for.
    pub record: Option<EpisodeRecord>,
    /// Its service, where that was looked at.
    pub service: Option<Box<BothWays>>,
}

/// The service of a rollout, counted both ways where the solver gave up.
#[derive(Clone, Debug)]
pub struct BothWays {
    /// What is in doubt counts as lost.
    pub lost: Service,
    /// It counts as served.
    pub served: Service,
}

/// Schema of a kept trajectory.
pub const TRAJECTORY_SCHEMA: &str = "gridgate/trajectory/1";

impl Trajectory {
    /// The kept document of a recorded rollout.
    pub fn document(
        episode: &Episode,
        events: Vec<(f64, String)>,
        steps: Vec<StepRecord>,
        frequency: Vec<FrequencyCurveRecord>,
    ) -> EpisodeRecord {
        EpisodeRecord {
            schema: TRAJECTORY_SCHEMA.into(),
            population: episode.population.clone(),
            index: episode.index,
            outcome: episode.outcome.id().into(),
            events,
            trips: episode.trips.clone(),
            steps,
            decisions: Vec::new(),
            frequency,
            metrics: episode.metrics.clone(),
        }
    }
}

/// Metric ids with a value each, in the order of [`metric::measured`]; those that do not exist in the rollout are left out.
pub(crate) fn by_id(looks: &Looks, values: &[Option<f64>]) -> BTreeMap<String, f64> {
    metric::measured(looks).zip(values).filter_map(|(m, v)| Some((m.id.to_owned(), (*v)?))).collect()
}
