//! Exact statements about counts: Clopper-Pearson, McNemar, order statistics.

use statrs::function::gamma::ln_gamma;

use super::{first_true, last_true};

/// Natural logarithms of the two parts into which `x` cuts the area under `t^(a-1) (1-t)^(b-1)` on [0, 1]: (left, right).
/// Not divided by the beta function.
///
/// For `a, b > 0` and `0 < x < 1`. The smaller part comes from the continued fraction and keeps its relative accuracy
/// however small it is; the other one is the complement. Written here because the common implementation stops
/// after 140 terms, and about the square root of the larger parameter are needed.
/// Source: DLMF 8.17.22 (continued fraction), evaluated by Lentz's method.
pub(super) fn ln_beta_parts(a: f64, b: f64, x: f64) -> (f64, f64) {
    let ln_whole = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    if x < (a + 1.0) / (a + b + 2.0) {
        let left = ln_beta_left(a, b, x, 1.0 - x);
        (left, ln_whole + ln_complement(left - ln_whole))
    } else {
        let right = ln_beta_left(b, a, 1.0 - x, x);
        (ln_whole + ln_complement(right - ln_whole), right)
    }
}

/// `ln(1 - exp(x))` for a share `exp(x)`; minus infinity where rounding left nothing.
fn ln_complement(x: f64) -> f64 {
    if x >= 0.0 {
        f64::NEG_INFINITY
    } else if x > -std::f64::consts::LN_2 {
        (-x.exp_m1()).ln()
    } else {
        (-x.exp()).ln_1p()
    }
}

/// Left part by continued fraction, `y = 1 - x`.
fn ln_beta_left(a: f64, b: f64, x: f64, y: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    // Converges within a few times sqrt(max(a, b)) terms on this side; the bound only guards against a loop without end.
    for m in 1..1_000_000_u32 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    a * x.ln() + b * y.ln() - a.ln() + fraction.ln()
}

/// Probability of at most `k` successes in `n` independent trials of probability `p`.
///
/// Defined for `p` in [0, 1]; `k >= n` gives 1.
pub fn at_most(k: u64, n: u64, p: f64) -> f64 {
    if k >= n || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    let (a, b) = (k as f64 + 1.0, (n - k) as f64);
    let (left, right) = ln_beta_parts(a, b, p);
    let ln_whole = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    // The part that is not the complement is the accurate one; both are shares of the whole.
    if left < right { -(left - ln_whole).exp_m1() } else { (right - ln_whole).exp() }.clamp(0.0, 1.0)
}

/// One-sided upper confidence bound of a probability after `k` successes in `n` trials: the largest `p` under which so
/// few successes still have probability `alpha`. 1 when `k >= n`, which includes no trials at all.
///
/// Source: Clopper & Pearson 1934, Biometrika 26.
pub fn upper(k: u64, n: u64, alpha: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    let share = k as f64 / n as f64;
    first_true(share, 1.0, |p| at_most(k, n, p) <= alpha)
}

/// One-sided lower confidence bound of a probability after `k` successes in `n` trials; 0 when `k = 0`.
///
/// Source: Clopper & Pearson 1934, Biometrika 26.
pub fn lower(k: u64, n: u64, alpha: f64) -> f64 {
    if k == 0 || n == 0 {
        return 0.0;
    }
    let k = k.min(n);
    // At least k successes are at most n - k failures.
    last_true(0.0, k as f64 / n as f64, |p| at_most(n - k, n, 1.0 - p) <= alpha)
}

/// Exact McNemar test of two subjects on the same scenarios: probability, if both fail equally often, of the first
/// one failing alone at most `first` times out of the `first + second` scenarios in which exactly one of them failed.
///
/// One-sided; the two-sided value is twice the smaller of both directions, at most 1. 1 where they never differ.
/// Source: McNemar 1947, Psychometrika 12, in its exact (binomial) form.
pub fn mcnemar(first: u64, second: u64) -> f64 {
    at_most(first, first + second, 0.5)
}

/// Rank (from 1, ascending) of the smallest order statistic of `n` that is an upper bound of the `q`-quantile at level
/// `alpha`; `None` where even the largest is not.
///
/// No assumption on the distribution. Source: Wilks 1941, Annals of Mathematical Statistics 12.
pub fn quantile_upper_rank(n: u64, q: f64, alpha: f64) -> Option<u64> {
    smallest_rank(n, |rank| at_most(rank - 1, n, q) >= 1.0 - alpha)
}

/// Rank (from 1, ascending) of the largest order statistic of `n` that is a lower bound of the `q`-quantile at level
/// `alpha`; `None` where even the smallest is not.
pub fn quantile_lower_rank(n: u64, q: f64, alpha: f64) -> Option<u64> {
    // X_(r) > quantile needs at most r - 1 values at or below it.
    let first_bad = smallest_rank(n, |rank| at_most(rank - 1, n, q) > alpha).unwrap_or(n + 1);
    (first_bad > 1).then(|| first_bad - 1)
}

