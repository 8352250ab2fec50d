//! JSON Schema of every document that this program writes: those of `reports`, and its own.

pub use reports::schemas::Described;
use reports::schemas::{describe, documents};

use crate::study::{SOLUTION_SCHEMA, SolutionDocument};
use crate::trajectory::Episode;

/// Every document, with the name of its file in `reports/schemas/`.
pub fn all() -> Vec<Described> {
    let mut all = documents();
    all.push(describe::<SolutionDocument>(SOLUTION_SCHEMA));
    all.push(describe::<powerflow::case::Census>(powerflow::case::CENSUS_SCHEMA));
    // A line of episodes.jsonl carries no schema of its own: its version is that of the evidence that digests it.
    all.push(describe::<Episode>("gridgate/episode/1"));
    all
}
