//! Versioned documents: plain numbers and text. What a second run could change is in [`RunRecord`], never in [`Evidence`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::challenge::ChallengeRecord;
use crate::latency::{DecisionRecord, LatencyRecord};
use crate::supervision::{Handling, SupervisionRecord};
use crate::variant::VariantsRecord;
use crate::waiver::WaiverRecord;

/// Schema of [`Evidence`].
pub const EVIDENCE_SCHEMA: &str = "gridgate/evidence/1";
/// Schema of [`RunRecord`].
pub const RUN_SCHEMA: &str = "gridgate/run/1";

/// Schema of [`EpisodeRecord`].
pub const EPISODE_SCHEMA: &str = "gridgate/trajectory/1";
/// Schema of [`NetworkRecord`].
pub const NETWORK_SCHEMA: &str = "gridgate/network/1";
/// Schema of [`Manifest`].
pub const MANIFEST_SCHEMA: &str = "gridgate/manifest/1";

/// SHA-256 of a file's bytes, lower-case hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Digest {
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Unsafe was rejected.
    Pass,
    /// Safe was rejected.
    Fail,
    /// Neither, with the episodes that there are.
    Undecided,
    /// The claim could not be evaluated (a missing number, a solver defect): never a pass.
    Error,
    /// Not evaluated on purpose; on a required gate this counts as an error.
    Skipped,
}

/// How much a gate matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Decides the suite's verdict.
    #[default]
    Required,
    /// Printed, never changes the exit code.
    Warn,
}

/// Who was judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CandidateRecord {
    /// Name from its manifest.
    pub name: String,
    /// Version from its manifest.
    pub version: String,
    /// Digest over all files of the candidate.
    pub digest: Digest,
    /// Adapter kind: `onnx`, `process`, `python`, `do_nothing`.
    pub adapter: String,
    /// `closed_loop` or `advisory`.
    pub mode: String,
    /// Task it was asked to do.
    pub task: String,
}

/// An input file by digest; the path is as the suite names it, never of this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InputRecord {
    /// `suite`, `grid`, `candidate` ...
    pub role: String,
    /// Name relative to the suite file.
    pub name: String,
    /// Its bytes.
    pub digest: Digest,
}

/// What was simulated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PopulationRecord {
    /// Its id in the suite.
    pub id: String,
    /// Digest over the digests of its scenarios, in index order.
    pub digest: Digest,
    /// Episodes: exactly the indices 0..n-1.
    pub n: u64,
    /// Episodes that the suite allowed for; with `n` less than that, the run ended as soon as its required gates were decided.
    pub size_max: u64,
    /// Whether these are all the scenarios there are, a list rather than draws.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
    /// Hazards with their parameters as the suite gives them, in words.
    pub hazards: Vec<String>,
    /// What an attacker who does it does, in the public catalogues.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<TechniqueRecord>,
    /// How the episodes ended: `survived`, `blackout`, `collapse`, `candidate_failed`, `solver_gave_up` -> count.
    pub outcomes: BTreeMap<String, u64>,
}

/// A technique of MITRE ATT&CK for ICS or MITRE ATLAS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TechniqueRecord {
    /// Its number.
    pub id: String,
    /// Its number in version 18 of ATT&CK for ICS, where that was another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_v18: Option<String>,
    /// Its name.
    pub name: String,
}

/// One scenario worth looking at, with the command that replays it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WorstRecord {
    /// Population.
    pub population: String,
    /// Index in the population.
    pub index: u64,
    /// Digest of the scenario's content.
    pub scenario: Digest,
    /// The metric's value there; `None` where the episode has none (its candidate failed, say).
    pub value: Option<f64>,
    /// How it ended, in words.
    pub outcome: String,
    /// The file with its recorded steps, relative to the run folder, where it was kept.
    pub trajectory: Option<String>,
    /// `gridgate replay RUN population/index`.
    pub replay: String,
}

