//! The candidate beside its comparators, scenario by scenario: which failures are new, and which are cured.

use serde::{Deserialize, Serialize};

use crate::evidence::Digest;
use crate::words::count;

/// One scenario in which the two differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PairRecord {
    /// Index in the population.
    pub index: u64,
    /// Digest of the scenario's content.
    pub scenario: Digest,
    /// The candidate's metric; null where it has none.
    pub candidate: Option<f64>,
    /// The comparator's; null where it has none.
    pub champion: Option<f64>,
    /// Command that lives the candidate's episode again.
    pub replay: String,
}

/// How often the limit of a gate is broken by either, in the same scenarios. Every scenario is counted once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ChallengeRecord {
    /// Id of the gate.
    pub gate: String,
    /// Population.
    pub population: String,
    /// Name of the comparator.
    pub champion: String,
    /// Scenarios that break it with the candidate alone. One in which the comparator has no number and the candidate breaks it is
    /// new: what is not known must not help the candidate.
    pub new: u64,
    /// Scenarios that break it with the comparator alone.
    pub cured: u64,
    /// Scenarios that break it with both.
    pub both: u64,
    /// Scenarios that break it with neither.
    pub neither: u64,
    /// The first new ones, at most five, by index.
    pub first_new: Vec<PairRecord>,
    /// The first cured ones, at most five, by index.
    pub first_cured: Vec<PairRecord>,
}

impl ChallengeRecord {
    /// In one sentence, without a full stop.
    pub fn in_words(&self) -> String {
        let said = format!(
            "{}: {} new since {}, {} cured, {} broken by both, {} by neither",
            self.gate,
            count(self.new),
            self.champion,
            count(self.cured),
            count(self.both),
            count(self.neither)
        );
        match self.first_new.first() {
            Some(first) => {
                format!("{said}; the first new one is {}/{} ({})", self.population, first.index, first.replay)
            }
            None => said,
        }
    }
}
