//! The plane-wave impedance of layered earth: which electric field a change of the magnetic field induces.

use std::f64::consts::PI;

use crate::solution::Complex;

/// Permeability of free space, H/m.
const MU_0: f64 = 4e-7 * PI;

/// A layer of earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// Resistivity, ohm metres.
    pub resistivity_ohm_m: f64,
    /// Thickness, metres; without meaning in the lowest layer, which has no end.
    pub thickness_m: f64,
}

/// The reference ground of NERC TPL-007-4: layers of Quebec, from the surface down.
pub const QUEBEC: [Layer; 5] = [
    Layer { resistivity_ohm_m: 20_000.0, thickness_m: 15e3 },
    Layer { resistivity_ohm_m: 200.0, thickness_m: 10e3 },
    Layer { resistivity_ohm_m: 1000.0, thickness_m: 125e3 },
    Layer { resistivity_ohm_m: 100.0, thickness_m: 200e3 },
    Layer { resistivity_ohm_m: 3.0, thickness_m: f64::INFINITY },
];

/// Impedance at the surface, ohm, for a time dependence `exp(i omega t)` at a frequency above zero, Hz. With x to the north, y to
/// the east and B in tesla, the field in V/m is `E_x = Z B_y / mu_0`, `E_y = -Z B_x / mu_0`.
///
/// `None` without layers, where a resistivity or a thickness above the lowest layer is not positive, or at a frequency that is
/// not positive and finite.
///
/// Source: upward recursion of reflections, as in Boteler and Pirjola, "The complex-image method", Geophys. J. Int. 132, 1998.
pub fn surface_impedance(layers: &[Layer], frequency_hz: f64) -> Option<Complex> {
    let sound = |layer: &Layer| layer.resistivity_ohm_m > 0.0 && layer.resistivity_ohm_m.is_finite();
    let (lowest, above) = layers.split_last()?;
    let periodic = frequency_hz > 0.0 && frequency_hz.is_finite();
    let thick = above.iter().all(|layer| layer.thickness_m > 0.0);
    if !(periodic && thick && layers.iter().all(sound)) {
        return None;
    }
    let omega_mu = 2.0 * PI * frequency_hz * MU_0;
    // k = sqrt(i omega mu sigma) = (1 + i) sqrt(omega mu sigma / 2), and the half-space's impedance i omega mu / k.
    let real_k = |layer: &Layer| libm::sqrt(0.5 * omega_mu / layer.resistivity_ohm_m);
    let half_space = |layer: &Layer| {
        let part = 0.5 * omega_mu / real_k(layer);
        Complex { re: part, im: part }
    };
    let mut below = half_space(lowest);
    for layer in above.iter().rev() {
        let own = half_space(layer);
        let ratio = divided(below, own);
        let reflected = divided(
            Complex { re: 1.0 - ratio.re, im: -ratio.im },
            Complex { re: 1.0 + ratio.re, im: ratio.im },
        );
        let depth = 2.0 * real_k(layer) * layer.thickness_m;
        let decay = libm::exp(-depth);
        let wave = Complex { re: decay * libm::cos(depth), im: -decay * libm::sin(depth) };
        let back = times(reflected, wave);
        let quotient =
            divided(Complex { re: 1.0 - back.re, im: -back.im }, Complex { re: 1.0 + back.re, im: back.im });
        below = times(own, quotient);
    }
    Some(below)
}

fn times(a: Complex, b: Complex) -> Complex {
    Complex { re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re }
}

fn divided(a: Complex, b: Complex) -> Complex {
    let square = b.re * b.re + b.im * b.im;
    let product = times(a, Complex { re: b.re, im: -b.im });
    Complex { re: product.re / square, im: product.im / square }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(resistivity_ohm_m: f64, thickness_m: f64) -> Layer {
        Layer { resistivity_ohm_m, thickness_m }
    }

    /// `|Z| = sqrt(omega mu rho)` at 45 degrees, however the half-space is cut.
    #[test]
    fn a_half_space_has_its_own_impedance() {
        let frequency = 1.0 / 120.0;
        let expected = libm::sqrt(2.0 * PI * frequency * MU_0 * 1000.0);
        for layers in
            [vec![layer(1000.0, 1.0)], vec![layer(1000.0, 20e3), layer(1000.0, 3e3), layer(1000.0, 1.0)]]
        {
            let z = surface_impedance(&layers, frequency).expect("sound layers");
            assert!((z.abs() / expected - 1.0).abs() < 1e-12, "{z:?}");
            assert!((z.im / z.re - 1.0).abs() < 1e-12, "{z:?}");
        }
    }

    /// Waves that end within the first layer see only that; slow ones see what lies beneath it.
    #[test]
    fn depth_follows_the_period() {
        let layers = [layer(1.0, 100e3), layer(1e4, 1.0)];
        let alone = |resistivity: f64, hz: f64| {
            surface_impedance(&[layer(resistivity, 1.0)], hz).expect("sound").abs()
        };
        let fast = surface_impedance(&layers, 10.0).expect("sound").abs();
        assert!((fast / alone(1.0, 10.0) - 1.0).abs() < 1e-12);
        let thin = [layer(1.0, 1.0), layer(1e4, 1.0)];
        let slow = surface_impedance(&thin, 1e-4).expect("sound").abs();
        assert!((slow / alone(1e4, 1e-4) - 1.0).abs() < 0.01);
        assert!(QUEBEC.iter().all(|l| surface_impedance(&[*l], 0.01).is_some()));
    }

    #[test]
    fn what_is_no_earth_has_no_impedance() {
        assert!(surface_impedance(&[], 1.0).is_none());
        assert!(surface_impedance(&[layer(0.0, 1.0)], 1.0).is_none());
        assert!(surface_impedance(&[layer(1.0, -1.0), layer(1.0, 1.0)], 1.0).is_none());
        assert!(surface_impedance(&QUEBEC, 0.0).is_none() && surface_impedance(&QUEBEC, f64::NAN).is_none());
    }
}
