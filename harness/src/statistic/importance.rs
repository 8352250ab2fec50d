//! Scenarios drawn from another law than the one that is judged, each with the weight that makes up for it.
//!
//! Where rare scenarios are drawn more often than they happen, an episode stands for w = p/q of them, the ratio of its
//! likelihood under the law that is judged to that under the law it was drawn by. The mean of w x then has the mean of x as its
//! expectation. No count of such episodes is binomial; what holds is that w x lies between 0 and a largest product, if weights
//! are bounded beforehand: then the bound of [`super::betting`] is valid on the scaled products.

use super::betting::BettingPath;

/// An episode that stands for `weight` episodes of the law that is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighted {
    /// What was measured.
    pub value: f64,
    /// Likelihood ratio, not negative.
    pub weight: f64,
}

/// Mean of the products: unbiased, and no mean of the values (it may leave their range). `None` without episodes.
pub fn plain(draws: &[Weighted]) -> Option<f64> {
    let sum: f64 = draws.iter().map(|draw| draw.weight * draw.value).sum();
    (!draws.is_empty()).then(|| sum / draws.len() as f64)
}

/// Mean of the values by weight: slightly biased, and steadier where weights vary. `None` where all weights are zero.
pub fn self_normalised(draws: &[Weighted]) -> Option<f64> {
    let whole: f64 = draws.iter().map(|draw| draw.weight).sum();
    (whole > 0.0).then(|| draws.iter().map(|draw| draw.weight * draw.value).sum::<f64>() / whole)
}

/// How many unweighted episodes tell as much: the squared sum of the weights over the sum of their squares, from 1 to the
/// number of episodes. 0 where all weights are zero.
///
/// Source: Kish 1965, "Survey Sampling"; for weights from likelihood ratios Kong 1992, University of Chicago report 348.
pub fn effective_sample_size(weights: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, squares) = weights.into_iter().fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// The largest weight; `None` without episodes.
pub fn largest_weight(draws: &[Weighted]) -> Option<f64> {
    draws.iter().map(|draw| draw.weight).max_by(f64::total_cmp)
}

/// A weight, a value or their product outside what was promised beforehand, so that no bound holds.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "an episode with weight {weight} and value {value} is outside what the bound is for: values from 0 to 1, products up to \
     {product_max}"
)]
pub struct OutOfBounds {
    /// The weight.
    pub weight: f64,
    /// The value.
    pub value: f64,
    /// Largest product that was promised.
    pub product_max: f64,
}

/// Bounds of the mean of a quantity in [0, 1] under the law that is judged, valid at any stopping time.
#[derive(Clone, Debug)]
pub struct WeightedPath {
    path: BettingPath,
    product_max: f64,
}

impl WeightedPath {
    /// No episodes yet; `alpha` in (0, 1) is the level of each bound. `product_max`, positive, bounds weight times value: the
    /// largest weight, or the largest of the episodes that can have a value above 0, which may be far less and makes the bound
    /// as much tighter. It must follow from the two laws: the largest seen says nothing of the next one.
    pub fn new(product_max: f64, alpha: f64) -> Self {
        Self { path: BettingPath::new(alpha), product_max }
    }

    /// Adds the next episode.
    ///
    /// # Errors
    /// [`OutOfBounds`]; the path is left as it was.
    pub fn push(&mut self, draw: Weighted) -> Result<(), OutOfBounds> {
        let Weighted { value, weight } = draw;
        let product = weight * value;
        if !(weight >= 0.0 && (0.0..=1.0).contains(&value) && (0.0..=self.product_max).contains(&product)) {
            return Err(OutOfBounds { weight, value, product_max: self.product_max });
        }
        self.path.push(product / self.product_max);
        Ok(())
    }

    /// First episode (from 1) at which "the mean is at least `m`" was rejected, if ever.
    pub fn shown_below(&self, m: f64) -> Option<u64> {
        self.path.shown_below(m / self.product_max)
    }

    /// First episode (from 1) at which "the mean is at most `m`" was rejected, if ever.
    pub fn shown_above(&self, m: f64) -> Option<u64> {
        self.path.shown_above(m / self.product_max)
    }

    /// Upper bound of the mean, at most 1.
    pub fn upper(&self) -> f64 {
        (self.path.upper() * self.product_max).min(1.0)
    }

    /// Lower bound of the mean, at least 0.
    pub fn lower(&self) -> f64 {
        self.path.lower() * self.product_max
    }
}

