//! Quantiles of the chi-squared distribution: what a sum of squares of noise stays below.

use statrs::function::gamma::gamma_ur;

use super::first_true;

/// What a chi-squared number with `degrees_of_freedom` exceeds with probability `alpha`; `None` unless there is at least one degree
/// and `0 < alpha < 1`.
///
/// The point where the regularised upper incomplete gamma function `Q(degrees / 2, x / 2)` falls to alpha (DLMF 8.2.4).
pub fn exceeded_with(alpha: f64, degrees_of_freedom: usize) -> Option<f64> {
    if degrees_of_freedom == 0 || !(alpha > 0.0 && alpha < 1.0) {
        return None;
    }
    let degrees = degrees_of_freedom as f64;
    let within = |x: f64| gamma_ur(0.5 * degrees, 0.5 * x) <= alpha;
    // By Chernoff's bound, with x = d + 2 sqrt(d t) + 2 t the probability is at most exp(-t) (Laurent, Massart 2000, lemma 1).
    let t = -alpha.ln();
    Some(first_true(0.0, degrees + 2.0 * (degrees * t).sqrt() + 2.0 * t, within))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables of every textbook: NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.4.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (alpha, degrees, table) in [
            (0.05, 1, 3.841),
            (0.01, 1, 6.635),
            (0.05, 10, 18.307),
            (0.05, 100, 124.342),
            (0.001, 100, 149.449),
        ] {
            let found = exceeded_with(alpha, degrees).expect("a quantile");
            assert!((found - table).abs() < 6e-4, "{alpha} {degrees}: {found} {table}");
        }
    }

    #[test]
    fn what_is_no_level_has_no_quantile() {
        assert_eq!(exceeded_with(0.05, 0), None);
        assert_eq!(exceeded_with(0.0, 3), None);
        assert_eq!(exceeded_with(f64::NAN, 3), None);
    }
}
