//! Where the time of a decision comes from.

use std::sync::Arc;

use scenarios::{Seed, streams};

use super::milliseconds;

/// Where the time of a decision comes from. All but the last are a function of the suite.
#[derive(Clone, Debug, PartialEq)]
pub enum Delay {
    /// None: a decision is there at once.
    Zero,
    /// Always the same, ns.
    Fixed(u64),
    /// A quantile of recorded times, ns: always the same.
    Quantile {
        /// Which.
        q: f64,
        /// Its value, ns.
        ns: u64,
    },
    /// The i-th observation of a scenario takes an element of the recorded times that is drawn for it, whoever decides and whatever was
    /// decided before.
    Replay(Arc<[u64]>),
    /// What the clock says while it runs: for exploration. No second run has the same.
    WallClock,
}

impl Delay {
    /// Its id in suites.
    pub fn id(&self) -> &'static str {
        match self {
            Delay::Zero => "zero",
            Delay::Fixed(_) => "fixed",
            Delay::Quantile { .. } => "quantile",
            Delay::Replay(_) => "replay",
            Delay::WallClock => "wallclock",
        }
    }

    /// In words, for reports.
    pub fn in_words(&self) -> String {
        match self {
            Delay::Zero => "zero".into(),
            Delay::Fixed(ns) => format!("fixed, {} ms", milliseconds(*ns)),
            Delay::Quantile { q, ns } => {
                format!(
                    "the {} quantile of the recorded times, {} ms",
                    crate::gate::percent(*q),
                    milliseconds(*ns)
                )
            }
            Delay::Replay(times) => format!("replay: drawn from {} recorded times", times.len()),
            Delay::WallClock => "the clock of this run".into(),
        }
    }

    /// The time of every decision, ns, where it is always the same.
    pub fn constant_ns(&self) -> Option<u64> {
        match self {
            Delay::Zero => Some(0),
            Delay::Fixed(ns) | Delay::Quantile { ns, .. } => Some(*ns),
            Delay::Replay(_) | Delay::WallClock => None,
        }
    }

    /// The times of one scenario's decisions.
    pub fn of_scenario(&self, seed: Seed, population: &str, index: u64) -> Times {
        match self {
            Delay::Replay(times) => {
                // Whoever replays nothing draws nothing: the stream is its own.
                let stream = streams(seed, population, index).named("latency");
                Times::Drawn(Box::new(stream), Arc::clone(times))
            }
            Delay::WallClock => Times::Measured,
            constant => Times::Constant(constant.constant_ns().unwrap_or_default()),
        }
    }
}

/// The times of one scenario's decisions.
#[derive(Debug)]
pub enum Times {
    /// Always the same, ns.
    Constant(u64),
    /// From a list, by a stream of the scenario.
    Drawn(Box<scenarios::Stream>, Arc<[u64]>),
    /// By the clock.
    Measured,
}

impl Times {
    /// The time of the next observation's decision, ns, whether or not one is begun; `None` where only the clock will know. One word of the
    /// stream, modulo the length of the list.
    pub fn next_ns(&mut self) -> Option<u64> {
        match self {
            Times::Constant(ns) => Some(*ns),
            Times::Drawn(stream, times) => {
                let word = stream.word();
                // An empty list is refused when the file is read.
                Some(times.get((word % times.len().max(1) as u64) as usize).copied().unwrap_or_default())
            }
            Times::Measured => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The i-th observation takes the element that the i-th word of the scenario's own stream names.
    #[test]
    fn a_replay_is_drawn_by_scenario_and_observation() {
        let list: Arc<[u64]> = (0..1000).map(|i| i * 10).collect();
        let replay = Delay::Replay(Arc::clone(&list));
        let of = |population: &str, index: u64| -> Vec<u64> {
            let mut times = replay.of_scenario(Seed(9), population, index);
            (0..8).filter_map(|_| times.next_ns()).collect()
        };
        let mut stream = streams(Seed(9), "p", 3).named("latency");
        let expected: Vec<u64> = (0..8).map(|_| list[(stream.word() % 1000) as usize]).collect();
        assert_eq!(of("p", 3), expected);
        assert_ne!(of("p", 4), expected);
        assert_ne!(of("q", 3), expected);
    }

    #[test]
    fn constants_say_so() {
        assert_eq!(Delay::Zero.of_scenario(Seed(1), "p", 0).next_ns(), Some(0));
        assert_eq!(Delay::Quantile { q: 0.99, ns: 7 }.of_scenario(Seed(1), "p", 0).next_ns(), Some(7));
        assert_eq!(Delay::WallClock.of_scenario(Seed(1), "p", 0).next_ns(), None);
        assert_eq!(Delay::Fixed(250_000_000).in_words(), "fixed, 250 ms");
    }
}
