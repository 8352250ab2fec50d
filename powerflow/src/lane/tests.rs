//! Every operation of every width against the scalar lane, bit for bit, over numbers that are easily got wrong.

use super::*;

const AWKWARD: [f64; 13] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    1e300,
    -1e-300,
    5e-324,
    0.1,
    std::f64::consts::PI,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    -7.25,
];

/// Bits, with every NaN the same: which NaN an operation gives is not promised by anybody.
fn bits(x: f64) -> u64 {
    if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() }
}

fn all<L: Lane>(a: L, b: L, c: L) -> [L; 9] {
    [
        a.add(b),
        a.sub(b),
        a.mul(b),
        a.div(b),
        a.mul_add(b, c),
        a.neg_mul_add(b, c),
        a.max_abs(b),
        a.choose(b, c),
        a.sqrt(),
    ]
}

struct Compare<L>(std::marker::PhantomData<L>);

impl<L: Lane> Work for Compare<L> {
    type Answer = ();
    #[inline(always)]
    fn run(self) {
        let pick = |i: usize| AWKWARD[i % AWKWARD.len()];
        for i in 0..AWKWARD.len().pow(2) {
            let at = |lane: usize| {
                let k = i + 31 * lane;
                [pick(k), pick(k / AWKWARD.len() + lane), pick(3 * k + 1)]
            };
            let mut wide = [L::splat(0.0); 3];
            for lane in 0..L::WIDTH {
                for (slot, value) in wide.iter_mut().zip(at(lane)) {
                    slot.set(lane, value);
                }
            }
            let answers = all(wide[0], wide[1], wide[2]);
            let above = (0..L::WIDTH).any(|lane| at(lane)[0] > 0.0);
            assert_eq!(wide[0].any_above_zero(), above);
            for lane in 0..L::WIDTH {
                let [a, b, c] = at(lane);
                for (number, (ours, alone)) in answers.iter().zip(all::<f64>(a, b, c)).enumerate() {
                    assert_eq!(bits(ours.get(lane)), bits(alone), "operation {number} of {a}, {b}, {c}");
                }
            }
        }
    }
}

#[test]
fn every_width_computes_the_bits_of_the_scalar_lane() {
    struct Widths;
    impl WideWork for Widths {
        type Answer = usize;
        fn run<L: Lane>(self) -> usize {
            L::dispatch(Compare::<L>(std::marker::PhantomData));
            L::WIDTH
        }
    }
    for width in Width::available() {
        assert_eq!(at_width(width, Widths), width.lanes());
    }
}

#[test]
fn a_mismatch_that_is_no_number_is_never_small() {
    assert!(f64::NAN.max_abs(1.0).is_nan() && 1.0.max_abs(f64::NAN).is_nan());
    assert_eq!((-3.0).max_abs(2.0), 3.0);
}
