//! Cross-entropy: how probable a failure is that hardly ever comes, when elements are lost independently of each other.
//!
//! Rounds of samples shift the rates at which elements are lost towards the worst of what was tried, until failures are common; then
//! as many samples as were asked for are drawn at the shifted rates, and every one is weighted by how much rarer it is under the law. A
//! share of all samples is drawn from the law itself, so that no weight is above the inverse of that share, whatever the search
//! overlooked: weights that are not bounded make estimates that look sure and are not.
//!
//! Sources: R. Y. Rubinstein, D. P. Kroese, "The Cross-Entropy Method", Springer, 2004; the share from the law, T. Hesterberg, "Weighted
//! average importance sampling and defensive mixture distributions", Technometrics 37(2), 1995.

use serde::{Deserialize, Serialize};

use super::{Estimated, Graded, Unasked};
use crate::seed::{Seed, streams};

/// Normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;

/// Fewer effective samples than this tell nothing.
pub const EFFECTIVE_MIN: f64 = 50.0;

/// How the search goes about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Samples of a round that shifts the rates.
    pub round: u32,
    /// Rounds at most.
    pub rounds_max: u32,
    /// Rounds in which failures are common before the rates are taken: the first has few of them, and rates from few samples leave some
    /// element too rare, whose samples then weigh more than all others.
    pub rounds_common: u32,
    /// Samples at the rates that were arrived at, from which the estimate is made.
    pub samples: u32,
    /// Share of a round that the rates are shifted towards, in (0, 1).
    pub elite: f64,
    /// Weight of a round's rates against those before it, in (0, 1].
    pub smoothing: f64,
    /// Largest rate, unless the law's own is larger.
    pub rate_max: f64,
    /// Share of samples that are drawn from the law itself, in (0, 1]; the inverse bounds the weights.
    pub lawful: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            round: 1000,
            rounds_max: 20,
            rounds_common: 4,
            samples: 5000,
            elite: 0.1,
            smoothing: 0.7,
            rate_max: 0.5,
            lawful: 0.1,
        }
    }
}

/// A set of elements, and how probable it is under the law against how it was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Elements that are lost, ascending.
    pub set: Vec<u32>,
    /// Likelihood ratio, at most the inverse of [`Settings::lawful`]; one on average.
    pub weight: f64,
}

/// Why there is no estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refused {
    /// Failures among the samples.
    pub hits: u64,
    /// How many samples of equal weight the failures are worth.
    pub effective: f64,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} failures in the sample, worth {:.1} of equal weight where {EFFECTIVE_MIN} are needed: no estimate",
            self.hits, self.effective
        )
    }
}

/// The search; see the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossEntropy {
    seed: Seed,
    name: String,
    settings: Settings,
    /// Rates of the law, by element.
    law: Vec<f64>,
    /// Rates at which elements are lost now.
    rates: Vec<f64>,
    round: u32,
    /// Rounds so far in which failures were common.
    common: u32,
    /// Whether the rates are arrived at.
    settled: bool,
    next: u64,
    asked: Vec<Sample>,
    /// Of the estimate: the weight of every failure, zero for all else.
    lost: Vec<f64>,
    weights: Weights,
}

/// Sums over the samples of the estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Weights {
    sum: f64,
    largest: f64,
}

impl CrossEntropy {
    /// A search for the failures of elements that are lost at these rates, each in [0, 1); its draws are those of the streams
    /// `cross_entropy/...` of `name`, numbered by sample.
    pub fn new(seed: Seed, name: &str, law: Vec<f64>, settings: Settings) -> Self {
        CrossEntropy {
            seed,
            name: name.to_owned(),
            rates: law.clone(),
            law,
            settings,
            round: 0,
            common: 0,
            settled: false,
            next: 0,
            asked: Vec::new(),
            lost: Vec::new(),
            weights: Weights::default(),
        }
    }

    /// The next samples to try; none at the end. Until they are answered the same are asked again.
    pub fn ask(&mut self) -> Vec<Sample> {
        if self.asked.is_empty() {
            let count = match self.settled {
                false => u64::from(self.settings.round),
                true => u64::from(self.settings.samples.min(self.settings.round))
                    .min(u64::from(self.settings.samples).saturating_sub(self.lost.len() as u64)),
            };
            self.asked = (self.next..self.next + count).map(|number| self.sample(number)).collect();
            self.next += count;
        }
        self.asked.clone()
    }

    /// Takes what came of the samples of [`Self::ask`], in their order.
    ///
    /// # Errors
    /// Where there are more or fewer of them; nothing is taken then.
    pub fn tell(&mut self, graded: &[Graded]) -> Result<(), Unasked> {
        if graded.len() != self.asked.len() {
            return Err(Unasked { asked: self.asked.len(), told: graded.len() });
        }
        let asked = std::mem::take(&mut self.asked);
        if self.settled {
            for (sample, graded) in asked.iter().zip(graded) {
                self.lost.push(if graded.fails { sample.weight } else { 0.0 });
                self.weights.sum += sample.weight;
                self.weights.largest = self.weights.largest.max(sample.weight);
            }
        } else {
            self.shift(&asked, graded);
        }
        Ok(())
    }

