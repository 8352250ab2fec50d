//! Bounds of the conditional value at risk of a bounded quantity, valid at any stopping time.
//!
//! The conditional value at risk at q is the mean of the worst share 1 - q, and equals the smallest value over t of
//! t + E(X - t)+ / (1 - q), reached at the q-quantile (Rockafellar & Uryasev 2000, Journal of Risk 2). So it is at most c
//! where for *some* t the mean excess over t is at most (c - t)(1 - q), and above c where that is refuted for *every* t.
//! The excess over a fixed t is bounded, so both are tests of bounded means, made by betting as in [`super::betting`].
//!
//! Against "at least c" the bet at each draw is on the excess over a t that the draws before it suggest: under that claim
//! every t has a larger mean excess, so wealth gains nothing on average whichever t is chosen, as long as it was chosen
//! before the draw. Against "at most c" one bet runs for each of a grid of t that was fixed beforehand, and all have to win:
//! under that claim one of them, known or not, is fair. What the grid leaves between its points is made up for by a slack:
//! t (1 - q) + E(X - t)+ is convex in t with slopes between -q and 1 - q, so between two points it is at most
//! q (1 - q) times their distance below the smaller of its values there.

use super::betting::STAKE_MAX;
use super::first_true;

/// Intervals of the grid of t; its points are the squares of even steps, since limits are small parts of ranges.
const GRID: u32 = 48;

/// Largest t that is bet on: above it hardly any excess is left to learn from.
const PIVOT_MAX: f64 = 0.999;

/// Draws in [0, 1] in the order in which they came.
#[derive(Clone, Debug)]
pub struct TailPath {
    q: f64,
    ln_bar: f64,
    draws: Vec<f64>,
    /// For each draw the t chosen before it.
    pivots: Vec<f64>,
    /// For each draw the uncapped bet on its excess as a share of the largest possible, chosen before it.
    bets: Vec<f64>,
    pivot: f64,
    learnt: Spread,
}

/// Variance of what was seen so far, with mean 1/2 and variance 1/4 as one observation made beforehand.
#[derive(Clone, Copy, Debug, Default)]
struct Spread {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Spread {
    /// The bet on the next draw: the predictable plug-in one of [`super::betting`].
    fn bet(&self, ln_bar: f64) -> f64 {
        let i = self.n + 1.0;
        let variance = (0.25 + self.squares) / i;
        (2.0 * ln_bar / (variance * i * (i + 1.0).ln())).sqrt()
    }

    fn add(&mut self, y: f64) {
        self.n += 1.0;
        self.sum += y;
        let mean = (0.5 + self.sum) / (self.n + 1.0);
        self.squares += (y - mean) * (y - mean);
    }
}

/// Excess of a draw over `t` as a share of the largest possible.
fn excess(x: f64, t: f64) -> f64 {
    ((x - t) / (1.0 - t)).max(0.0)
}

impl TailPath {
    /// No draws yet; `q` and `alpha` in (0, 1), the latter the level of each bound.
    pub fn new(q: f64, alpha: f64) -> Self {
        Self {
            q,
            ln_bar: -alpha.ln(),
            draws: Vec::new(),
            pivots: Vec::new(),
            bets: Vec::new(),
            pivot: 0.0,
            learnt: Spread::default(),
        }
    }

    /// Adds the next draw, which must lie in [0, 1].
    pub fn push(&mut self, x: f64) {
        self.pivots.push(self.pivot);
        self.bets.push(self.learnt.bet(self.ln_bar));
        self.learnt.add(excess(x, self.pivot));
        self.draws.push(x);
        // Any t from the past will do; sorting at powers of two keeps it near the quantile for next to nothing.
        if self.draws.len().is_power_of_two() {
            let mut sorted = self.draws.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let rank = (self.q * sorted.len() as f64) as usize;
            self.pivot = rank.checked_sub(1).map_or(0.0, |at| sorted[at]).min(PIVOT_MAX);
        }
    }