/// A gate's claim and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GateRecord {
    /// Its id in the suite.
    pub id: String,
    /// The claim in one sentence, e.g. "at most 1 % of episodes have voltage.violation_pu_min above 0.5".
    pub claim: String,
    /// Population.
    pub population: String,
    /// Metric id.
    pub metric: String,
    /// Unit of the metric.
    pub unit: String,
    /// Kind of gate, e.g. `rate`, `mean`, `census`.
    pub kind: String,
    /// Required or warn.
    pub severity: Severity,
    /// Verdict.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// Episodes that were counted.
    pub n: u64,
    /// Episodes beyond the threshold (rate gates).
    pub k: Option<u64>,
    /// Point estimate.
    pub estimate: Option<f64>,
    /// Confidence interval of the estimate (an end that is not bounded is `None`).
    pub interval: (Option<f64>, Option<f64>),
    /// Level of the interval and of the test.
    pub alpha: f64,
    /// Method and its version, e.g. `e-mixture/1`, `clopper-pearson/1`.
    pub method: String,
    /// e-value against "unsafe", where the method has one; capped at 1e300.
    pub e_value: Option<f64>,
    /// p-value against "unsafe", where the number of episodes was fixed beforehand; the largest over all ways to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// Number of episodes after which the verdict stood, where the method may stop at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<u64>,
    /// What it is compared with: names and numbers from the suite, e.g. `over` -> 0.5, `max` -> 0.01.
    pub threshold: BTreeMap<String, f64>,
    /// Episodes without a value for this metric (counted against the candidate).
    pub missing: u64,
    /// The worst scenarios, worst first, at most three.
    pub worst: Vec<WorstRecord>,
    /// Variants of the model of the world in which it would be another: the assumptions that the verdict depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Obligations that the gate serves, as the suite names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// Line of the gate in the suite file, from 1.
    pub line: Option<u32>,
}

/// A summary number of a population.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// Metric id.
    pub metric: String,
    /// Unit.
    pub unit: String,
    /// Population.
    pub population: String,
    /// Who acted: `candidate`, or the comparator's name (`do_nothing`).
    pub subject: String,
    /// Episodes with a value.
    pub n: u64,
    /// Mean over them.
    pub mean: Option<f64>,
    /// Two-sided 95 % interval of the mean (normal approximation, for orientation only; gates have their own bounds).
    pub interval: Option<(f64, f64)>,
    /// Median.
    pub median: Option<f64>,
    /// 99 % quantile.
    pub p99: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
}

/// What was and what was not judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Covers {
    /// Phenomena and time scales that the simulation contains, in words.
    pub judged: Vec<String>,
    /// Those that it does not contain.
    pub not_judged: Vec<String>,
}

