//! The document `gridgate/plan/1`: what a suite will run, and what it can decide by that. Only an estimate of time depends on the machine, and
//! it is there only where it was asked for.

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::Severity;
use crate::variant::SkippedVariantRecord;

/// Schema of [`SuitePlan`].
pub const PLAN_SCHEMA: &str = "gridgate/plan/1";

impl Document for SuitePlan {
    const SCHEMA: &'static str = PLAN_SCHEMA;
}

/// What a suite will run, and what it can decide by that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SuitePlan {
    /// Name and version of this document: [`PLAN_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = PLAN_SCHEMA)))]
    pub schema: String,
    /// Suite name.
    pub suite: String,
    /// The tier that is planned; absent where it is the whole suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Who acts in every scenario: `candidate`, then whom it is compared with.
    pub actors: Vec<String>,
    /// `never`: every episode is run; `decided`: a run ends at the first multiple of 256 episodes at which every required gate is decided.
    pub stop: String,
    /// Most minutes that the tier may take, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<f64>,
    /// Populations, in suite order.
    pub populations: Vec<PlannedPopulation>,
    /// Gates, in suite order, those that stand in every suite included.
    pub gates: Vec<PlannedGate>,
    /// Episodes of all populations and actors, at most, those that are lived again in variants included.
    pub episodes: u64,
    /// Steps of all of them, at most; each is one decision and at least one power flow.
    pub steps: u64,
    /// What is lived again in other models of the world; absent where the suite does not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variants: Option<PlannedVariants>,
    /// What a few episodes took on this machine, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<PlanProbe>,
}

/// What will be simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlannedPopulation {
    /// Its id.
    pub id: String,
    /// Hazards with their parameters, in words.
    pub hazards: Vec<String>,
    /// Episodes of the candidate, at most.
    pub episodes: u64,
    /// Steps of an episode.
    pub steps: u32,
    /// Seconds of grid time of an episode.
    pub seconds: f64,
}

/// What a gate can decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlannedGate {
    /// Its id.
    pub id: String,
    /// Its claim.
    pub claim: String,
    /// Population.
    pub population: String,
    /// Kind.
    pub kind: String,
    /// Required or warn.
    pub severity: Severity,
    /// Level at which it is tested.
    pub alpha: f64,
    /// Episodes that it reads, at most.
    pub n: u64,
    /// Episodes that the power below is of: fewer than `n` where `n` is beyond what is worth following.
    pub n_of_power: u64,
    /// How it will end, by the truth; empty where that was not computed, and `note` says why.
    pub power: Vec<PlannedPower>,
    /// How the power was found, or why not, in one sentence.
    pub note: String,
    /// Line of the gate in the suite file, from 1; absent for gates that stand in every suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// How a gate will end if this is the truth about the candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlannedPower {
    /// The truth in words, such as `a third of the limit`.
    pub if_truth_is: String,
    /// The true share of episodes beyond the threshold, or the true mean in the metric's unit.
    pub truth: f64,
    /// Probability that the gate passes.
    pub pass: f64,
    /// Probability that it fails.
    pub fail: f64,
    /// Probability that it stays undecided.
    pub undecided: f64,
    /// Episodes by which it is decided in one of two cases; absent where it is not, or where the test looks once, at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_episodes: Option<u64>,
}

/// What is lived again in variants of the model of the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlannedVariants {
    /// Names of the variants that will be tried.
    pub tried: Vec<String>,
    /// Those that the suite wants and that cannot matter to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedVariantRecord>,
    /// Episodes of all variants, populations and actors, at most.
    pub episodes: u64,
}

/// A timed probe: the one part of a plan that another machine, or another minute, changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlanProbe {
    /// Episodes that were timed, of all actors.
    pub episodes: u64,
    /// How long they took on one thread, s.
    pub elapsed_s: f64,
    /// Estimate for the whole plan on one thread, s: each population's own time an episode, times its episodes.
    pub estimated_s: f64,
}
