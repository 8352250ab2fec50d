//! What became of the gates in other models of the world: a part of the evidence.

use serde::{Deserialize, Serialize};

use crate::evidence::Verdict;

/// A subset of the episodes, lived again in variants of the model of the world, each of which changes one assumption.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VariantsRecord {
    /// Which episodes were lived again, of each population in suite order.
    pub subsets: Vec<SubsetRecord>,
    /// Variants, in the order of their list.
    pub variants: Vec<VariantRecord>,
    /// Variants that were wanted and not tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedVariantRecord>,
}

/// The episodes of a population that were lived again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SubsetRecord {
    /// Population.
    pub population: String,
    /// Strata, worst first; every episode of the population is in exactly one.
    pub strata: Vec<StratumRecord>,
}

/// Episodes that ended alike in the model of the suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StratumRecord {
    /// `unknown` (no power flow, or no value), `broken` (beyond a threshold), `close` (among the nearest to one), `clear`.
    pub stratum: String,
    /// Episodes in it.
    pub n: u64,
    /// Those that were lived again.
    pub replayed: u64,
}

/// One changed assumption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VariantRecord {
    /// Its name in suites.
    pub id: String,
    /// What it changes, in words.
    pub changes: String,
    /// Every gate that reads episodes, in suite order.
    pub gates: Vec<VariedGateRecord>,
}

/// A gate in a variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VariedGateRecord {
    /// Gate id.
    pub gate: String,
    /// Its verdict on the record of the variant: what was lived again as it went, the rest as it changed in its stratum.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// Episodes that were lived again.
    pub replayed: u64,
    /// Those of them in which the candidate's metric is another.
    pub changed: u64,
    /// The largest change of the candidate's metric, with its sign; absent where no episode has a value in both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_change: Option<f64>,
    /// Index of the episode with that change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_change_at: Option<u64>,
    /// Episodes lived again that are beyond the gate's threshold only in the variant; absent where one episode cannot break the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newly_broken: Option<u64>,
    /// The same as a share of the whole population, each stratum with its weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newly_broken_share: Option<f64>,
    /// Upper end of that share at 95 %, all strata together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newly_broken_share_max: Option<f64>,
}

/// A variant that was not tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SkippedVariantRecord {
    /// Its name in suites.
    pub id: String,
    /// Why, in one sentence.
    pub why: String,
}
