//! Case -> diagnostics: everything that makes a case unsolvable or doubtful, all at once.

use crate::case::Case;
use crate::diagnostic::Diagnostics;

/// Every complaint about a case that was read without error.
pub fn check(_case: &Case) -> Diagnostics {
    Diagnostics::default()
}
