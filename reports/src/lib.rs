//! Paper: what was found, in a form that a stranger can read and verify without owning the simulator.

pub mod attest;
pub mod cascade;
pub mod challenge;
pub mod contingencies;
mod document;
pub mod envelope;
pub mod evidence;
pub mod explanation;
mod finite;
pub mod frequency;
pub mod gic;
pub mod hunt;
pub mod latency;
pub mod machines;
pub mod nose;
pub mod plan;
pub mod playback;
mod problem;
pub mod rating;
pub mod redact;
pub mod regressions;
pub mod render;
pub mod report;
#[cfg(feature = "schema")]
pub mod schemas;
pub mod study;
pub mod supervision;
pub mod variant;
pub mod waiver;
mod words;

pub use attest::verify::{Verified, population_digest, seal, unlisted, verify, verify_other};
pub use cascade::{CASCADE_SCHEMA, CascadeStudy};
pub use challenge::{ChallengeRecord, PairRecord};
pub use contingencies::{CONTINGENCIES_SCHEMA, ContingencyStudy};
pub use document::{Document, canonical_json, canonical_line, read};
pub use envelope::{ENVELOPE_SCHEMA, Envelope};
pub use evidence::*;
pub use explanation::{EXPLANATION_SCHEMA, Explanation};
pub use frequency::{FREQUENCY_SCHEMA, FrequencyStudy};
pub use gic::{GIC_SCHEMA, GicStudy};
pub use hunt::{HUNT_SCHEMA, HuntStudy};
pub use latency::{
    DecisionRecord, LATENCY_MARGIN_SCHEMA, LATENCY_SCHEMA, LatencyFile, LatencyMargin, LatencyRecord,
    LatencySample, LatencyTally, MarginRecord, MarginStatus,
};
pub use machines::{MACHINES_SCHEMA, MachineStudy};
pub use nose::{NOSE_SCHEMA, NoseStudy};
pub use playback::Playback;
pub use problem::Problem;
pub use rating::{RATING_SCHEMA, RatingStudy};
pub use regressions::{REGRESSIONS_SCHEMA, Regressions};
pub use report::{Report, compose};
pub use study::{STUDY_SCHEMA, StormStudy};
pub use supervision::{Answer, Fallback, Handling, SupervisionRecord, SupervisionTally};
pub use variant::{
    SkippedVariantRecord, StratumRecord, SubsetRecord, VariantRecord, VariantsRecord, VariedGateRecord,
};
pub use waiver::{WAIVER_SCHEMA, Waiver, WaiverRecord, WaiverStatus};
