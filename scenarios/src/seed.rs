//! One seed, named independent streams.
//!
//! A stream is keyed by (suite seed, population id, stream name) and numbered by the scenario's index, so any draw of any
//! scenario is reached without the draws before it, and no draw depends on what a candidate did.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::draw::Stream;

/// The number that a whole suite is drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// Names the encoding below: any change of the layout changes this, and with it every draw.
const ENCODING: &[u8] = b"gridgate/stream/1";

/// A step away from the draws of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Its number: what it draws. Moves of one number are the same.
    pub number: u64,
    /// How much of every normal deviate is kept, in thousandths, up to 999.
    pub keep_permille: u16,
}

/// All random streams of one scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: Seed,
    population: String,
    index: u64,
    prefix: String,
    moves: Vec<Move>,
}

/// The streams of scenario `index` of a population.
pub fn streams(seed: Seed, population: &str, index: u64) -> Streams {
    Streams { seed, population: population.to_owned(), index, prefix: String::new(), moves: Vec::new() }
}

impl Streams {
    /// The number of the scenario that these are the streams of.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The same streams, every name of which begins with `scope` and a slash: `within("line_trip#0").named("which")` is
    /// the stream `line_trip#0/which`.
    #[must_use]
    pub fn within(&self, scope: &str) -> Streams {
        Streams { prefix: format!("{}{scope}/", self.prefix), ..self.clone() }
    }

    /// The stream of this name, at its beginning. Asking twice gives the same draws twice.
    ///
    /// ChaCha with 8 rounds; key = SHA-256 of four fields (encoding name, seed as 8 bytes, population id and stream name
    /// in UTF-8), each preceded by its length in bytes as 8 bytes; ChaCha's 64-bit stream number = index; position 0. All
    /// integers are little-endian.
    pub fn named(&self, name: &str) -> Stream {
        let name = format!("{}{name}", self.prefix);
        if self.moves.is_empty() {
            return Stream::new(self.generator(&name, self.index));
        }
        let moved = |step: &Move| {
            let keep = f64::from(step.keep_permille.min(999)) / 1000.0;
            (keep, self.generator(&format!("move/{name}"), step.number))
        };
        Stream::moved(self.generator(&name, self.index), self.moves.iter().map(moved).collect())
    }

    /// The same streams moved away from their draws, step by step: each word is still uniform and independent of all others, and the
    /// more is kept the nearer it is to what it was.
    ///
    /// Source: the proposals of S. L. Cotter, G. O. Roberts, A. M. Stuart, D. White, "MCMC methods for functions", Statistical
    /// Science 28(3), 2013, on every word as a normal deviate.
    #[must_use]
    pub fn moved(&self, moves: &[Move]) -> Streams {
        Streams { moves: [&self.moves, moves].concat(), ..self.clone() }
    }

    fn generator(&self, name: &str, number: u64) -> ChaCha8Rng {
        let mut hash = Sha256::new();
        // Every field carries its length: ("ab", "c") and ("a", "bc") must not share a key.
        for field in [ENCODING, &self.seed.0.to_le_bytes(), self.population.as_bytes(), name.as_bytes()] {
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field);
        }
        let mut generator = ChaCha8Rng::from_seed(hash.finalize().into());
        generator.set_stream(number);
        generator
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(streams: &Streams, name: &str) -> u64 {
        streams.named(name).word()
    }

    #[test]
    fn moving_a_letter_between_fields_changes_the_key() {
        assert_ne!(first(&streams(Seed(1), "ab", 0), "c"), first(&streams(Seed(1), "a", 0), "bc"));
        assert_ne!(first(&streams(Seed(1), "a", 0), ""), first(&streams(Seed(1), "", 0), "a"));
    }

    #[test]
    fn a_scope_is_nothing_but_a_longer_name() {
        let all = streams(Seed(5), "p", 3);
        assert_eq!(first(&all.within("line_trip#0"), "which"), first(&all, "line_trip#0/which"));
        assert_eq!(first(&all.within("a").within("b"), "c"), first(&all, "a/b/c"));
    }
}
