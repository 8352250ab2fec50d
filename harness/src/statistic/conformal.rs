//! Conformal prediction: intervals around any model's answer with a coverage that holds in finite samples.
//!
//! A score says how far an answer was from the truth. With n scores of calibration episodes and a level 1 - a, the interval of
//! the next answer holds everything with a score up to that of rank ceil((n + 1)(1 - a)), and covers the truth with at least the
//! level if calibration and next episode are exchangeable (Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a Random
//! World"). Given one calibration, the coverage is itself a draw, from Beta(rank, n + 1 - rank) where scores have no ties (Vovk
//! 2012, "Conditional validity of inductive conformal predictors").

use std::collections::BTreeMap;

use super::binomial::at_most;
use super::first_true;
use statrs::function::beta::ln_beta;

/// A level as a ratio of whole numbers. Ranks are exact: in floating point 100 x 0.9 may be a little more than 90, and the rank
/// 91.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    numerator: u64,
    denominator: u64,
}

impl Level {
    /// `numerator / denominator`, strictly between 0 and 1; `None` otherwise.
    pub fn new(numerator: u64, denominator: u64) -> Option<Self> {
        (0 < numerator && numerator < denominator).then_some(Self { numerator, denominator })
    }

    /// The decimal that somebody wrote to get this number, the shortest that reads back to it: 0.9 is 9/10. `None` outside (0, 1)
    /// or with more than 18 digits.
    pub fn of_decimal(share: f64) -> Option<Self> {
        let text = share.to_string();
        let digits = text.strip_prefix("0.")?;
        let denominator =
            10_u64.checked_pow(u32::try_from(digits.len()).ok().filter(|&places| places <= 18)?)?;
        Self::new(digits.parse().ok()?, denominator)
    }

    /// ceil((n + 1) level), from 1; `None` where it exceeds n, and no score bounds the next one.
    pub fn rank(self, n: u64) -> Option<u64> {
        let (numerator, denominator) = (u128::from(self.numerator), u128::from(self.denominator));
        let rank = ((u128::from(n) + 1) * numerator).div_ceil(denominator);
        u64::try_from(rank).ok().filter(|&rank| rank <= n)
    }
}

/// How many scores an interval was calibrated on, and which of them it ends at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calibration {
    points: u64,
    rank: u64,
}

impl Calibration {
    /// Split conformal prediction on so many points; `None` where they are too few for the level.
    pub fn of(points: u64, level: Level) -> Option<Self> {
        level.rank(points).map(|rank| Self { points, rank })
    }

    /// Calibration points.
    pub fn points(self) -> u64 {
        self.points
    }

    /// Rank of the score that the interval ends at, from 1.
    pub fn rank(self) -> u64 {
        self.rank
    }

    /// The coverage that a share `share` of all such calibrations stays below: a quantile of Beta(rank, n + 1 - rank).
    pub fn coverage_quantile(self, share: f64) -> f64 {
        // Beta(r, n + 1 - r) is the law of the r-th of n uniform numbers, below x where at least r of them are.
        first_true(0.0, 1.0, |x| 1.0 - at_most(self.rank - 1, self.points, x) >= share)
    }

    /// Probability that a sound calibration covers at most `covered` of `n` episodes: beta-binomial, since the coverage itself is
    /// drawn.
    pub fn at_most_covered(self, covered: u64, n: u64) -> f64 {
        if covered >= n {
            return 1.0;
        }
        let (a, b, n) = (self.rank as f64, (self.points + 1 - self.rank) as f64, n as f64);
        // P(0), then P(j + 1) / P(j) = (n - j)(j + a) / ((j + 1)(n - j - 1 + b)), in logarithms: the first terms vanish.
        let mut ln_term = ln_beta(a, n + b) - ln_beta(a, b);
        let mut sum = ln_term.exp();
        for j in 0..covered {
            let j = j as f64;
            ln_term += ((n - j) * (j + a) / ((j + 1.0) * (n - j - 1.0 + b))).ln();
            sum += ln_term.exp();
        }
        sum.min(1.0)
    }
}

/// The largest score that an interval of this level holds; `None` where it has no end, for too few scores or where one of them
/// is not a number.
pub fn threshold(scores: &[f64], level: Level) -> Option<f64> {
    let rank = level.rank(scores.len() as u64)?;
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let score = sorted[usize::try_from(rank).ok()? - 1];
    (!scores.iter().any(|score| score.is_nan())).then_some(score)
}

