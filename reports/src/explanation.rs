//! Why an episode broke a gate: what the simulator answered when parts of the episode were left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::{CandidateRecord, Digest, InputRecord};

/// Schema of [`Explanation`].
pub const EXPLANATION_SCHEMA: &str = "gridgate/explanation/1";

impl Document for Explanation {
    const SCHEMA: &'static str = EXPLANATION_SCHEMA;
}

/// An episode that broke a gate, explained by living it again with parts of it left out. Every statement names the run that showed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// Name and version of this document: [`EXPLANATION_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = EXPLANATION_SCHEMA)))]
    pub schema: String,
    /// Suite name.
    pub suite: String,
    /// Seed of the run.
    pub seed: u64,
    /// Population.
    pub population: String,
    /// Index in the population.
    pub index: u64,
    /// Digest of the scenario's content.
    pub scenario: Digest,
    /// Whose episode it is.
    pub candidate: CandidateRecord,
    /// Program name and version.
    pub engine: BTreeMap<String, String>,
    /// Suite, case and what else was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// The effect that is explained.
    pub effect: EffectRecord,
    /// How the candidate took part when the episode was lived again.
    pub resimulation: Resimulation,
    /// How the episode ended, as documents have it.
    pub outcome: String,
    /// Steps of the episode that were lived through.
    pub steps: u32,
    /// Length of a step, s.
    pub step_s: f64,
    /// The episode as it was.
    pub factual: TrialRecord,
    /// What befell the grid, in order of time, and the candidate's actions as one, last.
    pub factors: Vec<FactorRecord>,
    /// The least that still breaks the gate.
    pub minimal: MinimalRecord,
    /// How much each factor contributes.
    pub attribution: AttributionRecord,
    /// The same with each step's actions of the candidate apart, where they are few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution_by_step: Option<AttributionRecord>,
    /// What other actions would have done.
    pub contrast: ContrastRecord,
    /// Actual causes, by the modified structural definition (Halpern 2015).
    pub causes: Vec<CauseRecord>,
    /// Every cause of at most so many factors is listed.
    pub causes_searched_to: u32,
    /// Every run that is cited, by id: the first 16 digits of the SHA-256 of scenario digest and of who acts.
    pub runs: BTreeMap<String, RunOfExplanation>,
    /// Episodes that were simulated.
    pub lives: u64,
    /// Questions that an episode simulated before had answered.
    pub reused: u64,
    /// What a reader should know beside, each a sentence.
    pub notes: Vec<String>,
}

/// How the candidate took part when an episode was lived again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Resimulation {
    /// It was asked again, and saw what had become of the grid (closed loop).
    CandidateAskedAgain,
    /// What it had asked was asked again, step by step, whatever had become of the grid (open loop); nothing after the record ends.
    ActionsRepeated,
}

/// The gate that the episode broke.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EffectRecord {
    /// Id of the gate.
    pub gate: String,
    /// Its claim.
    pub claim: String,
    /// Its metric.
    pub metric: String,
    /// Unit of the metric.
    pub unit: String,
    /// What it is compared with: names and numbers from the suite.
    pub threshold: BTreeMap<String, f64>,
    /// With whom the gate compares, in each run in the same scenario; null where it compares with nobody.
    pub compared_with: Option<String>,
}

/// What a run showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// Id of the run.
    pub run: String,
    /// Whether the gate's threshold is broken in it.
    pub broken: bool,
    /// The metric in it; null where there is none, which counts as broken.
    pub value: Option<f64>,
}

/// What kind of thing a factor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// It befell the grid.
    Event,
    /// What the candidate asked for.
    Candidate,
}

/// Something that can be left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FactorRecord {
    /// `e1`, `e2` ... in order of time, `candidate`.
    pub id: String,
    /// What kind of thing it is.
    pub kind: FactorKind,
    /// When it began, s.
    pub time_s: f64,
    /// When it ended, s, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_s: Option<f64>,
    /// What it was.
    pub words: String,
    /// All but this: not broken where it was necessary.
    pub without: TrialRecord,
    /// Of all events this alone, and the candidate acts; for the candidate, no event at all. Broken where it was sufficient.
    pub alone: TrialRecord,
    /// This event alone, and nobody acts; null for the candidate.
    pub alone_unattended: Option<TrialRecord>,
}

/// The least that still breaks the gate, the candidate taking part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MinimalRecord {
    /// Events, by id: without any one of them the gate is not broken. None where it is broken without any event.
    pub factors: Vec<String>,
    /// With these and no other event.
    pub trial: TrialRecord,
    /// The same, and nobody acts.
    pub unattended: TrialRecord,
    /// How small each may be, the later ones after the earlier ones are as small as they may be.
    pub magnitudes: Vec<MagnitudeRecord>,
    /// With these magnitudes; null where nothing has a magnitude.
    pub smallest: Option<TrialRecord>,
}

