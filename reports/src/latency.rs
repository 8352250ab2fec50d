//! Delay between observation and action: what was recorded of a candidate, what became of its decisions, how much delay it bears.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::{CandidateRecord, Digest, InputRecord};
use crate::supervision::Handling;

/// Schema of [`LatencyFile`].
pub const LATENCY_SCHEMA: &str = "gridgate/latency/1";
/// Schema of [`LatencyMargin`].
pub const LATENCY_MARGIN_SCHEMA: &str = "gridgate/latency-margin/1";

impl Document for LatencyFile {
    const SCHEMA: &'static str = LATENCY_SCHEMA;
}
impl Document for LatencyMargin {
    const SCHEMA: &'static str = LATENCY_MARGIN_SCHEMA;
}

/// How long a candidate took to decide, recorded in a pass of its own. Verdicts read this file, so they replay on any machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LatencyFile {
    /// Name and version of this document: [`LATENCY_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = LATENCY_SCHEMA)))]
    pub schema: String,
    /// Who was timed, by which adapter.
    pub candidate: CandidateRecord,
    /// Suite and case whose scenarios it saw, by digest.
    pub inputs: Vec<InputRecord>,
    /// Decisions made before the first that was timed.
    pub warm_up: u32,
    /// Rows of each decision.
    pub batch: u32,
    /// Decisions that failed while it was timed: their times are left out.
    pub failed: u64,
    /// Which clock.
    pub clock: String,
    /// The processor that the timed thread was confined to; null where it was confined to none.
    pub pinned: Option<u32>,
    /// The machine, in words.
    pub machine: BTreeMap<String, String>,
    /// Times in nanoseconds, ascending.
    pub samples_ns: Vec<u64>,
    /// SHA-256 over the times, each as eight bytes, least significant first.
    pub samples: Digest,
}

impl LatencyFile {
    /// Digest of a list of times, as [`Self::samples`] has it.
    pub fn digest(samples_ns: &[u64]) -> Digest {
        let bytes: Vec<u8> = samples_ns.iter().flat_map(|ns| ns.to_le_bytes()).collect();
        Digest::of(bytes)
    }

    /// The sample quantile: the value of rank ceil(q n), ns. `None` of an empty list.
    pub fn quantile_ns(&self, q: f64) -> Option<u64> {
        let n = self.samples_ns.len();
        // 0.07 * 100 is above 7 in floating point; no list is long enough for 1e-9 of a rank to matter.
        let rank = (q * n as f64 - 1e-9).ceil().max(1.0) as usize;
        self.samples_ns.get(rank.min(n).checked_sub(1)?).copied()
    }
}

/// What became of decisions: of one episode, or summed over many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LatencyTally {
    /// Observations that a decision was begun on.
    pub decisions: u64,
    /// Observations that arrived while the candidate was busy, and were let go.
    pub skipped: u64,
    /// Decisions that a newer observation cut short.
    pub preempted: u64,
    /// Commands that took effect.
    pub landed: u64,
    /// Deadlines at which no command of that observation, or a later one, had taken effect.
    pub missed: u64,
    /// Commands that were too late, and were dropped.
    pub dropped: u64,
    /// Deadlines at which the last command was asked again.
    pub repeated: u64,
    /// Deadlines at which what the candidate had moved was asked back to the file's values.
    pub fell_back: u64,
    /// Commands that had not taken effect when the episode ended.
    pub pending: u64,
    /// Age of what was seen when the decision began, ns: sum over decisions.
    pub age_sum_ns: u64,
    /// The largest of them, ns.
    pub age_max_ns: u64,
    /// From the measurement until its command took effect, ns: sum over commands that did.
    pub effect_sum_ns: u64,
    /// The longest of them, ns.
    pub effect_max_ns: u64,
}

impl LatencyTally {
    /// Both together.
    pub fn add(&mut self, other: &LatencyTally) {
        for (mine, theirs) in [
            (&mut self.decisions, other.decisions),
            (&mut self.skipped, other.skipped),
            (&mut self.preempted, other.preempted),
            (&mut self.landed, other.landed),
            (&mut self.missed, other.missed),
            (&mut self.dropped, other.dropped),
            (&mut self.repeated, other.repeated),
            (&mut self.fell_back, other.fell_back),
            (&mut self.pending, other.pending),
            (&mut self.age_sum_ns, other.age_sum_ns),
            (&mut self.effect_sum_ns, other.effect_sum_ns),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        self.age_max_ns = self.age_max_ns.max(other.age_max_ns);
        self.effect_max_ns = self.effect_max_ns.max(other.effect_max_ns);
    }
}

/// One decision of a recorded episode: when it was begun, and when its command took effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DecisionRecord {
    /// Number of the observation, from 0: the step that it was measured in.
    pub number: u32,
    /// When it was measured, s.
    pub measured_s: f64,
    /// When the candidate began to decide, s.
    pub begun_s: f64,
    /// How long the decision took, ns: the element of the source that was used.
    pub inference_ns: u64,
    /// When its command arrives, s.
    pub lands_s: f64,
    /// `landed`, `preempted`, `dropped` or `pending`.
    pub fate: String,
    /// What was asked: quantity -> (row of the element from 0, value).
    pub asked: BTreeMap<String, Vec<(u32, f64)>>,
    /// What a limiter, a fallback or people made of it before it was asked; absent where nothing stood between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handling: Option<Handling>,
}