/// Score of an interval that a model of quantiles gives: how far the truth is outside, negative inside. The interval that holds
/// scores up to s is [lower - s, upper + s].
///
/// Source: Romano, Patterson & Candes 2019, "Conformalized quantile regression".
pub fn quantile_score(lower: f64, upper: f64, truth: f64) -> f64 {
    (lower - truth).max(truth - upper)
}

/// A threshold for each family of scenarios, so that the coverage holds in each of them (Mondrian conformal prediction); `None`
/// for a family with too few scores.
pub fn by_family<F: Ord>(
    scores: impl IntoIterator<Item = (F, f64)>,
    level: Level,
) -> BTreeMap<F, Option<f64>> {
    let mut families: BTreeMap<F, Vec<f64>> = BTreeMap::new();
    for (family, score) in scores {
        families.entry(family).or_default().push(score);
    }
    families.into_iter().map(|(family, scores)| (family, threshold(&scores, level))).collect()
}

/// The largest score that an interval holds where the next episode comes from another law than the calibration: scores count by
/// their likelihood ratios, the next one by `next_weight`. `None` where it has no end.
///
/// Weights must not be negative; clip them beforehand, and look at [`super::importance::effective_sample_size`]: few effective
/// points make an interval that is wide, or has no end. Source: Tibshirani, Foygel Barber, Candes & Ramdas 2019, "Conformal
/// prediction under covariate shift".
pub fn weighted_threshold(scores: &[(f64, f64)], next_weight: f64, level: Level) -> Option<f64> {
    let sound = |&(score, weight): &(f64, f64)| !score.is_nan() && weight >= 0.0;
    if !scores.iter().all(sound) || next_weight.is_nan() || next_weight < 0.0 {
        return None;
    }
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let whole = sorted.iter().map(|(_, weight)| weight).sum::<f64>() + next_weight;
    // Compared as numerator and denominator, so that equal weights give the rank of whole numbers.
    let wanted = level.numerator as f64 * whole;
    let mut sum = 0.0;
    sorted.into_iter().find_map(|(score, weight)| {
        sum += weight;
        (sum * level.denominator as f64 >= wanted).then_some(score)
    })
}

/// A level that follows the misses, for episodes that drift: after each one it moves by the rate times what was wrong.
///
/// Whatever happens, the share of misses over T episodes is within (max(a, 1 - a) + rate) / (rate T) of the target, where a is
/// the level it began with. Source: Gibbs & Candes 2021, "Adaptive conformal inference under distribution shift".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptive {
    target: f64,
    rate: f64,
    miss_level: f64,
}

impl Adaptive {
    /// Begins at the target share of misses, in (0, 1); `rate` is positive.
    pub fn new(target: f64, rate: f64) -> Self {
        Self { target, rate, miss_level: target }
    }

    /// Share of misses to allow in the next episode: at 0 or below its interval is the whole range, at 1 or above it is empty.
    pub fn miss_level(&self) -> f64 {
        self.miss_level
    }

