//! Numbers from a stream. Every rule from word to number is written here, so that a draw never depends on how a library
//! chooses to make it, and uses only operations that every IEEE 754 machine rounds alike.

use std::convert::Infallible;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, TryRng};

/// One named stream of random words; see [`crate::seed::Streams::named`].
#[derive(Debug)]
pub struct Stream {
    generator: ChaCha8Rng,
    /// Moves away from the words of the generator: what is kept of the deviate so far, and where the rest comes from.
    moves: Vec<(f64, ChaCha8Rng)>,
}

impl Stream {
    pub(crate) fn new(generator: ChaCha8Rng) -> Self {
        Stream { generator, moves: Vec::new() }
    }

    /// The same moved: every word, taken as a normal deviate z, becomes `keep z + sqrt(1 - keep^2) n` with a deviate n of the next
    /// generator, for each move in turn. Words that were uniform stay uniform.
    pub(crate) fn moved(generator: ChaCha8Rng, moves: Vec<(f64, ChaCha8Rng)>) -> Self {
        Stream { generator, moves }
    }

    /// The next 64 bits; of a moved stream the upper 53, and zeros.
    pub fn word(&mut self) -> u64 {
        let word = self.generator.next_u64();
        if self.moves.is_empty() {
            return word;
        }
        let mut z = deviate(word);
        for (keep, generator) in &mut self.moves {
            z = *keep * z + (1.0 - *keep * *keep).sqrt() * deviate(generator.next_u64());
        }
        let share = 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
        // Rounding may reach one, which no word is.
        (((share * (1u64 << 53) as f64) as u64).min((1 << 53) - 1)) << 11
    }

    /// Uniform on [0, 1): the upper 53 bits of a word, over 2^53. One word.
    pub fn uniform(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (self.word() >> 11) as f64 * STEP
    }

    /// Uniform on the open interval (0, 1), symmetric about one half: (upper 52 bits + 1/2) over 2^52, exact. One word.
    pub fn uniform_open(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 52) as f64;
        ((self.word() >> 12) as f64 + 0.5) * STEP
    }

    /// Standard normal: the [`normal_quantile`] of [`Self::uniform_open`], so never beyond 8.21. One word, and rising in
    /// it: the same stream with another spread gives the same deviates, scaled.
    pub fn normal(&mut self) -> f64 {
        normal_quantile(self.uniform_open())
    }

    /// A whole number below `n`, every one equally likely; `None` where `n` is zero. One word, rarely more.
    ///
    /// Source: Lemire, "Fast random integer generation in an interval", 2019, algorithm 5.
    pub fn below(&mut self, n: u64) -> Option<u64> {
        if n == 0 {
            return None;
        }
        let rejected = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.word()) * u128::from(n);
            if product as u64 >= rejected {
                return Some((product >> 64) as u64);
            }
        }
    }

    /// Puts a slice in a uniformly drawn order (Fisher and Yates, from the front). One word an element, rarely more.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        self.shuffle_front(items, items.len());
    }

    /// `k` different numbers below `n`, ascending, every set equally likely; all of them where `k` exceeds `n`. A larger
    /// `k` on the same stream gives a superset.
    pub fn subset(&mut self, n: usize, k: usize) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..n).collect();
        let k = k.min(n);
        self.shuffle_front(&mut rows, k);
        rows.truncate(k);
        rows.sort_unstable();
        rows
    }

    /// Settles the first `k` places of a uniformly drawn order.
    fn shuffle_front<T>(&mut self, items: &mut [T], k: usize) {
        for place in 0..k {
            let rest = (items.len() - place) as u64;
            items.swap(place, place + self.below(rest).unwrap_or(0) as usize);
        }
    }
}

/// The normal deviate of a word, as [`Stream::normal`] has it.
fn deviate(word: u64) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 52) as f64;
    normal_quantile(((word >> 12) as f64 + 0.5) * STEP)
}

/// For the distributions of other crates; everything drawn in this crate uses the methods of [`Stream`] itself.
impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        // Of a moved stream every number is moved, whoever asks for it.
        Ok(if self.moves.is_empty() { self.generator.next_u32() } else { (self.word() >> 32) as u32 })
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.word())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        if self.moves.is_empty() {
            self.generator.fill_bytes(bytes);
        } else {
            // The upper half of a word: the lowest bits of a moved one are zeros.
            for chunk in bytes.chunks_mut(4) {
                chunk.copy_from_slice(&((self.word() >> 32) as u32).to_le_bytes()[..chunk.len()]);
            }
        }
        Ok(())
    }
}

