//! Attackers who know the grid only roughly.

use powerflow::Case;

use crate::draw::Stream;

/// The case as somebody believes it to be who misjudges every reactance: each times a normal number about one with this deviation, drawn
/// in file order and never below a tenth.
#[must_use]
pub fn misjudged(case: &Case, deviation: f64, stream: &mut Stream) -> Case {
    let mut believed = case.clone();
    for branch in &mut believed.branches {
        branch.x_pu *= deviation.mul_add(stream.normal(), 1.0).max(0.1);
    }
    believed
}
