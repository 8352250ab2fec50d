//! Subset simulation: how probable a failure is that hardly ever comes, under the very law that scenarios are drawn by.
//!
//! A rare failure is split into steps that are not rare: of the scenarios that were drawn the worst tenth sets a level, chains of
//! scenarios start from them and move away step by step, never below the level, and so to the next, until a tenth of them fail. The
//! product of the shares is the probability. A chain moves all draws of a scenario at once, each word of its streams as a normal
//! deviate, so that whatever a hazard draws, outages, dates and demand, keeps its law.
//!
//! It needs a graded answer, and fails where most failures come out of nowhere: the record of the levels shows it.
//!
//! Sources: S.-K. Au, J. L. Beck, "Estimation of small failure probabilities in high dimensions by subset simulation", Probabilistic
//! Engineering Mechanics 16(4), 2001; the moves, I. Papaioannou, W. Betz, K. Zwirglmaier, D. Straub, "MCMC algorithms for subset
//! simulation", Probabilistic Engineering Mechanics 41, 2015.

use serde::{Deserialize, Serialize};

use super::{Estimated, Graded, Unasked};
use crate::seed::{Move, Streams};

/// Normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;

/// How the search goes about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Samples of each level; a multiple of [`Self::one_in`].
    pub samples: u32,
    /// One sample in so many sets the next level; at least 2.
    pub one_in: u32,
    /// Levels at most, after which the search gives up.
    pub levels_max: u32,
    /// How much of every deviate the first moves keep, in thousandths; later ones are as bold as lets about half of them be taken.
    pub keep_permille: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { samples: 1000, one_in: 10, levels_max: 12, keep_permille: 800 }
    }
}

/// A scenario as a search names it: where it begins, and the moves that lead away from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// Number of the scenario that it begins with.
    pub start: u64,
    /// Moves, in order.
    pub moves: Vec<Move>,
}

impl Walk {
    /// Its streams, where `of` are those of a scenario by its number.
    pub fn streams(&self, of: impl Fn(u64) -> Streams) -> Streams {
        of(self.start).moved(&self.moves)
    }
}

/// What became of a level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Share of its samples that are beyond the next level, or fail.
    pub share: f64,
    /// How much more its samples scatter than as many independent ones: the gamma of Au and Beck, zero for the first level.
    pub gamma: f64,
    /// Share of the moves that were taken.
    pub taken: f64,
    /// How bad the next level is; `None` where it is failure itself.
    pub score: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member {
    walk: Walk,
    fails: bool,
    score: f64,
}

impl Member {
    fn graded(&self) -> Graded {
        Graded { fails: self.fails, score: self.score }
    }
}

/// The search; see the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subset {
    settings: Settings,
    /// Samples of this level, chain by chain within each step: the first step of all chains, then the second.
    members: Vec<Member>,
    /// What no sample of this level may be better than; `None` in the first.
    bar: Option<Member>,
    chains: usize,
    keep_permille: u16,
    moves: u64,
    taken: u64,
    levels: Vec<Level>,
    asked: Vec<Walk>,
    trials: u64,
    ended: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Reached,
    /// Levels ran out, or one could not be told from the next.
    GaveUp,
}

impl Subset {
    /// A search. It draws nothing itself: walks are drawn from streams that the asker knows.
    pub fn new(settings: Settings) -> Self {
        let one_in = settings.one_in.max(2);
        let samples = (settings.samples.max(one_in) / one_in) * one_in;
        Subset {
            keep_permille: settings.keep_permille.min(999),
            chains: samples as usize,
            settings: Settings { samples, one_in, ..settings },
            members: Vec::new(),
            bar: None,
            moves: 0,
            taken: 0,
            levels: Vec::new(),
            asked: Vec::new(),
            trials: 0,
            ended: None,
        }
    }

    /// The next walks to try; none at the end. Until they are answered the same are asked again.
    pub fn ask(&mut self) -> Vec<Walk> {
        if self.asked.is_empty() && self.ended.is_none() {
            self.asked = match self.bar {
                None => (0..u64::from(self.settings.samples))
                    .map(|start| Walk { start, moves: Vec::new() })
                    .collect(),
                Some(_) => {
                    let last = self.members.len() - self.chains;
                    let mut walks = Vec::with_capacity(self.chains);
                    for member in &self.members[last..] {
                        self.moves += 1;
                        let step = Move { number: self.moves, keep_permille: self.keep_permille };
                        let moves = [&member.walk.moves[..], &[step]].concat();
                        walks.push(Walk { moves, ..member.walk });
                    }
                    walks
                }
            };
        }
        self.asked.clone()
    }