    /// Takes into account whether the truth was outside.
    pub fn learn(&mut self, missed: bool) {
        self.miss_level += self.rate * (self.target - f64::from(u8::from(missed)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Split;
    use super::*;
    use proptest::prelude::*;

    fn level(share: f64) -> Level {
        Level::of_decimal(share).expect("a share")
    }

    // gates.md 3.5: n = 99 and 0.9 have the rank 90, which a popular package makes 91.
    #[test]
    fn ranks_are_exact() {
        assert_eq!(level(0.9).rank(99), Some(90));
        assert_eq!(level(0.9), Level::new(9, 10).expect("a share"));
        assert_eq!((level(0.9).rank(9), level(0.9).rank(8)), (Some(9), None));
        assert_eq!(level(0.95).rank(19), Some(19));
        for share in [0.0, 1.0, -0.1, 1.5, f64::NAN, 1e-300] {
            assert_eq!(Level::of_decimal(share), None, "{share}");
        }
        assert_eq!(Level::new(3, 3), None);
    }

    // gates.md 3.5; tolerance: half a unit of the last digit printed there.
    #[test]
    fn the_law_of_coverage_agrees_with_the_specification() {
        for (points, low, high) in [(99, 0.8467, 0.9442), (1000, 0.8841, 0.9152)] {
            let calibration = Calibration::of(points, level(0.9)).expect("enough points");
            assert!((calibration.coverage_quantile(0.05) - low).abs() < 5e-5);
            assert!((calibration.coverage_quantile(0.95) - high).abs() < 5e-5);
        }
        assert_eq!(Calibration::of(8, level(0.9)), None);
    }

    #[test]
    fn covered_episodes_follow_the_beta_binomial_law() {
        // One point at level 1/2: the coverage is uniform, so every number of covered episodes is equally likely.
        let uniform = Calibration::of(1, level(0.5)).expect("enough");
        for covered in 0..20 {
            let expected = (covered as f64 + 1.0) / 21.0;
            assert!((uniform.at_most_covered(covered, 20) - expected).abs() < 1e-12);
        }
        // Draw calibrations and episodes: the share of runs with at most 170 of 200 covered is what the law says.
        let calibration = Calibration::of(99, level(0.9)).expect("enough");
        let (mut draws, repetitions, mut few) = (Split(51), 4000, 0);
        for _ in 0..repetitions {
            let scores: Vec<f64> = (0..99).map(|_| draws.uniform()).collect();
            let end = threshold(&scores, level(0.9)).expect("an end");
            few += u32::from((0..200).filter(|_| draws.uniform() <= end).count() <= 170);
        }
        let (share, law) = (f64::from(few) / f64::from(repetitions), calibration.at_most_covered(170, 200));
        assert!(
            (share - law).abs() < 4.0 * (law * (1.0 - law) / f64::from(repetitions)).sqrt(),
            "{share} {law}"
        );
    }

    #[test]
    fn scores_beyond_every_bound_and_numbers_that_are_none_leave_no_end() {
        assert_eq!(threshold(&[1.0; 8], level(0.9)), None);
        assert_eq!(threshold(&[1.0, f64::NAN, 2.0], level(0.5)), None);
        assert_eq!(threshold(&[3.0, 1.0, 2.0], level(0.5)), Some(2.0));
        // Inside is negative by the distance to the nearer end.
        assert_eq!([0.5, 1.5, 4.0].map(|truth| quantile_score(1.0, 3.0, truth)), [0.5, -0.5, 1.0]);
    }

    #[test]
    fn every_family_has_its_own_end() {
        let scores = (0..40).map(|i| (if i % 2 == 0 { "calm" } else { "storm" }, f64::from(i)));
        let ends = by_family(scores.chain([("ice", 5.0)]), level(0.9));
        // 20 scores each, rank ceil(21 x 0.9) = 19: the last but one.
        assert_eq!(ends["calm"], Some(36.0));
        assert_eq!(ends["storm"], Some(37.0));
        assert_eq!(ends["ice"], None);
    }

    #[test]
    fn a_heavy_next_episode_has_no_end_and_weights_move_it() {
        let scores: Vec<(f64, f64)> = (1..=99).map(|i| (f64::from(i), 1.0)).collect();
        assert_eq!(weighted_threshold(&scores, 1.0, level(0.9)), Some(90.0));
        assert_eq!(weighted_threshold(&scores, 50.0, level(0.9)), None);
        let rising: Vec<(f64, f64)> = scores.iter().map(|&(score, _)| (score, score)).collect();
        // By hand: r (r + 1) / 2 >= 0.9 (4950 + 1) = 4455.9, first at 94.
        assert_eq!(weighted_threshold(&rising, 1.0, level(0.9)), Some(94.0));
        assert_eq!(weighted_threshold(&[(1.0, -1.0)], 1.0, level(0.5)), None);
        assert_eq!(weighted_threshold(&[(1.0, 1.0)], f64::NAN, level(0.5)), None);
    }

    proptest! {
        #[test]
        fn equal_weights_are_no_weights(
            scores in proptest::collection::vec(0.0..1.0_f64, 1..60), percent in 1_u64..100,
        ) {
            let level = Level::new(percent, 100).expect("a share");
            let weighted: Vec<(f64, f64)> = scores.iter().map(|&score| (score, 1.0)).collect();
            prop_assert_eq!(weighted_threshold(&weighted, 1.0, level), threshold(&scores, level));
        }

        #[test]
        fn misses_follow_the_target_whatever_happens(
            missed in proptest::collection::vec(any::<bool>(), 50..400), target in 0.05..0.5, rate in 0.01..0.5,
        ) {
            let mut adaptive = Adaptive::new(target, rate);
            let (mut misses, n) = (0.0, missed.len() as f64);
            for adversary in missed {
                // The interval is everything at or below 0 and nothing at or above 1, so there the adversary has no choice.
                let miss = adaptive.miss_level() >= 1.0 || (adversary && adaptive.miss_level() > 0.0);
                misses += f64::from(u8::from(miss));
                adaptive.learn(miss);
            }
            let slack = (target.max(1.0 - target) + rate) / (rate * n);
            prop_assert!((misses / n - target).abs() <= slack + 1e-9);
        }
    }
}
