//! Adaptive stress testing: the most likely path of disturbances that ends in a failure.
//!
//! A path is a disturbance a step, each a standard normal deviate; what they do is the tester's business. A path is worth the
//! logarithm of its likelihood, less how far it misses a failure, so that of two failures the likelier is worth more. Paths are drawn
//! around a mean path, which moves to the best of each round (cross-entropy), and the spread shrinks.
//!
//! What comes out is one path and its likelihood: a way in which it may happen, and no probability that it does. It is [`Found`], and
//! no risk may be made of it.
//!
//! Sources: R. Lee, M. J. Kochenderfer, O. J. Mengshoel, G. P. Brat, M. P. Owen, "Adaptive stress testing of airborne collision
//! avoidance systems", DASC 2015; R. Y. Rubinstein, D. P. Kroese, "The Cross-Entropy Method", Springer, 2004.

use serde::{Deserialize, Serialize};

use super::{Found, Unasked};
use crate::seed::{Seed, streams};

/// Half the logarithm of two pi: what a deviate of zero costs.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;

/// How the search goes about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Disturbances of a path.
    pub steps: u32,
    /// Paths of a round.
    pub round: u32,
    /// Rounds.
    pub rounds: u32,
    /// Share of a round that the mean moves to, in (0, 1).
    pub elite: f64,
    /// Weight of a round against those before it, in (0, 1].
    pub smoothing: f64,
    /// Smallest spread: paths never become all alike.
    pub spread_min: f64,
    /// What a failure is worth besides its likelihood.
    pub bonus: f64,
    /// What a unit of distance to a failure costs.
    pub miss: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            steps: 10,
            round: 200,
            rounds: 50,
            elite: 0.1,
            smoothing: 0.7,
            spread_min: 0.02,
            bonus: 0.0,
            miss: 1.0,
        }
    }
}

/// How a path ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ending {
    /// In a failure.
    Failure,
    /// This far from one: positive, in whatever unit the tester counts.
    Missed(f64),
}

/// A path that ends in a failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Path {
    /// Disturbances, step by step.
    pub disturbances: Vec<f64>,
    /// Natural logarithm of their likelihood, a density; of failures the larger is the likelier.
    pub ln_likelihood: f64,
}

/// The search; see the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stress {
    seed: Seed,
    name: String,
    settings: Settings,
    mean: Vec<f64>,
    spread: Vec<f64>,
    round: u32,
    trials: u64,
    failures: u64,
    best: Option<Path>,
    asked: Vec<Vec<f64>>,
}

impl Stress {
    /// A search whose draws are those of the streams `stress/...` of `name`, numbered by path.
    pub fn new(seed: Seed, name: &str, settings: Settings) -> Self {
        let steps = settings.steps as usize;
        Stress {
            seed,
            name: name.to_owned(),
            settings,
            mean: vec![0.0; steps],
            spread: vec![1.0; steps],
            round: 0,
            trials: 0,
            failures: 0,
            best: None,
            asked: Vec::new(),
        }
    }

    /// The next paths to try; none at the end. Until they are answered the same are asked again.
    pub fn ask(&mut self) -> Vec<Vec<f64>> {
        if self.asked.is_empty() && self.round < self.settings.rounds {
            let path = |number: u64| {
                let mut stream = streams(self.seed, &self.name, number).named("stress/path");
                let step = |(mean, spread): (&f64, &f64)| mean + spread * stream.normal();
                self.mean.iter().zip(&self.spread).map(step).collect()
            };
            self.asked = (self.trials..self.trials + u64::from(self.settings.round)).map(path).collect();
        }
        self.asked.clone()
    }

