//! Who is judged: the trait, and the list of adapters.

pub mod io_map;
pub mod manifest;

use crate::action::AskedTensor;
use crate::observation::Observations;

/// Why a candidate gave no usable decision. An episode in which this happens has failed, with this cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Cause.
    pub cause: Cause,
    /// In words: what was returned, by which output, at which element.
    pub message: String,
}

/// Causes of failure, as documents name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The program died or closed its output.
    Crash,
    /// No answer within the time limit.
    Timeout,
    /// A value that is NaN or infinite.
    NotFinite,
    /// An output of another shape or name than the manifest says.
    Shape,
    /// An answer that is not of the protocol.
    Protocol,
    /// It said itself that it failed (exception, error reply).
    Exception,
}

/// Decisions for one batch.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// What is asked, over all rows.
    pub asked: Vec<AskedTensor>,
    /// One per row: `Some` where this row has no decision (what `asked` holds for it is ignored).
    pub failed: Vec<Option<Failure>>,
}

impl Decisions {
    /// Nothing asked, nothing failed.
    pub fn none(rows: usize) -> Self {
        Self { asked: Vec::new(), failed: vec![None; rows] }
    }
}

/// One instance of a candidate: it lives on one thread and sees observations, nothing else.
pub trait Candidate {
    /// New episodes begin in all rows of the next batches; `seeds[row]` is what a stochastic candidate must draw from.
    fn reset(&mut self, seeds: &[u64]);

    /// Decides for every row. Must not panic for any observation; rows that are not alive may be answered with anything.
    fn decide_batch(&mut self, seen: &Observations) -> Decisions;
}

/// Makes instances of one candidate, one per worker thread.
pub trait Source: Send + Sync {
    /// Who it is, for the evidence.
    fn record(&self) -> reports::CandidateRecord;

    /// A fresh instance.
    ///
    /// # Errors
    /// Why the candidate cannot be started.
    fn start(&self) -> Result<Box<dyn Candidate>, powerflow::Diagnostics>;

    /// Whether the answers of one row depend only on that row and its own past (a stateless or per-row candidate).
    /// `false` makes the loop run one episode at a time.
    fn batched(&self) -> bool;
}