    /// First draw (from 1) at which "at least `c`" was rejected, if ever; never for `c <= 0` nor `c >= 1`.
    pub fn shown_below(&self, c: f64) -> Option<u64> {
        if !(c > 0.0 && c < 1.0) {
            return None;
        }
        let mut ln_wealth = 0.0;
        for (i, (&x, (&t, &bet))) in self.draws.iter().zip(self.pivots.iter().zip(&self.bets)).enumerate() {
            // Negative where t is above c: then the bet cannot win, and is made all the same, so that wealth grows with c.
            let mean = (c - t) * (1.0 - self.q) / (1.0 - t);
            ln_wealth += (bet.min(STAKE_MAX / (1.0 - mean)) * (mean - excess(x, t))).ln_1p();
            if ln_wealth >= self.ln_bar {
                return Some(i as u64 + 1);
            }
        }
        None
    }

    /// First draw (from 1) at which "at most `c`" was rejected, if ever; never for `c < 0` nor `c >= 1`.
    pub fn shown_above(&self, c: f64) -> Option<u64> {
        if !(0.0..1.0).contains(&c) {
            return None;
        }
        let point = |k: u32| (f64::from(k) / f64::from(GRID)).powi(2);
        let mut last = 1;
        for k in 0..GRID {
            let (t, next) = (point(k), point(k + 1));
            // The interval to the right is the wider one of the two beside t.
            let slack = self.q * (1.0 - self.q) * (next - t);
            let mean = ((c - t) * (1.0 - self.q) + slack) / (1.0 - t);
            if mean <= 0.0 {
                // No excess is that small, here and beyond. A grid that never gets there is too coarse for so large a c.
                return Some(last);
            }
            last = last.max(self.excess_shown_above(t, mean)?);
        }
        None
    }

    /// First draw at which "the mean excess over `t` is at most `mean`" was rejected, excess as a share of the largest
    /// possible.
    fn excess_shown_above(&self, t: f64, mean: f64) -> Option<u64> {
        if mean >= 1.0 {
            return None;
        }
        // Products instead of sums of logarithms: wealth that vanishes below the smallest number stays lost, which only
        // costs power, and this runs for every point of the grid.
        let (mut wealth, mut seen, bar) = (1.0, Spread::default(), self.ln_bar.exp());
        for (i, &x) in self.draws.iter().enumerate() {
            let y = excess(x, t);
            wealth *= 1.0 + seen.bet(self.ln_bar).min(STAKE_MAX / mean) * (y - mean);
            if wealth >= bar {
                return Some(i as u64 + 1);
            }
            seen.add(y);
        }
        None
    }

    /// Upper bound: the smallest c that was ever rejected as too high; 1 where none was.
    pub fn upper(&self) -> f64 {
        first_true(0.0, 1.0, |c| self.shown_below(c).is_some())
    }

    /// Lower bound: the largest c that was ever rejected as too low, cautious by less than 2e-5; 0 where none was.
    pub fn lower(&self) -> f64 {
        let (mut shown, mut open) = (0.0, 1.0);
        for _ in 0..16 {
            let mid = 0.5 * (shown + open);
            if self.shown_above(mid).is_some() { shown = mid } else { open = mid }
        }
        shown
    }
}

/// The conditional value at risk of a sample: the smallest value over t of t + mean(x - t)+ / (1 - q), reached at the sample's
/// quantile of rank ceil(q n); `None` for an empty one. `q` in (0, 1).
pub fn of_sample(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let rank = ((q * n - 1e-9).ceil().max(1.0) as usize).min(sorted.len());
    let t = *sorted.get(rank.checked_sub(1)?)?;
    Some(t + sorted[rank..].iter().map(|x| x - t).sum::<f64>() / (n * (1.0 - q)))
}

#[cfg(test)]
mod tests {
    use super::super::Split;
    use super::*;
    use proptest::prelude::*;