/// How small an event may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MagnitudeRecord {
    /// Event.
    pub factor: String,
    /// Of what: `duration`, `move of the demand`.
    pub of: String,
    /// Smallest share of it, of those tried, that breaks the gate.
    pub broken_at: f64,
    /// Largest share below it that was tried and does not; null where none at all still breaks the gate.
    pub holds_at: Option<f64>,
}

/// How contributions were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttributionMethod {
    /// From every coalition.
    Exact,
    /// From drawn orders, each with its reverse.
    Permutations,
}

/// What each factor contributes: the Shapley value of the game in which a coalition of factors happens, and the others do not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AttributionRecord {
    /// How.
    pub method: AttributionMethod,
    /// Pairs of orders that were drawn; null where all coalitions were tried.
    pub pairs: Option<u32>,
    /// Level of the intervals, each of them by itself; null where the shares are exact.
    pub level: Option<f64>,
    /// With everything 1 where the gate is broken, less with nothing: what the shares of breaking sum to.
    pub total_broken: f64,
    /// The metric with everything less the metric with nothing; null where a run has no metric.
    pub total_value: Option<f64>,
    /// One for each factor, in their order.
    pub shares: Vec<ShareRecord>,
    /// Largest difference, in parts of what they should sum to or of 1, between the shares' sums and the totals: rounding.
    pub efficiency_gap: f64,
}

/// A factor's contribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShareRecord {
    /// Factor, or `step N` for what the candidate asked in a step, and up to the next that is listed.
    pub factor: String,
    /// Its share of breaking the gate.
    pub broken: f64,
    /// Bounds of that share; null where it is exact.
    pub interval: Option<(f64, f64)>,
    /// Its share of the metric, in the metric's unit; null where a run has no metric. Without bounds where orders were drawn.
    pub value: Option<f64>,
}

/// What other actions would have done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ContrastRecord {
    /// Who took the candidate's place: `nobody` (what was granted before goes on to hold), then comparators.
    pub replacements: Vec<String>,
    /// From each step on, in order of the steps.
    pub from_step: Vec<ReplacedRecord>,
    /// The first step from which on no replacement keeps the gate any more; null where one still does in the last step.
    pub too_late_from_step: Option<u32>,
    /// What the candidate asked in one step, withheld.
    pub single_steps: Vec<WithheldRecord>,
    /// What the candidate asked of one element, withheld throughout.
    pub single_elements: Vec<WithheldRecord>,
}

/// Somebody else from a step on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReplacedRecord {
    /// First step that is not the candidate's, from 0.
    pub step: u32,
    /// When it begins, s.
    pub time_s: f64,
    /// One for each replacement, in their order.
    pub trials: Vec<TrialRecord>,
}

/// Something that the candidate asked for, withheld.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WithheldRecord {
    /// Step, for what was asked in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// When it was asked, s, for what was asked in one step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_s: Option<f64>,
    /// What was asked.
    pub words: String,
    /// Without it.
    pub trial: TrialRecord,
}

/// An actual cause: had these factors been otherwise, with the witness held as it was, the gate would not have been broken; and no part of
/// them has that property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CauseRecord {
    /// Its factors, by id.
    pub factors: Vec<String>,
    /// What was held as it was, in words; null where nothing had to be.
    pub witness: Option<String>,
    /// Who acted where the candidate's actions are among the factors.
    pub instead: Option<String>,
    /// The run in which the gate is not broken.
    pub trial: TrialRecord,
    /// Whether every proper part of the set was tried and found to be no cause; otherwise only those with one factor less.
    pub minimal: bool,
}

/// A run that is cited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunOfExplanation {
    /// Digest of the scenario's content.
    pub scenario: Digest,
    /// Events that happened, with the share of their magnitude.
    pub events: Vec<(String, f64)>,
    /// Who acted.
    pub acts: String,
    /// How it ended.
    pub outcome: String,
    /// The metric; null where there is none.
    pub value: Option<f64>,
    /// The comparator's metric in the same scenario, where the gate compares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared_value: Option<f64>,
    /// Whether the gate's threshold is broken; where the solver gave up, with that counted as lost.
    pub broken: bool,
    /// The same with it counted as served; absent where the solver did not give up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_if_served: Option<bool>,
    /// SHA-256 over every state of it.
    pub trajectory: Digest,
}

impl Explanation {
    /// The factor of this id.
    pub fn factor(&self, id: &str) -> Option<&FactorRecord> {
        self.factors.iter().find(|factor| factor.id == id)
    }

    /// Cited runs whose answer depends on how a solver that gave up is counted.
    pub fn doubtful(&self) -> impl Iterator<Item = &str> {
        let doubtful =
            |run: &RunOfExplanation| run.broken_if_served.is_some_and(|served| served != run.broken);
        self.runs.iter().filter(move |(_, run)| doubtful(run)).map(|(id, _)| id.as_str())
    }
}