    /// Rates at which elements are lost now, by element.
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// Largest weight that a sample can have.
    pub fn weight_max(&self) -> f64 {
        1.0 / self.settings.lawful
    }

    /// Of every sample of the estimate the weight where it failed and zero where not, in the order of the samples: draws from
    /// [0, [`Self::weight_max`]] whose mean is the probability of a failure. What a bound that holds at any sample size is made of.
    pub fn draws(&self) -> &[f64] {
        &self.lost
    }

    /// The probability of a failure under the law, with a normal interval. Plain, so that it is unbiased:
    /// [`Self::self_normalised`] is the other.
    ///
    /// # Errors
    /// Where the failures in the sample are worth fewer than [`EFFECTIVE_MIN`] samples of equal weight.
    pub fn estimate(&self) -> Result<Estimated, Refused> {
        let (sum, squares) =
            self.lost.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
        let hits = self.lost.iter().filter(|weight| **weight > 0.0).count() as u64;
        let effective = if squares > 0.0 { sum * sum / squares } else { 0.0 };
        if !(effective >= EFFECTIVE_MIN) {
            return Err(Refused { hits, effective });
        }
        let n = self.lost.len() as f64;
        let value = sum / n;
        let error = ((squares / n - value * value).max(0.0) / (n - 1.0)).sqrt();
        Ok(Estimated {
            value,
            standard_error: Some(error),
            interval: Some(((value - Z * error).max(0.0), (value + Z * error).min(1.0))),
            level: 0.95,
            method: "cross-entropy/1".into(),
            samples: self.lost.len() as u64,
            hits,
        })
    }

    /// The estimate with the weights made to add up to one: biased a little, and a check on the other; `None` before there are samples.
    pub fn self_normalised(&self) -> Option<f64> {
        (self.weights.sum > 0.0).then(|| self.lost.iter().sum::<f64>() / self.weights.sum)
    }

    /// Mean and largest of the weights of the estimate's samples; the mean is one but for chance.
    pub fn weights(&self) -> (f64, f64) {
        (self.weights.sum / (self.lost.len().max(1)) as f64, self.weights.largest)
    }

    fn sample(&self, number: u64) -> Sample {
        let mut stream = streams(self.seed, &self.name, number).named("cross_entropy/which");
        let lawful = stream.uniform() < self.settings.lawful;
        let rates = if lawful { &self.law } else { &self.rates };
        let mut set = Vec::new();
        for (element, rate) in rates.iter().enumerate() {
            if stream.uniform() < *rate {
                set.push(element as u32);
            }
        }
        let weight = self.weight(&set);
        Sample { set, weight }
    }

    /// Likelihood under the law over that under the mixture that samples are drawn from.
    fn weight(&self, set: &[u32]) -> f64 {
        let mut ln_ratio = 0.0;
        let mut next = set.iter().copied().peekable();
        for (element, (law, rate)) in self.law.iter().zip(&self.rates).enumerate() {
            let is_lost = next.next_if_eq(&(element as u32)).is_some();
            if law != rate {
                let (rate, law) = if is_lost { (*rate, *law) } else { (1.0 - rate, 1.0 - law) };
                ln_ratio += libm::log(rate / law);
            }
        }
        let lawful = self.settings.lawful;
        // Where the ratio overflows the sample is as good as impossible under the law, and weighs nothing.
        1.0 / (lawful + (1.0 - lawful) * libm::exp(ln_ratio))
    }