/// The standard normal quantile of `p` in (0, 1), relative error about 1e-16; infinite at 0 and 1, NaN outside.
///
/// Its one transcendental function is `libm::log`, which is plain arithmetic and gives the same bits on every platform;
/// `f64::ln` need not. Source: Wichura, algorithm AS 241 (PPND16), Applied Statistics 37 (1988).
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * ratio(&CENTRE, r);
    }
    if p == 0.0 || p == 1.0 {
        return f64::INFINITY.copysign(q);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-libm::log(tail)).sqrt();
    let z = if r <= 5.0 { ratio(&MIDDLE, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    z.copysign(q)
}

/// Numerator and denominator, highest power first.
type Rational = ([f64; 8], [f64; 8]);

fn ratio((above, below): &Rational, r: f64) -> f64 {
    let horner = |powers: &[f64; 8]| powers.iter().fold(0.0, |sum, coefficient| sum * r + coefficient);
    horner(above) / horner(below)
}

#[expect(clippy::excessive_precision, reason = "every digit as printed")]
const CENTRE: Rational = (
    [
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ],
    [
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ],
);

#[expect(clippy::excessive_precision, reason = "every digit as printed")]
const MIDDLE: Rational = (
    [
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ],
    [
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ],
);

#[expect(clippy::excessive_precision, reason = "every digit as printed")]
const FAR: Rational = (
    [
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ],
    [
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ],
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Seed, streams};

    fn stream() -> Stream {
        streams(Seed(20261121), "draws", 0).named("test")
    }

    #[test]
    fn the_quantile_is_odd_and_its_ends_are_infinite() {
        for p in [1e-12, 0.01, 0.075, 0.3, 0.4999] {
            // 1 - p is rounded: compare where the rounding of p itself moves the answer by no more.
            let q = 1.0 - (1.0 - p);
            let (low, high) = (normal_quantile(q), normal_quantile(1.0 - p));
            assert!((low + high).abs() <= 1e-15 * high.abs(), "{p}: {low} {high}");
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
        assert_eq!(normal_quantile(0.5), 0.0);
        assert!(normal_quantile(-0.1).is_nan() && normal_quantile(1.1).is_nan());
        assert!(normal_quantile(f64::NAN).is_nan());
    }

    #[test]
    fn the_open_uniform_reaches_neither_end() {
        const STEP: f64 = 1.0 / (1u64 << 52) as f64;
        let [lowest, highest] = [0u64, u64::MAX].map(|word| ((word >> 12) as f64 + 0.5) * STEP);
        assert!(lowest > 0.0 && highest < 1.0);
        assert_eq!(lowest, 1.0 - highest);
    }

    #[test]
    fn other_crates_read_the_same_words() {
        let (mut ours, mut theirs) = (stream(), stream());
        for _ in 0..200 {
            assert_eq!(ours.word(), theirs.next_u64());
        }
    }

    #[test]
    fn nothing_is_below_zero() {
        assert_eq!(stream().below(0), None);
        assert_eq!(stream().below(1), Some(0));
    }

    #[test]
    fn a_larger_subset_holds_the_smaller_one() {
        let largest = stream().subset(20, 20);
        assert_eq!(largest, (0..20).collect::<Vec<_>>());
        for k in 0..20 {
            let (small, large) = (stream().subset(20, k), stream().subset(20, k + 1));
            assert_eq!(small.len(), k);
            assert!(small.is_sorted() && small.iter().all(|row| large.contains(row)));
        }
        assert_eq!(stream().subset(3, 9), [0, 1, 2]);
    }

    #[test]
    fn every_order_of_four_is_equally_likely() {
        let mut stream = stream();
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..24_000 {
            let mut order = [0, 1, 2, 3];
            stream.shuffle(&mut order);
            *seen.entry(order).or_insert(0.0) += 1.0;
        }
        assert_eq!(seen.len(), 24);
        let chi_square: f64 = seen.values().map(|n: &f64| (n - 1000.0).powi(2) / 1000.0).sum();
        // 0.999 quantile of chi-square with 23 degrees of freedom (printed tables).
        assert!(chi_square < 49.73, "{chi_square}");
    }

    #[test]
    fn normal_deviates_have_the_moments_of_the_law() {
        let mut stream = stream();
        let n = 40_000;
        let z: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let moment = |k: i32| z.iter().map(|z| z.powi(k)).sum::<f64>() / f64::from(n);
        // Standard errors of the first four raw moments: sqrt(1/n), sqrt(2/n), sqrt(15/n), sqrt(96/n).
        for (k, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0f64)] {
            let error = (variance / f64::from(n)).sqrt();
            assert!((moment(k) - expected).abs() < 4.0 * error, "moment {k}: {}", moment(k));
        }
    }
}
