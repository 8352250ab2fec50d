//! The document `gridgate/hunt/1`: what a search for the worst found, and what it estimates. Nothing in it depends on the clock, the
//! machine or the number of threads.
//!
//! What was found and what was estimated stand in lists of their own: the first are facts about what was tried, the second numbers
//! with intervals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::{CandidateRecord, Digest, InputRecord};

/// Schema of [`HuntStudy`].
pub const HUNT_SCHEMA: &str = "gridgate/hunt/1";

impl Document for HuntStudy {
    const SCHEMA: &'static str = HUNT_SCHEMA;
}

/// An element of a set that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LossRecord {
    /// `branch` or `gen`.
    pub kind: String,
    /// Row in the case file, from 1.
    pub row: u32,
    /// As people name it.
    pub name: String,
    /// When it is lost, s since the episode began; absent where there is no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_s: Option<f64>,
}

/// A set of losses that fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FoundRecord {
    /// What is lost; nothing where the background fails by itself.
    pub losses: Vec<LossRecord>,
    /// The demand at its highest, in words; absent where it is that of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<String>,
    /// Scenario of the population whose demand and dates are the background; absent where there is no population.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<u64>,
    /// How often it was come upon: by starts that knew nothing of each other, or by listing in so many backgrounds.
    pub times: u64,
    /// Whether every set with one loss less was tried and is harmless.
    pub minimal: bool,
    /// Probability that a scenario of the population loses all of it, whatever else goes with it, times aside; absent where the
    /// population's law does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// How it ends, in words.
    pub outcome: String,
    /// What makes it a failure, in words.
    pub why: String,
    /// The number that makes it one, in the unit of its metric; absent where there is none, because the candidate failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The same events without the candidate: `fails`, `harmless` or `doubtful`; absent where there is no candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_candidate: Option<String>,
    /// Its place in `regressions.json`, from 1; absent where it was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regression: Option<u64>,
}

/// A number that was inferred.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EstimateRecord {
    /// What it is the number of, in words.
    pub what: String,
    /// The estimate.
    pub value: f64,
    /// Standard error; absent where the sample does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// Interval; absent where the sample does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// Nominal coverage of the interval.
    pub level: f64,
    /// Method and version.
    pub method: String,
    /// Size of the sample.
    pub samples: u64,
    /// How many of them were what is counted.
    pub hits: u64,
    /// What a reader has to know of it, each a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EffortRecord {
    /// Episodes or cascades that might be tried.
    pub budget: u64,
    /// Those that were.
    pub trials: u64,
    /// Of these, those whose end is in doubt: counted as lost they fail, as served they do not. A search takes them for harmless.
    pub doubtful: u64,
    /// Elements that sets were made of.
    pub elements: u64,
    /// Independent starts that came to an end.
    pub starts: u64,
    /// Of these, those whose first draw did not fail.
    pub harmless: u64,
    /// Of these, those that ended with a minimal set of more losses than are kept.
    pub larger: u64,
    /// Found sets that the population never draws, and that were left out.
    pub outside: u64,
}

/// A search for the worst.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HuntStudy {
    /// Name and version of this document: [`HUNT_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = HUNT_SCHEMA)))]
    pub schema: String,
    /// Suite or case.
    pub name: String,
    /// Who lives through it; absent where cascades are followed with nobody acting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<CandidateRecord>,
    /// Population that it is about; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<String>,
    /// Program name and version.
    pub engine: BTreeMap<String, String>,
    /// What was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// Seed of every draw.
    pub seed: u64,
    /// How it was searched.
    pub method: String,
    /// Settings of the search, as text.
    pub settings: BTreeMap<String, String>,
    /// What counts as a failure, in a sentence.
    pub failure: String,
    /// What was tried.
    pub effort: EffortRecord,
    /// What was found: each a fact about events that were tried.
    pub found: Vec<FoundRecord>,
    /// What was inferred: each a number with an interval, never a list of events.
    pub estimated: Vec<EstimateRecord>,
    /// What a reader should know, each a sentence.
    pub notes: Vec<String>,
    /// Files beside this one, by digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
}

impl HuntStudy {
    /// The answer in a sentence.
    pub fn headline(&self) -> String {
        let tried = match self.candidate {
            Some(_) => "episodes",
            None => "cascades",
        };
        match self.found.len() {
            0 => format!("No failure was found in {} {tried}.", self.effort.trials),
            1 => format!("1 failure was found in {} {tried}.", self.effort.trials),
            n => format!("{n} failures were found in {} {tried}.", self.effort.trials),
        }
    }
}

impl FoundRecord {
    /// What befalls the grid, in words: `branch 3 (2-5) at 60 s, unit 1 at bus 4 at 60 s; demand is 1.05 of the file's`.
    pub fn in_words(&self) -> String {
        match &self.demand {
            Some(demand) => format!("{}; {demand}", self.losses_in_words()),
            None => self.losses_in_words(),
        }
    }

    fn losses_in_words(&self) -> String {
        if self.losses.is_empty() {
            return "nothing is lost".to_owned();
        }
        let one = |loss: &LossRecord| match loss.at_s {
            Some(at_s) => format!("{} at {}", loss.name, crate::words::time(at_s)),
            None => loss.name.clone(),
        };
        self.losses.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