    /// Moves the rates towards the worst of a round.
    fn shift(&mut self, asked: &[Sample], graded: &[Graded]) {
        self.round += 1;
        let mut order: Vec<usize> = (0..asked.len()).collect();
        // The worst first; equal ones in the order in which they were drawn.
        order.sort_by(|a, b| graded[*b].compare(&graded[*a]));
        let wanted =
            ((self.settings.elite * asked.len() as f64).ceil() as usize).clamp(1, asked.len().max(1));
        let failures = graded.iter().filter(|graded| graded.fails).count();
        let last = order.get(wanted - 1).map(|at| graded[*at]);
        let elite = if failures >= wanted {
            // Failures are common: from here on they are all that counts.
            self.common += 1;
            self.settled = self.common >= self.settings.rounds_common;
            failures
        } else {
            // All that are as bad as the last; or worse, where otherwise everything would be.
            let so_bad = |strictly: bool| {
                let is_so = |at: &&usize| {
                    last.is_some_and(|last| graded[**at].compare(&last) as i8 >= i8::from(strictly))
                };
                order.iter().take_while(is_so).count()
            };
            if so_bad(false) < order.len() { so_bad(false) } else { so_bad(true) }
        };
        self.settled |= self.round >= self.settings.rounds_max;
        let elite = &order[..elite.min(order.len())];
        let total: f64 = elite.iter().map(|at| asked[*at].weight).sum();
        // A round in which everything is alike points nowhere.
        if !(total > 0.0) {
            return;
        }
        let mut means = vec![0.0; self.law.len()];
        for at in elite {
            for element in &asked[*at].set {
                means[*element as usize] += asked[*at].weight / total;
            }
        }
        let smoothing = self.settings.smoothing;
        for ((rate, law), mean) in self.rates.iter_mut().zip(&self.law).zip(means) {
            let shifted = smoothing * mean + (1.0 - smoothing) * *rate;
            *rate = shifted.min(self.settings.rate_max).max(*law);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails with so many losses or more.
    fn run(seed: u64, law: Vec<f64>, losses: usize) -> CrossEntropy {
        let settings = Settings { samples: 2000, ..Settings::default() };
        let mut search = CrossEntropy::new(Seed(seed), "binomial", law, settings);
        loop {
            let asked = search.ask();
            if asked.is_empty() {
                return search;
            }
            let grade = |sample: &Sample| Graded {
                fails: sample.set.len() >= losses,
                score: sample.set.len() as f64,
            };
            let graded: Vec<Graded> = asked.iter().map(grade).collect();
            search.tell(&graded).expect("an answer each");
        }
    }

    /// The probability of at least `k` of `n`, each at rate `p`.
    fn binomial_tail(n: u32, k: u32, p: f64) -> f64 {
        let term = |i: u32| {
            let choose: f64 = (0..i).map(|j| f64::from(n - j) / f64::from(j + 1)).product();
            choose * p.powi(i as i32) * (1.0 - p).powi((n - i) as i32)
        };
        (k..=n).map(term).sum()
    }

    /// Five of forty elements at half a percent each: once in 600,000 draws of the law.
    #[test]
    fn a_binomial_tail_is_within_its_interval() {
        let truth = binomial_tail(40, 5, 0.005);
        assert!((1e-6..2e-6).contains(&truth), "{truth}");
        let mut covered = 0;
        for seed in 0..15 {
            let search = run(seed, vec![0.005; 40], 5);
            let found = search.estimate().unwrap_or_else(|why| panic!("{why}"));
            let (low, high) = found.interval.expect("an interval");
            covered += u32::from((low..=high).contains(&truth));
            assert!(search.weights().1 <= search.weight_max() && found.hits > 100);
            // The other estimate says the same but for chance.
            let other = search.self_normalised().expect("samples");
            assert!((other / found.value - 1.0).abs() < 0.3, "{other} {}", found.value);
        }
        // At 95 % fewer than 11 of 15 would come once in 1600 times.
        assert!(covered >= 11, "{covered} of 15");
    }

    /// The likelihood-ratio identity: weights average one under what they are drawn from.
    #[test]
    fn weights_average_one_and_are_bounded() {
        let law: Vec<f64> = (0..30).map(|element| 0.002 * f64::from(element + 1)).collect();
        let search = run(7, law, 4);
        assert!(search.rates().iter().zip(&search.law).any(|(rate, law)| *rate > 3.0 * law));
        let drawn: Vec<f64> = (1_000_000..1_020_000).map(|number| search.sample(number).weight).collect();
        let n = drawn.len() as f64;
        let mean = drawn.iter().sum::<f64>() / n;
        let variance = drawn.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / n;
        // Four standard errors: once in 16,000 seeds.
        assert!((mean - 1.0).abs() < 4.0 * (variance / n).sqrt(), "{mean}");
        assert!(drawn.iter().all(|w| (0.0..=search.weight_max()).contains(w)));
    }

    #[test]
    fn what_never_fails_has_no_estimate() {
        let refused = run(1, vec![0.01; 5], 6).estimate().expect_err("no failure");
        assert_eq!((refused.hits, refused.effective), (0, 0.0));
        assert!(refused.to_string().contains("no estimate"));
    }

    #[test]
    fn a_search_that_is_written_down_goes_on_the_same() {
        let mut search = CrossEntropy::new(Seed(3), "p", vec![0.1; 6], Settings::default());
        let asked = search.ask();
        assert_eq!(search.tell(&[]), Err(Unasked { asked: asked.len(), told: 0 }));
        let grade = |sample: &Sample| Graded { fails: false, score: sample.set.len() as f64 };
        search.tell(&asked.iter().map(grade).collect::<Vec<_>>()).expect("an answer each");
        let text = serde_json::to_string(&search).expect("plain data");
        let mut read: CrossEntropy = serde_json::from_str(&text).expect("its own text");
        assert_eq!(read.ask(), search.ask());
    }
}
