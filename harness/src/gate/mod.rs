//! A named claim about a metric over a population, with a decision rule.

pub use reports::{Severity, Verdict};

/// What a gate reads: one row per episode, in index order.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The candidate's metric in each episode; `None` where there is none (candidate failed, solver gave up).
    pub candidate: Vec<Option<f64>>,
    /// The comparator's metric in the same scenarios, where the gate compares.
    pub champion: Option<Vec<Option<f64>>>,
}

/// What a gate answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Verdict.
    pub verdict: Verdict,
    /// Why, in one sentence for a person.
    pub reason: String,
    /// Episodes counted.
    pub n: u64,
    /// Episodes beyond the threshold, for rate gates.
    pub k: Option<u64>,
    /// Point estimate.
    pub estimate: Option<f64>,
    /// Confidence interval; an unbounded end is `None`.
    pub interval: (Option<f64>, Option<f64>),
    /// Method and version.
    pub method: &'static str,
    /// e-value against "unsafe", where the method has one.
    pub e_value: Option<f64>,
    /// Episodes without a value.
    pub missing: u64,
    /// First n at which a verdict other than undecided stood, where the method may stop at any time.
    pub decided_at: Option<u64>,
}
