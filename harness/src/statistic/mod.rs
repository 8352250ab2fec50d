//! Bounds and tests behind the gates: exact or anytime-valid, never asymptotic.
//!
//! A *one-sided bound at level alpha* is wrong with probability at most alpha; an interval here is a pair of them,
//! so both ends hold together with probability at least 1 - 2 alpha. *Anytime-valid* bounds keep that promise
//! however often one looks and whenever one stops (Ville 1939, "Etude critique de la notion de collectif").

pub mod betting;
pub mod binomial;
pub mod branching;
pub mod chi_squared;
pub mod conformal;
pub mod cvar;
pub mod importance;
pub mod multiplicity;
pub mod power;
pub mod rate;
pub mod risk_control;
pub mod shapley;

/// The largest `x` of `[lo, hi]` (to the last bit) at which `holds` is true, for a predicate that is true up to some
/// point and false from there on; `lo` where it is true nowhere else.
fn last_true(lo: f64, hi: f64, holds: impl Fn(f64) -> bool) -> f64 {
    boundary(lo, hi, holds).0
}

/// The smallest `x` of `[lo, hi]` at which `holds` is true, for a predicate that is false up to some point and true
/// from there on; `hi` where it is true nowhere else.
fn first_true(lo: f64, hi: f64, holds: impl Fn(f64) -> bool) -> f64 {
    boundary(lo, hi, |x| !holds(x)).1
}

/// Neighbouring numbers where `left` stops holding; the ends themselves are not asked.
fn boundary(lo: f64, hi: f64, left: impl Fn(f64) -> bool) -> (f64, f64) {
    // Halving to 1e-14 of the width is beyond what the bounds are accurate to; the two ends that remain are returned,
    // so that a caller can take the cautious one.
    let (mut a, mut b) = (lo, hi);
    let width = (hi - lo).abs() * 1e-14;
    while b - a > width.max(a.abs() * 1e-15) {
        let mid = 0.5 * (a + b);
        if mid <= a || mid >= b {
            break;
        }
        if left(mid) { a = mid } else { b = mid }
    }
    (a, b)
}

/// A small counter-based generator (SplitMix64, Steele et al. 2014), so that the simulations are the same everywhere.
#[cfg(test)]
struct Split(u64);

#[cfg(test)]
impl Split {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