    /// Laws with a known tail: u^power has the conditional value at risk (1 - q^(power + 1)) / ((power + 1)(1 - q)) by
    /// integration, and what happens with probability p < 1 - q has p / (1 - q).
    fn draw(law: Law, u: f64) -> f64 {
        match law {
            Law::Power(power) => u.powi(power),
            Law::Happens(p) => f64::from(u8::from(u < p)),
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Law {
        Power(i32),
        Happens(f64),
    }

    fn tail(law: Law, q: f64) -> f64 {
        match law {
            Law::Power(power) => (1.0 - q.powi(power + 1)) / (f64::from(power + 1) * (1.0 - q)),
            Law::Happens(p) => p / (1.0 - q),
        }
    }

    const LAWS: [(Law, f64); 3] = [(Law::Power(1), 0.9), (Law::Power(6), 0.8), (Law::Happens(0.02), 0.95)];

    #[test]
    fn a_large_sample_has_the_tail_of_its_law_and_both_bounds_close_in_on_it() {
        for (law, q) in LAWS {
            let n = 20_000_u32;
            // Even steps of u, in an order that repeats nothing: 7919 is prime to n.
            let steps = (0..n).map(|i| (f64::from(i * 7919 % n) + 0.5) / f64::from(n));
            let values: Vec<f64> = steps.map(|u| draw(law, u)).collect();
            let truth = tail(law, q);
            let estimate = of_sample(&values, q).unwrap_or_default();
            assert!((estimate - truth).abs() < 1e-3, "{law:?}: {estimate} is not {truth}");
            let mut path = TailPath::new(q, 0.05);
            values.iter().for_each(|&x| path.push(x));
            let (lower, upper) = (path.lower(), path.upper());
            assert!(lower < truth && truth < upper, "{law:?}: {lower} {truth} {upper}");
            // The grid leaves the lower bound q times its widest step at most: 4 %.
            assert!(upper - truth < 0.1 && truth - lower < 0.15, "{law:?}: {lower} {truth} {upper}");
        }
    }

    // Ville's inequality, looked at after every draw: the true value is rejected from either side at most alpha of the time.
    #[test]
    fn looking_every_time_rejects_the_true_tail_rarely() {
        let (repetitions, alpha) = (1000, 0.05_f64);
        let limit = alpha + 3.0 * (alpha * (1.0 - alpha) / f64::from(repetitions)).sqrt();
        let mut draws = Split(12);
        for (law, q) in LAWS {
            let (mut below, mut above) = (0, 0);
            for _ in 0..repetitions {
                let mut path = TailPath::new(q, alpha);
                (0..400).for_each(|_| path.push(draw(law, draws.uniform())));
                below += u32::from(path.shown_below(tail(law, q)).is_some());
                above += u32::from(path.shown_above(tail(law, q)).is_some());
            }
            for rejected in [below, above] {
                let share = f64::from(rejected) / f64::from(repetitions);
                assert!(share < limit, "{share} for {law:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn bounds_are_the_inverted_tests(
            draws in proptest::collection::vec(0.0..=1.0, 1..300), q in 0.3..0.95, c in 0.01..0.99_f64,
        ) {
            let mut path = TailPath::new(q, 0.2);
            draws.iter().for_each(|&x| path.push(x));
            let (lower, upper) = (path.lower(), path.upper());
            prop_assume!((c - upper).abs() > 1e-9 && (c - lower).abs() > 2e-5);
            prop_assert_eq!(path.shown_below(c).is_some(), upper < c);
            prop_assert_eq!(path.shown_above(c).is_some(), lower > c);
        }

        #[test]
        fn the_sample_tail_is_the_least_of_its_representation(
            values in proptest::collection::vec(0.0..=1.0, 1..60), q in 0.05..0.95, t in 0.0..=1.0_f64,
        ) {
            let ours = of_sample(&values, q).unwrap_or(f64::NAN);
            let n = values.len() as f64;
            let at_t = t + values.iter().map(|x| (x - t).max(0.0)).sum::<f64>() / (n * (1.0 - q));
            prop_assert!(ours <= at_t + 1e-12);
            let largest = values.iter().copied().fold(0.0, f64::max);
            prop_assert!(values.iter().sum::<f64>() / n <= ours + 1e-12 && ours <= largest + 1e-12);
        }
    }
}
