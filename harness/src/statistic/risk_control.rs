//! Choosing a threshold with a guarantee: when to hand over to the operator, so that the risk of what is not handed over stays
//! below a limit.
//!
//! Two ways with different promises. *Learn then test* picks only thresholds for which "the risk is above a" is rejected, so
//! that the risk of the one picked is below a with probability 1 - alpha over calibrations (Angelopoulos, Bates, Candes, Jordan
//! & Lei 2021, "Learn then Test"). *Conformal risk control* bounds the risk on average over calibrations, for losses that only
//! fall along the thresholds (Angelopoulos, Bates, Fisch, Lei & Schuster 2022, "Conformal Risk Control").

use super::binomial::at_most;

/// p-value of Hoeffding and Bentkus against "the mean loss is above `a`", from the mean `risk` of `n` losses in [0, 1].
///
/// The smaller of exp(-n h(min(risk, a), a)) with the binary relative entropy h, and e P(Binomial(n, a) <= ceil(n risk)).
/// `a` in (0, 1), `risk` in [0, 1]; 1 for no losses.
///
/// Source: Bates, Angelopoulos, Lei, Malik & Jordan 2021, Journal of the ACM 68(6), section 3.1.
pub fn hoeffding_bentkus(risk: f64, n: u64, a: f64) -> f64 {
    if n == 0 {
        return 1.0;
    }
    let count = n as f64;
    let hoeffding = (-count * entropy(risk.min(a), a)).exp();
    // The losses were summed and divided: an integer that rounding lifted is still that integer.
    let failures = (count * risk - 1e-9).ceil().max(0.0);
    let bentkus = std::f64::consts::E * at_most(failures as u64, n, a);
    hoeffding.min(bentkus).min(1.0)
}

/// Relative entropy of Bernoulli laws with success probabilities `p` in [0, 1] and `q` in (0, 1).
fn entropy(p: f64, q: f64) -> f64 {
    let term = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    term(p, q) + term(1.0 - p, 1.0 - q)
}

/// How many of the hypotheses are rejected when they are tested one after the other at level `alpha`, from the threshold that
/// hands over most to the one that hands over least, until the first that stands. The last one rejected is the threshold to
/// use; 0: none.
///
/// Wrong for any of them with probability at most `alpha`, since the order was fixed beforehand and nothing after the first
/// true hypothesis is looked at.
pub fn fixed_sequence(p_values: &[f64], alpha: f64) -> usize {
    p_values.iter().take_while(|p| **p <= alpha).count()
}

/// The largest mean loss of `n` calibration episodes with which a threshold is still used, for losses in [0, `loss_max`] and an
/// expected loss of at most `a` in the next one: n/(n+1) R + loss_max/(n+1) <= a. Negative where no threshold can be used.
///
/// For losses that never rise along the thresholds; the threshold to use is the last one with this risk. None for no episodes.
pub fn conformal_risk_max(n: u64, a: f64, loss_max: f64) -> Option<f64> {
    (n > 0).then(|| (a * (n as f64 + 1.0) - loss_max) / n as f64)
}

#[cfg(test)]
mod tests {
    use super::super::Split;
    use super::*;

    // gates.md 3.5; tolerance: half a unit of the last digit printed there.
    #[test]
    fn p_values_agree_with_the_specification() {
        assert!((hoeffding_bentkus(0.04, 500, 0.1) - 1.238852e-6).abs() < 5e-13);
        assert!((hoeffding_bentkus(0.08, 500, 0.1) - 0.2041139).abs() < 5e-8);
        assert_eq!(hoeffding_bentkus(0.2, 500, 0.1), 1.0);
        assert_eq!(hoeffding_bentkus(0.0, 0, 0.1), 1.0);
    }

    #[test]
    fn the_condition_agrees_with_the_specification() {
        // gates.md 3.5: n = 1000, a = 0.1, B = 1 accept R <= 0.0991.
        assert!(conformal_risk_max(1000, 0.1, 1.0).is_some_and(|most| (most - 0.0991).abs() < 1e-12));
        assert!(conformal_risk_max(8, 0.1, 1.0).is_some_and(|most| most < 0.0));
        assert_eq!(conformal_risk_max(0, 0.1, 1.0), None);
    }

    #[test]
    fn a_sequence_ends_with_the_first_that_stands() {
        assert_eq!(fixed_sequence(&[0.001, 0.04, 0.2, 0.001], 0.05), 2);
        assert_eq!(fixed_sequence(&[0.06, 0.0], 0.05), 0);
        assert_eq!(fixed_sequence(&[], 0.05), 0);
    }

    /// Ten thresholds with risks 0.02 to 0.2 and a limit of 0.1: the one picked is above the limit in at most alpha of all
    /// calibrations. Losses are rounded to halves, so that they are no Bernoulli draws.
    #[test]
    fn the_threshold_picked_is_rarely_too_risky() {
        let (repetitions, n, a, alpha) = (2000_u32, 300_u64, 0.1, 0.1_f64);
        let mut draws = Split(31);
        let mut wrong = 0;
        for _ in 0..repetitions {
            let p_values: Vec<f64> = (1..=10)
                .map(|step| {
                    let risk = 0.02 * f64::from(step);
                    // A loss of 1/2 with probability 2 x risk has this mean.
                    let sum: f64 = (0..n).map(|_| if draws.uniform() < 2.0 * risk { 0.5 } else { 0.0 }).sum();
                    hoeffding_bentkus(sum / n as f64, n, a)
                })
                .collect();
            // The fifth has exactly the limit; from the sixth on they are above it.
            wrong += u32::from(fixed_sequence(&p_values, alpha) > 5);
        }
        let share = f64::from(wrong) / f64::from(repetitions);
        assert!(share < alpha + 3.0 * (alpha * (1.0 - alpha) / f64::from(repetitions)).sqrt(), "{share}");
    }
}
