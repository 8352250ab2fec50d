//! Bounds of the mean of a bounded quantity, valid at any stopping time, by betting against each possible mean.
//!
//! For a candidate value m of the mean, wealth starts at 1 and is multiplied by `1 + bet (m - x)` at each x; if the
//! mean is at least m no strategy is expected to gain, so wealth ever reaches 1/alpha with probability at most alpha
//! (Ville 1939). The bets are the predictable plug-in ones of Waudby-Smith & Ramdas 2024, "Estimating means of bounded
//! random variables by betting", Journal of the Royal Statistical Society B 86(1).

use super::{first_true, last_true};

/// Largest share of what may be lost at one draw that is ever staked.
pub(super) const STAKE_MAX: f64 = 0.5;

/// Draws in [0, 1] in the order in which they came, with the bet made before each.
#[derive(Clone, Debug)]
pub struct BettingPath {
    ln_bar: f64,
    draws: Vec<f64>,
    /// Uncapped bet on each draw, from the draws before it.
    bets: Vec<f64>,
    sum: f64,
    squares: f64,
}

impl BettingPath {
    /// No draws yet; `alpha` in (0, 1) is the level of each bound.
    pub fn new(alpha: f64) -> Self {
        Self { ln_bar: -alpha.ln(), draws: Vec::new(), bets: Vec::new(), sum: 0.0, squares: 0.0 }
    }

    /// Adds the next draw, which must lie in [0, 1].
    pub fn push(&mut self, x: f64) {
        let i = self.draws.len() as f64 + 1.0;
        // Mean 1/2 and variance 1/4 as one observation made beforehand.
        let variance = (0.25 + self.squares) / i;
        self.bets.push((2.0 * self.ln_bar / (variance * i * (i + 1.0).ln())).sqrt());
        self.draws.push(x);
        self.sum += x;
        let mean = (0.5 + self.sum) / (i + 1.0);
        self.squares += (x - mean) * (x - mean);
    }

    /// First draw (from 1) at which "the mean is at least `m`" was rejected, if ever; never for `m <= 0`.
    pub fn shown_below(&self, m: f64) -> Option<u64> {
        self.first_crossing(1.0 - m, |x| m - x)
    }

    /// First draw (from 1) at which "the mean is at most `m`" was rejected, if ever; never for `m >= 1`.
    pub fn shown_above(&self, m: f64) -> Option<u64> {
        self.first_crossing(m, |x| x - m)
    }

    fn first_crossing(&self, loss_max: f64, gain: impl Fn(f64) -> f64) -> Option<u64> {
        if !(loss_max > 0.0 && loss_max < 1.0) {
            return None;
        }
        let cap = STAKE_MAX / loss_max;
        let mut ln_wealth = 0.0;
        for (i, (&x, &bet)) in self.draws.iter().zip(&self.bets).enumerate() {
            ln_wealth += (bet.min(cap) * gain(x)).ln_1p();
            if ln_wealth >= self.ln_bar {
                return Some(i as u64 + 1);
            }
        }
        None
    }

    /// Upper bound of the mean: the smallest m that was ever rejected as too high; 1 where none was.
    ///
    /// Wealth against m grows with m at every draw, so the rejected means are exactly those from here on.
    pub fn upper(&self) -> f64 {
        first_true(0.0, 1.0, |m| self.shown_below(m).is_some())
    }

    /// Lower bound of the mean: the largest m that was ever rejected as too low; 0 where none was.
    pub fn lower(&self) -> f64 {
        last_true(0.0, 1.0, |m| self.shown_above(m).is_some())
    }
}

/// One-sided half width of a fixed-sample bound of the mean of n draws in [0, 1]; infinite for n = 0.
///
/// For planning and comparison: it needs nothing but n. Source: Hoeffding 1963, JASA 58.
pub fn hoeffding_radius(n: u64, alpha: f64) -> f64 {
    (-alpha.ln() / (2.0 * n as f64)).sqrt()
}

