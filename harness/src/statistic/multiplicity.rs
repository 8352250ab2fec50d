//! Several tests of one run: which may be believed together.
//!
//! Holm's procedure keeps the probability of any wrong rejection below alpha whatever the tests have to do with one another,
//! and is what claims rest on. Benjamini and Hochberg's keeps the expected share of wrong ones among the rejections below it;
//! it is for tables in which somebody looks for what to test next, never for a claim.

/// Rows in ascending order of p; the first of equals before the next.
fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    order
}

/// p-values adjusted by Holm's procedure, in the order given: rejecting those at or below alpha makes any wrong rejection at
/// all with probability at most alpha.
///
/// Source: Holm 1979, Scandinavian Journal of Statistics 6.
pub fn holm_adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, row) in ascending(p_values).into_iter().enumerate() {
        largest = largest.max(p_values[row] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[row] = largest;
    }
    adjusted
}

/// The level at which Holm's procedure tests each hypothesis, in the order given: rejecting what has its p at or below its
/// own level is the procedure. Those after the first that is not rejected share its level.
pub fn holm_levels(p_values: &[f64], alpha: f64) -> Vec<f64> {
    let mut levels = vec![alpha; p_values.len()];
    let mut stopped_at = None;
    for (rank, row) in ascending(p_values).into_iter().enumerate() {
        levels[row] = stopped_at.unwrap_or(alpha / (p_values.len() - rank) as f64);
        if p_values[row] > levels[row] {
            stopped_at = Some(levels[row]);
        }
    }
    levels
}

/// p-values adjusted by the procedure of Benjamini and Hochberg, in the order given: of those at or below q, a share of at
/// most q is expected to be wrong, where the tests are independent or rise together.
///
/// Source: Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57.
pub fn benjamini_hochberg_adjusted(p_values: &[f64]) -> Vec<f64> {
    let count = p_values.len() as f64;
    let mut adjusted = vec![1.0; p_values.len()];
    let mut smallest = 1.0_f64;
    for (rank, row) in ascending(p_values).into_iter().enumerate().rev() {
        smallest = smallest.min(p_values[row] * count / (rank + 1) as f64);
        adjusted[row] = smallest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const P: [f64; 10] = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216];

    // gates.md 3.5; tolerance: half a unit of the last digit printed there.
    #[test]
    fn adjusted_values_agree_with_the_specification() {
        let holm = [0.01, 0.072, 0.312, 0.312, 0.312, 0.312, 0.312, 0.615, 0.615, 0.615];
        let bh = [0.01, 0.04, 0.084, 0.084, 0.084, 0.1, 0.1057, 0.216, 0.216, 0.216];
        for (ours, theirs) in holm_adjusted(&P).into_iter().zip(holm) {
            assert!((ours - theirs).abs() < 5e-4 + 1e-12, "{ours} is not {theirs}");
        }
        for (ours, theirs) in benjamini_hochberg_adjusted(&P).into_iter().zip(bh) {
            assert!((ours - theirs).abs() < 5e-5 + 1e-12, "{ours} is not {theirs}");
        }
        assert!(holm_adjusted(&[]).is_empty() && holm_levels(&[], 0.05).is_empty());
    }

    proptest! {
        #[test]
        fn levels_and_adjusted_values_reject_the_same(
            p_values in proptest::collection::vec(0.0..0.2_f64, 1..12), alpha in 0.01..0.3,
        ) {
            let (levels, adjusted) = (holm_levels(&p_values, alpha), holm_adjusted(&p_values));
            for ((p, level), adjusted) in p_values.iter().zip(levels).zip(adjusted) {
                prop_assume!((adjusted - alpha).abs() > 1e-12);
                prop_assert_eq!(*p <= level, adjusted <= alpha);
                prop_assert!(alpha / p_values.len() as f64 <= level && level <= alpha);
            }
        }

        #[test]
        fn order_changes_nothing_and_holm_is_the_stricter(
            p_values in proptest::collection::vec(0.0..=1.0_f64, 1..12), turn in 0_usize..12,
        ) {
            let turn = turn % p_values.len();
            let mut turned = p_values.clone();
            turned.rotate_left(turn);
            for adjust in [holm_adjusted, benjamini_hochberg_adjusted] {
                let mut expected = adjust(&p_values);
                expected.rotate_left(turn);
                prop_assert_eq!(adjust(&turned), expected);
            }
            let both = holm_adjusted(&p_values).into_iter().zip(benjamini_hochberg_adjusted(&p_values));
            for ((holm, bh), p) in both.zip(&p_values) {
                prop_assert!(*p <= bh + 1e-15 && bh <= holm + 1e-15);
            }
        }
    }
}