/// The recorded file that delays came from, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LatencySample {
    /// Name as the suite gives it.
    pub name: String,
    /// Its bytes.
    pub digest: Digest,
    /// Adapter that was measured.
    pub adapter: String,
    /// Calls.
    pub calls: u64,
    /// Median, ms.
    pub p50_ms: f64,
    /// 99 % quantile, ms.
    pub p99_ms: f64,
    /// The longest, ms.
    pub max_ms: f64,
    /// Whether the timed thread was confined to one processor.
    pub pinned: bool,
    /// The machine, in words.
    pub machine: BTreeMap<String, String>,
}

/// How long it takes from observation to action in a run, and what that did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LatencyRecord {
    /// Where the time of a decision came from, in words.
    pub source: String,
    /// Whether a second run has the same delays.
    pub reproducible: bool,
    /// Time of one decision, ms; absent where it varies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference_ms: Option<f64>,
    /// From the measurement until the candidate has it, ms.
    pub measurement_ms: f64,
    /// From the result until the actuator has the command, ms.
    pub command_ms: f64,
    /// From there until it takes effect, ms.
    pub actuation_ms: f64,
    /// What becomes of an observation that arrives while the candidate is busy: `skip`, `queue` or `preempt`.
    pub queue: String,
    /// Deadline of a command, from its measurement, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<f64>,
    /// What becomes of a command that misses it: `late_apply`, `drop`, `hold_last` or `fallback`.
    pub late: String,
    /// The recorded file, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<LatencySample>,
    /// What became of all decisions.
    pub tally: LatencyTally,
}

/// How a search for a margin ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MarginStatus {
    /// Delays up to the margin are safe, one more millisecond is not.
    Found,
    /// Load is lost without any delay: there is no margin.
    UnsafeAtOnce,
    /// No delay that was tried loses load: the margin is at least the largest.
    SafeThroughout,
}

/// The margin of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MarginRecord {
    /// Population.
    pub population: String,
    /// Index in the population.
    pub index: u64,
    /// Digest of the scenario's content.
    pub scenario: Digest,
    /// How the search ended.
    pub status: MarginStatus,
    /// Largest delay below the lowest failing one, ms.
    pub margin_ms: u32,
    /// Lowest delay found at which load is lost, ms; null where none is.
    pub fails_at_ms: Option<u32>,
    /// Whether every longer delay of the grid that was tried fails too.
    pub monotone: bool,
    /// Times that the episode was lived.
    pub lives: u32,
}

/// How much delay a candidate bears.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LatencyMargin {
    /// Name and version of this document: [`LATENCY_MARGIN_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = LATENCY_MARGIN_SCHEMA)))]
    pub schema: String,
    /// Suite name.
    pub suite: String,
    /// Suite seed.
    pub seed: u64,
    /// Who acted.
    pub candidate: CandidateRecord,
    /// Program name and version.
    pub engine: BTreeMap<String, String>,
    /// What was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// Largest delay of a decision that was tried, ms.
    pub max_ms: u32,
    /// Median of the recorded times of the candidate, ms, where the suite has a recorded file.
    pub recorded_p50_ms: Option<f64>,
    /// Their 99 % quantile, ms.
    pub recorded_p99_ms: Option<f64>,
    /// Scenarios, in the order of the suite.
    pub scenarios: Vec<MarginRecord>,
    /// Episodes that were lived for it.
    pub lives: u64,
}

impl LatencyMargin {
    /// One line a scenario.
    pub fn csv(&self) -> String {
        let mut csv = String::from("population,index,status,margin_ms,fails_at_ms,monotone,lives\n");
        for row in &self.scenarios {
            let fails = row.fails_at_ms.map_or_else(String::new, |ms| ms.to_string());
            csv.push_str(&format!(
                "{},{},{},{},{fails},{},{}\n",
                row.population,
                row.index,
                row.status.id(),
                row.margin_ms,
                row.monotone,
                row.lives
            ));
        }
        csv
    }

    /// The scenario with the least margin, the first of equals.
    pub fn least(&self) -> Option<&MarginRecord> {
        self.scenarios.iter().min_by_key(|row| row.margin_ms)
    }
}

impl MarginStatus {
    /// Its id in documents.
    pub fn id(self) -> &'static str {
        match self {
            MarginStatus::Found => "found",
            MarginStatus::UnsafeAtOnce => "unsafe_at_once",
            MarginStatus::SafeThroughout => "safe_throughout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(samples_ns: Vec<u64>) -> LatencyFile {
        LatencyFile {
            schema: LATENCY_SCHEMA.into(),
            candidate: CandidateRecord::default(),
            inputs: Vec::new(),
            warm_up: 50,
            batch: 1,
            failed: 0,
            clock: "monotonic".into(),
            pinned: None,
            machine: BTreeMap::new(),
            samples: LatencyFile::digest(&samples_ns),
            samples_ns,
        }
    }

    #[test]
    fn quantiles_are_values_of_a_rank() {
        let hundred = file((1..=100).collect());
        assert_eq!([0.07, 0.5, 0.99, 1.0].map(|q| hundred.quantile_ns(q)), [7, 50, 99, 100].map(Some));
        assert_eq!(file(vec![5]).quantile_ns(0.001), Some(5));
        assert_eq!(file(Vec::new()).quantile_ns(0.5), None);
    }

    /// Of the one time 1 ns: eight bytes, the first of them 1 (`printf '\1\0\0\0\0\0\0\0' | sha256sum`).
    #[test]
    fn the_digest_is_that_of_the_bytes() {
        assert_eq!(
            LatencyFile::digest(&[1]).sha256,
            "7c9fa136d4413fa6173637e883b6998d32e1d675f88cddff9dcbcf331820f4b8"
        );
    }
}