    /// Takes what came of the walks of [`Self::ask`], in their order.
    ///
    /// # Errors
    /// Where there are more or fewer of them; nothing is taken then.
    pub fn tell(&mut self, graded: &[Graded]) -> Result<(), Unasked> {
        if graded.len() != self.asked.len() {
            return Err(Unasked { asked: self.asked.len(), told: graded.len() });
        }
        self.trials += graded.len() as u64;
        let asked = std::mem::take(&mut self.asked);
        let last = self.members.len().saturating_sub(self.chains);
        for (at, (walk, graded)) in asked.into_iter().zip(graded).enumerate() {
            // Plain numbers only, which can be written down; what is not one is as bad as can be.
            let score = if graded.score.is_nan() { f64::MAX } else { graded.score.clamp(f64::MIN, f64::MAX) };
            let new = Member { walk, fails: graded.fails, score };
            let is_in = self.bar.as_ref().is_none_or(|bar| new.graded().compare(&bar.graded()).is_ge());
            self.taken += u64::from(is_in && self.bar.is_some());
            let member = if is_in { new } else { self.members[last + at].clone() };
            self.members.push(member);
        }
        if self.members.len() >= self.settings.samples as usize {
            self.end_level();
        }
        Ok(())
    }

    /// Walks that were tried.
    pub fn trials(&self) -> u64 {
        self.trials
    }

    /// The levels so far.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Walks of the last level that fail, each once.
    pub fn failures(&self) -> Vec<Walk> {
        let mut failures: Vec<Walk> = Vec::new();
        for member in self.members.iter().filter(|member| member.fails) {
            if !failures.contains(&member.walk) {
                failures.push(member.walk.clone());
            }
        }
        failures
    }

    /// The probability of a failure, with a lognormal interval whose spread is that of the shares, levels taken as independent; `None`
    /// before the end, and where the search gave up.
    pub fn estimate(&self) -> Option<Estimated> {
        if self.ended != Some(End::Reached) {
            return None;
        }
        let n = f64::from(self.settings.samples);
        let value: f64 = self.levels.iter().map(|level| level.share).product();
        let squared = |level: &Level| (1.0 - level.share) / (level.share * n) * (1.0 + level.gamma);
        let variation: f64 = self.levels.iter().map(squared).sum();
        let spread = libm::exp(Z * libm::log1p(variation).sqrt());
        Some(Estimated {
            value,
            standard_error: Some(value * variation.sqrt()),
            interval: Some((value / spread, (value * spread).min(1.0))),
            level: 0.95,
            method: "subset-simulation/1".into(),
            samples: self.trials,
            hits: self.members.iter().filter(|member| member.fails).count() as u64,
        })
    }

    fn end_level(&mut self) {
        let wanted = (self.settings.samples / self.settings.one_in) as usize;
        let moved = (self.members.len() - self.chains) as f64;
        let taken = if self.bar.is_some() && moved > 0.0 { self.taken as f64 / moved } else { 1.0 };
        let failures = self.members.iter().filter(|member| member.fails).count();
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        // The worst first, equal ones in the order in which they came.
        order.sort_by(|a, b| self.members[*b].graded().compare(&self.members[*a].graded()));
        let bar = self.members[order[wanted - 1]].clone();
        let reached = failures >= wanted;
        let is_beyond = |member: &Member| match reached {
            true => member.fails,
            false => member.graded().compare(&bar.graded()).is_ge(),
        };
        let beyond: Vec<bool> = self.members.iter().map(is_beyond).collect();
        let share = beyond.iter().filter(|beyond| **beyond).count() as f64 / beyond.len() as f64;
        let gamma = if self.bar.is_some() { gamma(&beyond, self.chains) } else { 0.0 };
        let score = (!reached).then_some(bar.score);
        self.levels.push(Level { share, gamma, taken, score });
        if reached {
            self.ended = Some(End::Reached);
            return;
        }
        // Where nearly everything is as bad as the bar, another level tells nothing.
        if share > 0.9 || self.levels.len() >= self.settings.levels_max as usize {
            self.ended = Some(End::GaveUp);
            return;
        }
        if self.bar.is_some() {
            // Bolder where moves are nearly always taken, more timid where they hardly ever are.
            self.keep_permille = match taken {
                taken if taken > 0.6 => self.keep_permille - self.keep_permille / 8,
                taken if taken < 0.3 => 999 - (999 - self.keep_permille) / 2,
                _ => self.keep_permille,
            };
        }
        self.members = order[..wanted].iter().map(|at| self.members[*at].clone()).collect();
        self.chains = wanted;
        self.bar = Some(bar);
        self.taken = 0;
    }
}