/// One-sided half width of a fixed-sample bound of the mean of n draws in [0, 1] with this sample variance; infinite
/// for fewer than two draws.
///
/// For planning and comparison. Source: Maurer & Pontil 2009, COLT, theorem 4.
pub fn empirical_bernstein_radius(n: u64, variance: f64, alpha: f64) -> f64 {
    if n < 2 {
        return f64::INFINITY;
    }
    let (n, ln_two) = (n as f64, (2.0 / alpha).ln());
    (2.0 * variance * ln_two / n).sqrt() + 7.0 * ln_two / (3.0 * (n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::super::Split;
    use super::*;
    use proptest::prelude::*;

    fn pattern() -> BettingPath {
        let mut path = BettingPath::new(0.05);
        (0..300).for_each(|i| path.push(f64::from(u8::from(i % 10 == 2 || i % 10 == 7))));
        path
    }

    // gates.md 3.4; tolerance: half a unit of the last digit printed there.
    #[test]
    fn bounds_agree_with_the_specification() {
        assert!((pattern().upper() - 0.27346).abs() < 5e-6, "{}", pattern().upper());
        assert!((super::super::binomial::upper(60, 300, 0.05) - 0.241806).abs() < 5e-7);
        assert!((0.2 + hoeffding_radius(300, 0.05) - 0.27066).abs() < 5e-6);
        assert!((0.02 + hoeffding_radius(1000, 0.05) - 0.0587023).abs() < 5e-8);
        assert!((0.02 + empirical_bernstein_radius(1000, 0.001, 0.05) - 0.0313322).abs() < 5e-8);
    }

    #[test]
    fn constant_draws_are_bounded_far_tighter_than_without_their_variance() {
        let mut path = BettingPath::new(0.05);
        (0..2000).for_each(|_| path.push(0.3));
        assert!(path.lower() < 0.3 && 0.3 < path.upper());
        assert!(path.upper() - 0.3 < 0.5 * hoeffding_radius(2000, 0.05));
    }

    // Ville's inequality, looked at after every draw: the true mean is rejected from either side at most alpha of the
    // time, for outcomes that happen or not as for rare large ones.
    #[test]
    fn looking_every_time_rejects_the_true_mean_rarely() {
        let (repetitions, alpha) = (2000, 0.05_f64);
        let limit = alpha + 3.0 * (alpha * (1.0 - alpha) / f64::from(repetitions)).sqrt();
        let mut draws = Split(11);
        for (mean, power) in [(0.1, 0), (0.5, 1), (1.0 / 7.0, 6)] {
            let (mut below, mut above) = (0, 0);
            for _ in 0..repetitions {
                let mut path = BettingPath::new(alpha);
                for _ in 0..400 {
                    let u = draws.uniform();
                    // u^6 has mean 1/7; the power 0 stands for an outcome of probability 0.1.
                    path.push(if power == 0 { f64::from(u8::from(u < mean)) } else { u.powi(power) });
                }
                below += u32::from(path.shown_below(mean).is_some());
                above += u32::from(path.shown_above(mean).is_some());
            }
            for rejected in [below, above] {
                let share = f64::from(rejected) / f64::from(repetitions);
                assert!(share < limit && share > 0.0, "{share} for power {power}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bounds_enclose_the_mean_mirror_and_invert(
            draws in proptest::collection::vec(0.0..=1.0, 1..200), m in 0.01..0.99_f64,
        ) {
            let (mut path, mut mirrored) = (BettingPath::new(0.05), BettingPath::new(0.05));
            for &x in &draws {
                path.push(x);
                mirrored.push(1.0 - x);
            }
            // Mirrored draws round differently.
            prop_assert!((path.upper() + mirrored.lower() - 1.0).abs() < 1e-6);
            prop_assume!((path.upper() - m).abs() > 1e-9);
            prop_assert_eq!(path.shown_below(m).is_some(), path.upper() < m);
        }

        #[test]
        fn a_larger_draw_never_lowers_the_upper_bound_of_one_draw(x in 0.0..=1.0, y in 0.0..=1.0) {
            let upper = |x| { let mut p = BettingPath::new(0.4); p.push(x); p.upper() };
            prop_assert!(upper(f64::min(x, y)) <= upper(f64::max(x, y)));
        }
    }
}
