//! Numbers from a stream. Every rule from word to number is written here, so that a draw never depends on how a library
//! chooses to make it, and uses only operations that every IEEE 754 machine rounds alike.

use std::convert::Infallible;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, TryRng};

/// One named stream of random words; see [`crate::seed::Streams::named`].
#[derive(Debug)]
pub struct Stream {
    generator: ChaCha8Rng,
}

impl Stream {
    pub(crate) fn new(generator: ChaCha8Rng) -> Self {
        Stream { generator }
    }

    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.generator.next_u64()
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

/// For the distributions of other crates; everything drawn in this crate uses the methods of [`Stream`] itself.
impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.generator.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.generator.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.generator.fill_bytes(bytes);
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

const CENTRE: Rational = (
    [
        2.509_080_928_730_122_6727e3,
        3.343_057_558_358_812_8105e4,
        6.726_577_092_700_870_0853e4,
        4.592_195_393_154_987_1457e4,
        1.373_169_376_550_946_1125e4,
        1.971_590_950_306_551_4427e3,
        1.331_416_678_917_843_7745e2,
        3.387_132_872_796_366_6080e0,
    ],
    [
        5.226_495_278_852_854_5610e3,
        2.872_908_573_572_194_2674e4,
        3.930_789_580_009_271_0610e4,
        2.121_379_430_158_659_5867e4,
        5.394_196_021_424_751_1077e3,
        6.871_870_074_920_579_0830e2,
        4.231_333_070_160_091_1252e1,
        1.0,
    ],
);

const MIDDLE: Rational = (
    [
        7.745_450_142_783_414_07640e-4,
        2.272_384_498_926_918_45833e-2,
        2.417_807_251_774_506_11770e-1,
        1.270_458_252_452_368_38258e0,
        3.647_848_324_763_204_60504e0,
        5.769_497_221_460_691_40550e0,
        4.630_337_846_156_545_29590e0,
        1.423_437_110_749_683_57734e0,
    ],
    [
        1.050_750_071_644_416_84324e-9,
        5.475_938_084_995_344_94600e-4,
        1.519_866_656_361_645_71966e-2,
        1.481_039_764_274_800_74590e-1,
        6.897_673_349_851_000_04550e-1,
        1.676_384_830_183_803_84940e0,
        2.053_191_626_637_758_82187e0,
        1.0,
    ],
);

const FAR: Rational = (
    [
        2.010_334_399_292_288_13265e-7,
        2.711_555_568_743_487_57815e-5,
        1.242_660_947_388_078_43860e-3,
        2.653_218_952_657_612_30930e-2,
        2.965_605_718_285_048_91230e-1,
        1.784_826_539_917_291_33580e0,
        5.463_784_911_164_114_36990e0,
        6.657_904_643_501_103_77720e0,
    ],
    [
        2.044_263_103_389_939_78564e-15,
        1.421_511_758_316_445_88870e-7,
        1.846_318_317_510_054_68180e-5,
        7.868_691_311_456_132_59100e-4,
        1.487_536_129_085_061_48525e-2,
        1.369_298_809_227_358_05310e-1,
        5.998_322_065_558_879_37690e-1,
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