/// How much the steps of chains repeat each other: twice the sum of their autocorrelations, each weighted by how many pairs of steps
/// are so far apart. Source: Au and Beck, 2001, equation 29.
fn gamma(beyond: &[bool], chains: usize) -> f64 {
    let steps = beyond.len() / chains;
    let share = beyond.iter().filter(|beyond| **beyond).count() as f64 / beyond.len() as f64;
    let variance = share * (1.0 - share);
    if !(variance > 0.0) {
        return 0.0;
    }
    let one = |at: usize| if beyond[at] { 1.0 } else { 0.0 };
    let mut sum = 0.0;
    for lag in 1..steps {
        let pairs = (steps - lag) * chains;
        let products: f64 = (0..pairs).map(|at| one(at) * one(at + lag * chains)).sum();
        let correlation = (products / pairs as f64 - share * share) / variance;
        sum += 2.0 * (1.0 - lag as f64 / steps as f64) * correlation;
    }
    sum.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Seed, streams};

    /// Dimensions of the reference problem.
    const D: usize = 4;

    /// Fails where the sum of four normal deviates over two, a normal deviate itself, is beyond `limit`.
    fn run(seed: u64, limit: f64) -> Subset {
        let mut search = Subset::new(Settings { samples: 500, ..Settings::default() });
        loop {
            let asked = search.ask();
            if asked.is_empty() {
                return search;
            }
            let grade = |walk: &Walk| {
                let mut stream = walk.streams(|start| streams(Seed(seed), "tail", start)).named("x");
                let score = (0..D).map(|_| stream.normal()).sum::<f64>() / (D as f64).sqrt();
                Graded { fails: score > limit, score }
            };
            search.tell(&asked.iter().map(grade).collect::<Vec<_>>()).expect("an answer each");
        }
    }

    /// Four standard deviations: 3.17e-5, once in 31,574 draws.
    #[test]
    fn a_gaussian_tail_is_within_its_interval() {
        let truth = 0.5 * libm::erfc(4.0 / std::f64::consts::SQRT_2);
        let mut covered = 0;
        for seed in 0..15 {
            let search = run(seed, 4.0);
            let found = search.estimate().expect("a tail");
            let (low, high) = found.interval.expect("an interval");
            covered += u32::from((low..=high).contains(&truth));
            assert!(found.samples < 3500 && found.hits >= 50, "{found:?}");
            assert!(search.levels().iter().all(|level| level.share >= 0.1), "{:?}", search.levels());
        }
        // At 95 % fewer than 11 of 15 would come once in 1600 times.
        assert!(covered >= 11, "{covered} of 15");
    }

    /// What is moved keeps its law: mean and variance of deviates that have moved often.
    #[test]
    fn moved_draws_keep_their_law() {
        let n = 4000;
        // Four standard errors.
        let draw = |start: u64| {
            let moves: Vec<Move> =
                (0..20).map(|step| Move { number: 20 * start + step + 1, keep_permille: 800 }).collect();
            streams(Seed(5), "law", start).moved(&moves).named("x").normal()
        };
        let drawn: Vec<f64> = (0..n).map(draw).collect();
        let mean = drawn.iter().sum::<f64>() / n as f64;
        let variance = drawn.iter().map(|z| z * z).sum::<f64>() / n as f64;
        assert!(mean.abs() < 4.0 / (n as f64).sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / n as f64).sqrt(), "{variance}");
        // A move that keeps nearly everything leads nowhere.
        let near =
            streams(Seed(5), "law", 1).moved(&[Move { number: 1, keep_permille: 999 }]).named("x").normal();
        assert!((near - streams(Seed(5), "law", 1).named("x").normal()).abs() < 0.25, "{near}");
    }

    #[test]
    fn what_has_no_grades_has_no_estimate() {
        let mut search = Subset::new(Settings { samples: 100, ..Settings::default() });
        let asked = search.ask();
        assert_eq!(search.ask(), asked);
        assert_eq!(search.tell(&[]), Err(Unasked { asked: 100, told: 0 }));
        search.tell(&vec![Graded { fails: false, score: 0.0 }; 100]).expect("an answer each");
        assert!(search.ask().is_empty() && search.estimate().is_none() && search.failures().is_empty());
    }

    #[test]
    fn a_search_that_is_written_down_goes_on_the_same() {
        let mut search = Subset::new(Settings { samples: 100, ..Settings::default() });
        for _ in 0..3 {
            let grade = |walk: &Walk| Graded { fails: false, score: walk.start as f64 };
            let graded: Vec<Graded> = search.ask().iter().map(grade).collect();
            search.tell(&graded).expect("an answer each");
            let text = serde_json::to_string(&search).expect("plain data");
            let mut read: Subset = serde_json::from_str(&text).expect("its own text");
            assert_eq!(read.ask(), search.ask());
        }
    }
}