    /// Takes how the paths of [`Self::ask`] ended, in their order.
    ///
    /// # Errors
    /// Where there are more or fewer of them; nothing is taken then.
    pub fn tell(&mut self, endings: &[Ending]) -> Result<(), Unasked> {
        if endings.len() != self.asked.len() {
            return Err(Unasked { asked: self.asked.len(), told: endings.len() });
        }
        let paths = std::mem::take(&mut self.asked);
        self.trials += paths.len() as u64;
        self.round += 1;
        let mut worth = Vec::with_capacity(paths.len());
        for (path, ending) in paths.iter().zip(endings) {
            let ln_likelihood = ln_likelihood(path);
            worth.push(match ending {
                Ending::Failure => {
                    self.failures += 1;
                    if self.best.as_ref().is_none_or(|best| ln_likelihood > best.ln_likelihood) {
                        self.best = Some(Path { disturbances: path.clone(), ln_likelihood });
                    }
                    ln_likelihood + self.settings.bonus
                }
                // A distance that is no number is as far as can be.
                Ending::Missed(distance) if distance.is_nan() => f64::NEG_INFINITY,
                Ending::Missed(distance) => ln_likelihood - self.settings.miss * distance,
            });
        }
        let mut order: Vec<usize> = (0..paths.len()).collect();
        order.sort_by(|a, b| worth[*b].total_cmp(&worth[*a]));
        let wanted =
            ((self.settings.elite * paths.len() as f64).ceil() as usize).clamp(1, paths.len().max(1));
        let elite: Vec<&[f64]> = order.iter().take(wanted).map(|at| paths[*at].as_slice()).collect();
        let (smoothing, count) = (self.settings.smoothing, elite.len() as f64);
        for step in 0..self.mean.len() {
            let mean = elite.iter().map(|path| path[step]).sum::<f64>() / count;
            let variance =
                elite.iter().map(|path| (path[step] - mean) * (path[step] - mean)).sum::<f64>() / count;
            self.mean[step] = smoothing * mean + (1.0 - smoothing) * self.mean[step];
            let spread = smoothing * variance.sqrt() + (1.0 - smoothing) * self.spread[step];
            self.spread[step] = spread.max(self.settings.spread_min);
        }
        Ok(())
    }

    /// Paths that were tried.
    pub fn trials(&self) -> u64 {
        self.trials
    }

    /// The likeliest failure so far, and how many others there were; `None` where none was found. That a likelier one was overlooked is
    /// not excluded: it is never called minimal.
    pub fn found(&self) -> Option<Found<Path>> {
        Some(Found { what: self.best.clone()?, times: self.failures, minimal: false })
    }
}

fn ln_likelihood(path: &[f64]) -> f64 {
    path.iter().map(|x| -HALF_LN_TAU - 0.5 * x * x).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A walk whose steps are the disturbances; it fails at a distance of ten from its beginning.
    fn walk(path: &[f64]) -> Ending {
        let mut at = 0.0f64;
        let mut nearest = f64::INFINITY;
        for step in path {
            at += step;
            nearest = nearest.min(10.0 - at.abs());
        }
        if nearest <= 0.0 { Ending::Failure } else { Ending::Missed(nearest) }
    }

    fn run(steps: u32, seed: u64) -> Stress {
        let mut search = Stress::new(Seed(seed), "walk", Settings { steps, ..Settings::default() });
        loop {
            let asked = search.ask();
            if asked.is_empty() {
                return search;
            }
            search.tell(&asked.iter().map(|path| walk(path)).collect::<Vec<_>>()).expect("an answer each");
        }
    }

    /// The reference problem of adaptive stress testing: the likeliest way to ten spreads evenly over the steps, by Cauchy and Schwarz,
    /// and no failing path is likelier.
    #[test]
    fn the_likeliest_walk_spreads_evenly() {
        for (steps, seed) in [(10u32, 1), (20, 2), (20, 3)] {
            let search = run(steps, seed);
            let found = search.found().expect("a failure");
            assert_eq!(walk(&found.what.disturbances), Ending::Failure);
            let n = f64::from(steps);
            let even = -n * HALF_LN_TAU - 50.0 / n;
            assert!(found.what.ln_likelihood <= even + 1e-9, "{} {even}", found.what.ln_likelihood);
            // Half a unit below the best: e^-0.5 of its likelihood.
            assert!(found.what.ln_likelihood > even - 0.5, "{} {even}", found.what.ln_likelihood);
            assert!(!found.minimal && found.times > 0);
        }
    }

    #[test]
    fn where_nothing_fails_nothing_is_found() {
        let mut search = Stress::new(Seed(1), "safe", Settings { rounds: 3, ..Settings::default() });
        let asked = search.ask();
        assert_eq!(search.ask(), asked);
        assert_eq!(search.tell(&[]), Err(Unasked { asked: asked.len(), told: 0 }));
        while !search.ask().is_empty() {
            let text = serde_json::to_string(&search).expect("plain data");
            search = serde_json::from_str(&text).expect("its own text");
            let missed = vec![Ending::Missed(f64::NAN); search.ask().len()];
            search.tell(&missed).expect("an answer each");
        }
        assert_eq!((search.found(), search.trials()), (None, 600));
    }
}