fn smallest_rank(n: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut lo, mut hi) = (1, n + 1);
    while lo < hi {
        let mid = lo + (hi - lo) / 2;
        if holds(mid) { hi = mid } else { lo = mid + 1 }
    }
    (lo <= n).then_some(lo)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: f64, theirs: f64, tolerance: f64) {
        assert!((ours - theirs).abs() <= tolerance, "{ours} is not {theirs} within {tolerance}");
    }

    // Vectors of the specification, gates.md 3.2; tolerance: half a unit of the last digit printed there.
    #[test]
    fn clopper_pearson_agrees_with_the_specification() {
        for (k, n, lo, hi) in [
            (0, 10, 0.0, 0.308497),
            (1, 10, 0.002529, 0.445016),
            (5, 10, 0.187086, 0.812914),
            (10, 100, 0.049005, 0.176223),
        ] {
            close(lower(k, n, 0.025), lo, 5e-7);
            close(upper(k, n, 0.025), hi, 5e-7);
        }
        for (k, n, alpha, hi) in [
            (0, 59, 0.05, 0.04950761),
            (0, 299, 0.05, 0.00996915),
            (0, 2995, 0.05, 0.00099974),
            (0, 29956, 0.05, 0.0001),
            (1, 473, 0.05, 0.00998971),
            (2, 628, 0.05, 0.00999092),
            (3, 1000, 0.05, 0.00773524),
            (0, 100, 0.01, 0.04500741),
        ] {
            close(upper(k, n, alpha), hi, 5e-9);
        }
    }

    #[test]
    fn smallest_sample_for_a_limit_agrees_with_the_specification() {
        let smallest = |k: u64, max: f64, alpha: f64| {
            (k + 1..40_000).find(|&n| at_most(k, n, max) <= alpha).unwrap_or_default()
        };
        assert_eq!([0, 1, 2, 3].map(|k| smallest(k, 0.01, 0.05)), [299, 473, 628, 773]);
        assert_eq!([0.05, 0.01, 0.001, 0.0001].map(|p| smallest(0, p, 0.05)), [59, 299, 2995, 29956]);
        assert_eq!(smallest(0, 0.01, 0.01), 459);
    }

    #[test]
    fn order_statistics_agree_with_the_specification() {
        let smallest = |from_top: u64| {
            (from_top..200).find(|&n| quantile_upper_rank(n, 0.95, 0.05) == Some(n + 1 - from_top))
        };
        assert_eq!([1, 2, 3].map(smallest), [Some(59), Some(93), Some(124)]);
        assert_eq!(quantile_upper_rank(58, 0.95, 0.05), None);
        // By symmetry the smallest of 59 bounds the 5 % quantile from below.
        assert_eq!(quantile_lower_rank(59, 0.05, 0.05), Some(1));
        assert_eq!(quantile_lower_rank(58, 0.05, 0.05), None);
    }

    #[test]
    fn mcnemar_agrees_with_the_specification() {
        close(mcnemar(3, 12), 0.017578125, 1e-14);
        close(2.0 * mcnemar(3, 12), 0.03515625, 1e-14);
        close(mcnemar(0, 0), 1.0, 0.0);
    }

    // scipy 1.17.1: binom.cdf and beta.ppf. The tolerances are relative: logarithms of gamma functions near a million
    // carry about 1e-10 of absolute error.
    #[test]
    fn large_counts_agree_with_scipy() {
        for (k, n, p, share) in [
            (500, 1000, 0.5, 0.512_612_509_089_18),
            (10_000, 1_000_000, 0.01, 0.502_659_614_799_515),
            (9_700, 1_000_000, 0.01, 0.0012493412682678662),
            (49_000, 100_000, 0.5, 1.2943580191734472e-10),
            (990, 1000, 0.999, 1.0742833868464947e-07),
            (3, 20_000, 0.002, 4.723_814_648_811_85e-14),
        ] {
            close(at_most(k, n, p), share, 2e-9 * share);
        }
        for (k, n, lo, hi) in [
            (5_000, 20_000, 0.24496575596336786, 0.25508800205195387),
            (200, 1_000_000, 0.00017732240925640727, 0.00022487155413464138),
            (19_999, 20_000, 0.999_762_828_973_406, 0.999_997_435_338_569),
        ] {
            close(lower(k, n, 0.05), lo, 1e-10 * lo);
            close(upper(k, n, 0.05), hi, 1e-10 * hi);
        }
    }

    proptest::proptest! {
        #[test]
        fn bounds_enclose_the_share_and_grow_with_failures(n in 1_u64..500, k in 0_u64..500, alpha in 0.001..0.4) {
            let k = k % n;
            let share = k as f64 / n as f64;
            proptest::prop_assert!(lower(k, n, alpha) <= share && share <= upper(k, n, alpha));
            proptest::prop_assert!(upper(k, n, alpha) <= upper(k + 1, n, alpha));
            proptest::prop_assert!(lower(k, n, alpha) <= lower(k + 1, n, alpha));
        }
    }
}
