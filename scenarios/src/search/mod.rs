//! Searches for the worst case. A search is asked for a batch of things to try and told what came of them; it never simulates, and
//! what it draws comes from named streams of a seed: the same answers lead to the same questions, on every machine and however many
//! threads found the answers. Its state can be written and read back between two batches.
//!
//! What a search answers is one of two things that are never mixed: something [`Found`], which is a fact about what was tried and
//! says nothing about what was not, or something [`Estimated`], which is a number with an interval. Source of the distinction and of
//! the choice of methods: Vaiman et al., "Risk assessment of cascading outages", IEEE Transactions on Power Systems 27(2), 2012.

pub mod chemistry;
pub mod cross_entropy;
pub mod richness;
pub mod stress;
pub mod subset;

use serde::{Deserialize, Serialize};

pub use chemistry::Chemistry;
pub use cross_entropy::CrossEntropy;
pub use stress::Stress;
pub use subset::Subset;

/// What came of something that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// No failure.
    Harmless,
    /// A failure, whatever is in doubt.
    Fails,
    /// A failure or none, depending on something that nobody knows, such as a power flow that the solver gave up. A search goes on as
    /// if it were harmless, and what was found beside it is not called minimal.
    Doubtful,
}

/// What came of something that was tried, for searches that climb.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graded {
    /// Whether it fails.
    pub fails: bool,
    /// How bad it is: larger is worse. What fails is worse than what does not, whatever the numbers say; NaN is worst of all.
    pub score: f64,
}

impl Graded {
    /// Orders the better before the worse.
    fn compare(&self, other: &Graded) -> std::cmp::Ordering {
        let score = |graded: &Graded| if graded.score.is_nan() { f64::INFINITY } else { graded.score };
        self.fails.cmp(&other.fails).then(score(self).total_cmp(&score(other)))
    }
}

/// Something that was tried and fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found<T> {
    /// What.
    pub what: T,
    /// How often the search came upon it, each time from a start that knew nothing of the others.
    pub times: u64,
    /// Whether all that is less by one part was tried, and nothing of it fails.
    pub minimal: bool,
}

/// A number that was inferred from a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimated {
    /// The estimate.
    pub value: f64,
    /// Its standard error; `None` where the sample does not tell.
    pub standard_error: Option<f64>,
    /// An interval that covers the truth with about the probability [`Self::level`]; `None` where the sample does not tell.
    pub interval: Option<(f64, f64)>,
    /// Nominal coverage of the interval, in (0, 1).
    pub level: f64,
    /// How it was inferred, and by whom that was published.
    pub method: String,
    /// Size of the sample.
    pub samples: u64,
    /// How many of them were what is counted. An estimate from a sampler that never hit is worth nothing.
    pub hits: u64,
}

/// As many answers as questions are needed, and there were others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unasked {
    /// Questions that wait for an answer.
    pub asked: usize,
    /// Answers that were given.
    pub told: usize,
}

impl std::fmt::Display for Unasked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a search that asked {} questions was told {} answers", self.asked, self.told)
    }
}

impl std::error::Error for Unasked {}
