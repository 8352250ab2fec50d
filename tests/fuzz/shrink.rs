//! Making what fails smaller.

use std::time::{Duration, Instant};

/// Time for one input.
const PATIENCE: Duration = Duration::from_secs(40);

/// Leaves out parts of `items`, large ones first, as long as the rest `fails`.
///
/// Source: A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2), 2002.
pub(crate) fn shrink<T: Clone>(items: Vec<T>, fails: &mut dyn FnMut(&[T]) -> bool) -> Vec<T> {
    let began = Instant::now();
    let mut kept = items;
    let mut size = kept.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        let before = kept.len();
        while at < kept.len() {
            if began.elapsed() > PATIENCE {
                return kept;
            }
            let mut fewer = kept[..at].to_vec();
            fewer.extend_from_slice(&kept[(at + size).min(kept.len())..]);
            if fails(&fewer) {
                kept = fewer;
            } else {
                at += size;
            }
        }
        // What was needed beside something that is gone may be needless now.
        if size > 1 || kept.len() == before {
            size /= 2;
        }
    }
    kept
}