/// The document a verdict rests on. Byte-identical for any number of threads, and for a second run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Name and version of this document: [`EVIDENCE_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = EVIDENCE_SCHEMA)))]
    pub schema: String,
    /// Suite name.
    pub suite: String,
    /// Suite seed.
    pub seed: u64,
    /// Suite verdict.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// Which error rate the verdict claims, in one sentence.
    pub claim: String,
    /// Candidate.
    pub candidate: CandidateRecord,
    /// What it is compared with; `None` where no gate compares.
    pub champion: Option<CandidateRecord>,
    /// Further ones: other models of the operator. A gate whose verdict is not the same against all of them is undecided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_champions: Vec<CandidateRecord>,
    /// Program name, version and numeric mode.
    pub engine: BTreeMap<String, String>,
    /// Everything that was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// Settings of the loop and the physics, as text.
    pub settings: BTreeMap<String, String>,
    /// Populations.
    pub populations: Vec<PopulationRecord>,
    /// Gates, in suite order.
    pub gates: Vec<GateRecord>,
    /// Measurements.
    pub measurements: Vec<Measurement>,
    /// Files beside this one that hold results, by digest: `episodes.jsonl`, kept trajectories.
    pub files: BTreeMap<String, Digest>,
    /// What was and was not judged.
    pub covers: Covers,
    /// Modelling assumptions that the verdict rests on, each a sentence.
    pub assumptions: Vec<String>,
    /// What became of the gates where such assumptions were changed, one at a time; absent where the suite does not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variants: Option<VariantsRecord>,
    /// How exact the physics was: solver, tolerance, largest mismatch, rungs, audits.
    pub fidelity: BTreeMap<String, String>,
    /// The tested region: quantity -> (lowest, highest) that occurred.
    pub envelope: BTreeMap<String, (f64, f64)>,
    /// Known limits of this evidence, each a sentence.
    pub limits: Vec<String>,
    /// Delays between observation and action; absent where actions took effect at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyRecord>,
    /// What a limiter and people who answer advice made of the candidate's decisions, by population; absent where nothing stood between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supervision: Vec<SupervisionRecord>,
    /// New and cured failures beside each comparator, for each gate with a limit that one episode can break; absent without comparators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub challenges: Vec<ChallengeRecord>,
    /// The tier that was run, where it was not the whole suite: `change`, `nightly`, `release`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Waivers that were presented, in the order of their file, and what became of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<WaiverRecord>,
    /// The verdict that the exit code is of, where a waiver was applied: failures that are waived count as passed. The verdict itself
    /// does not know of waivers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict_as_waived: Option<Verdict>,
}

impl Evidence {
    /// The verdict that the exit code is of.
    pub fn verdict_for_exit(&self) -> Verdict {
        self.verdict_as_waived.unwrap_or(self.verdict)
    }
}

/// What only a clock and a machine can know; beside the evidence, never digested into a verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Name and version of this document: [`RUN_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = RUN_SCHEMA)))]
    pub schema: String,
    /// Digest of `evidence.json`.
    pub evidence: Digest,
    /// Wall-clock seconds.
    pub elapsed_s: f64,
    /// Threads.
    pub threads: u32,
    /// Episodes per second of wall clock, all subjects together.
    pub episodes_per_s: f64,
    /// Power flows solved.
    pub solves: u64,
    /// Live timings of the candidate: `latency.compute_ms.p50` ... -> ms.
    pub timings_ms: BTreeMap<String, f64>,
    /// Start, RFC 3339, UTC.
    pub started: String,
    /// Whether a time-out made this run depend on the clock (which exempts it from the byte law).
    pub clock_dependent: bool,
    /// Episodes that were taken from a cache instead of being simulated, all subjects together.
    #[serde(default)]
    pub cached_episodes: u64,
    /// The suite file as the caller named it, for findings that point at its lines; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite_path: Option<String>,
    /// The day on which waivers were presented, where some were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<String>,
}

/// One kept episode, step by step: what the report draws and `gridgate replay` repeats.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EpisodeRecord {
    /// Name and version of this document: [`EPISODE_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = EPISODE_SCHEMA)))]
    pub schema: String,
    /// Population.
    pub population: String,
    /// Index.
    pub index: u64,
    /// How it ended, in words.
    pub outcome: String,
    /// Events with their times, in words: (seconds, text).
    pub events: Vec<(f64, String)>,
    /// Everything that acted by itself, in order; absent where nothing did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trips: Vec<TripRecord>,
    /// Steps, and states within a step after something happened by itself.
    pub steps: Vec<StepRecord>,
    /// Decisions with their delays; absent where actions took effect at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<DecisionRecord>,
    /// The frequency of each island that was disturbed, from then on; absent where none was, or where frequencies do not move.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frequency: Vec<FrequencyCurveRecord>,
    /// Metric id -> value at the end.
    pub metrics: BTreeMap<String, Option<f64>>,
}