#[cfg(test)]
mod tests {
    use super::super::Split;
    use super::*;

    /// What happens with probability 0.02 drawn with 0.2: weights 0.1 and 0.98/0.8 = 1.225.
    const P: f64 = 0.02;
    const WEIGHTS: [f64; 2] = [1.225, 0.1];

    fn draw(draws: &mut Split) -> Weighted {
        let happens = draws.uniform() < 0.2;
        Weighted { value: f64::from(u8::from(happens)), weight: WEIGHTS[usize::from(happens)] }
    }

    #[test]
    fn both_estimates_find_the_law_that_is_judged() {
        // 200 of 1000 happened, as the drawing law has it: both are exact.
        let exact: Vec<Weighted> = (0..1000)
            .map(|i| Weighted {
                value: f64::from(u8::from(i % 5 == 0)),
                weight: WEIGHTS[usize::from(i % 5 == 0)],
            })
            .collect();
        assert!(plain(&exact).is_some_and(|mean| (mean - P).abs() < 1e-12));
        assert!(self_normalised(&exact).is_some_and(|mean| (mean - P).abs() < 1e-12));
        assert_eq!(largest_weight(&exact), Some(1.225));
        // By hand: sum 1000, squares 800 x 1.500625 + 200 x 0.01 = 1202.5.
        let effective = effective_sample_size(exact.iter().map(|draw| draw.weight));
        assert!((effective - 1e6 / 1202.5).abs() < 1e-6, "{effective}");
        assert_eq!((plain(&[]), self_normalised(&[]), largest_weight(&[])), (None, None, None));
        // One heavy episode is worth one, equal ones are worth their number.
        assert!((effective_sample_size([1e9, 1.0, 1.0]) - 1.0).abs() < 1e-8);
        assert_eq!(effective_sample_size([3.0; 7]), 7.0);
        assert_eq!(effective_sample_size([0.0; 7]), 0.0);
    }

    #[test]
    fn rare_scenarios_drawn_often_are_bounded_tighter_than_by_waiting_for_them() {
        let (mut weighted, mut waiting) = (WeightedPath::new(WEIGHTS[1], 0.05), BettingPath::new(0.05));
        // Evenly spread, so that neither is lucky: every fifth happens where it is drawn often, every fiftieth elsewhere.
        for i in 0..4000 {
            let happens = i % 5 == 2;
            let draw =
                Weighted { value: f64::from(u8::from(happens)), weight: WEIGHTS[usize::from(happens)] };
            weighted.push(draw).expect("within bounds");
            waiting.push(f64::from(u8::from(i % 50 == 22)));
        }
        assert!(weighted.lower() < P && P < weighted.upper());
        // Standard deviations of one episode are 0.04 and 0.14.
        assert!(weighted.upper() - weighted.lower() < 0.5 * (waiting.upper() - waiting.lower()));
        assert!(weighted.shown_below(0.05).is_some() && weighted.shown_above(0.005).is_some());
    }

    #[test]
    fn a_weight_that_was_not_promised_is_refused() {
        let mut path = WeightedPath::new(2.0, 0.05);
        for (value, weight) in [(1.0, 2.1), (0.5, -0.1), (1.5, 1.0), (f64::NAN, 1.0), (0.5, f64::NAN)] {
            assert!(path.push(Weighted { value, weight }).is_err(), "{value} {weight}");
        }
        assert_eq!((path.lower(), path.upper()), (0.0, 1.0));
    }

    // Ville's inequality, looked at after every episode.
    #[test]
    fn looking_every_time_rejects_the_true_mean_rarely() {
        let (repetitions, alpha) = (2000, 0.05_f64);
        let mut draws = Split(42);
        let (mut below, mut above) = (0, 0);
        for _ in 0..repetitions {
            let mut path = WeightedPath::new(WEIGHTS[1], alpha);
            (0..400).for_each(|_| path.push(draw(&mut draws)).expect("within bounds"));
            below += u32::from(path.shown_below(P).is_some());
            above += u32::from(path.shown_above(P).is_some());
        }
        let limit = alpha + 3.0 * (alpha * (1.0 - alpha) / f64::from(repetitions)).sqrt();
        for rejected in [below, above] {
            let share = f64::from(rejected) / f64::from(repetitions);
            assert!(share < limit && share > 0.0, "{share}");
        }
    }
}
