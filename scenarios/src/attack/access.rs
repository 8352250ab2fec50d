//! Which meters an attacker must be able to write.

use powerflow::estimation::LinearEstimator;

use crate::draw::Stream;

/// Whether false readings at the accessible meters of a set, by place, can leave every residual as it was: whether those that stay
/// untouched leave any voltage open. Who moves a voltage that they do not see is not seen.
pub fn suffices(estimator: &LinearEstimator, accessible: &[bool]) -> bool {
    !estimator.observed_by(&|meter| !accessible[meter]).is_complete()
}

/// Meters of which any choice suffices: one more than there is redundancy.
pub fn guaranteed(estimator: &LinearEstimator) -> usize {
    estimator.meters() - estimator.unknowns() + 1
}

/// The share of `draws` in which as many meters as that share of all, drawn from those that see anything, suffice.
pub fn share_that_suffices(
    estimator: &LinearEstimator,
    set_size: usize,
    share: f64,
    draws: usize,
    stream: &mut Stream,
) -> f64 {
    let seeing: Vec<usize> = (0..set_size).filter(|meter| estimator.sees(*meter)).collect();
    let k = libm::round(share * seeing.len() as f64) as usize;
    let mut enough = 0;
    for _ in 0..draws {
        let mut accessible = vec![false; set_size];
        for at in stream.subset(seeing.len(), k) {
            accessible[seeing[at]] = true;
        }
        enough += usize::from(suffices(estimator, &accessible));
    }
    enough as f64 / draws as f64
}