/// The frequency of one island over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FrequencyCurveRecord {
    /// Whose grid it is: `candidate`, or the comparator in the same scenario.
    pub subject: String,
    /// First bus of the island, as the file numbers it.
    pub first_bus: String,
    /// Nominal frequency, Hz.
    pub nominal_hz: f64,
    /// Seconds since the episode began, ascending; every twentieth of a second, and where something happened.
    pub time_s: Vec<f64>,
    /// Frequency of the island's centre of inertia at each, Hz.
    pub frequency_hz: Vec<f64>,
}

/// Something that happened in the grid by itself: a relay that operated, a unit that left, demand that was lost with its island.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TripRecord {
    /// When, s since the episode began.
    pub time_s: f64,
    /// Which pass of solve, judge and trip, from 1; ordinal, not a time.
    pub generation: u32,
    /// `branch`, `gen` or `bus`.
    pub kind: String,
    /// Row in the file, from 1.
    pub row: u32,
    /// The element as people name it.
    pub name: String,
    /// Why, e.g. `overload`, `uvls`, `over_voltage`, `island_dead`.
    pub cause: String,
    /// The quantity that caused it, in the unit of its limit (MVA at 1 pu voltage, pu, Hz, degrees C), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The limit that it broke; the margin is the difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Demand lost with it, MW; booked under its cause.
    pub lost_mw: f64,
    /// Rung of the ladder that had answered the power flow in which it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<String>,
}

/// One step of a kept episode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    /// Since when this state holds: the start of the step, or a moment within it; s.
    pub time_s: f64,
    /// Whether this is a state within a step, after something happened by itself or a delayed command took effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub between: bool,
    /// Magnitude of each bus after the step's actions, pu, file order; `None` where it is not energised.
    pub vm_pu: Vec<Option<f64>>,
    /// Loading of each branch, share of its rating; `None` where it has no rating or is out.
    pub loading: Vec<Option<f64>>,
    /// Rows of the branches that are out of service; absent where this was not recorded, and then a branch without a
    /// loading may be one without a rating or one that is out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<Vec<u32>>,
    /// Demand served, MW; `None` where no power flow was found and nobody knows.
    pub served_mw: Option<f64>,
    /// Demand wanted, MW.
    pub demand_mw: f64,
    /// What was asked for, quantity -> one value per element (`None` where nothing was asked).
    pub asked: BTreeMap<String, Vec<Option<f64>>>,
    /// What was granted, the same shape.
    pub granted: BTreeMap<String, Vec<Option<f64>>>,
    /// What a limiter, a fallback or people made of the candidate's decision before it was asked; absent where nothing stood between, and in
    /// states within a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handling: Option<Handling>,
    /// Refusals and clippings: (element in words, reason, how many times in this step), at most 20.
    pub refused: Vec<(String, String, u32)>,
    /// Anything else worth a line: a limit reached, a bus dead, no solution.
    pub notes: Vec<String>,
}

/// The network as a picture needs it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NetworkRecord {
    /// Name and version of this document: [`NETWORK_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = NETWORK_SCHEMA)))]
    pub schema: String,
    /// Case name.
    pub name: String,
    /// Bus numbers in the file.
    pub bus_ids: Vec<u64>,
    /// Voltage limits of each bus, pu.
    pub limits_pu: Vec<(f64, f64)>,
    /// Nominal voltage, kV.
    pub base_kv: Vec<f64>,
    /// Longitude and latitude, where the file has them.
    pub location: Vec<Option<(f64, f64)>>,
    /// Rows of from and to bus of each branch.
    pub branches: Vec<(u32, u32)>,
    /// Rows of the buses with units.
    pub unit_buses: Vec<u32>,
}

/// The seal of a run folder: written last, it lists every other file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name and version of this document: [`MANIFEST_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = MANIFEST_SCHEMA)))]
    pub schema: String,
    /// Path relative to the run folder, with `/` -> the file's bytes.
    pub files: BTreeMap<String, Digest>,
}
