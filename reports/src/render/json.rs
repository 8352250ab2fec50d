//! JSON: the evidence itself.

use crate::document::canonical_json;
use crate::problem::Problem;
use crate::report::Report;

/// The bytes of `evidence.json`.
///
/// # Errors
/// `document.not-finite` where the evidence holds a number that JSON cannot.
pub fn render(report: &Report) -> Result<Vec<u8>, Problem> {
    canonical_json(&report.evidence)
}
