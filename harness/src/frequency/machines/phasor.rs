//! Complex numbers, rectangular, with the operations that a network needs.

use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

/// A complex number, rectangular.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Phasor {
    /// Real part.
    pub(super) re: f64,
    /// Imaginary part.
    pub(super) im: f64,
}

impl Phasor {
    pub(super) const ZERO: Self = Self { re: 0.0, im: 0.0 };
    pub(super) const ONE: Self = Self { re: 1.0, im: 0.0 };

    pub(super) const fn new(re: f64, im: f64) -> Self {
        Self { re, im }
    }

    /// `magnitude` at `angle_rad`.
    pub(super) fn polar(magnitude: f64, angle_rad: f64) -> Self {
        let (sin, cos) = libm::sincos(angle_rad);
        Self { re: magnitude * cos, im: magnitude * sin }
    }

    pub(super) fn conj(self) -> Self {
        Self { re: self.re, im: -self.im }
    }

    pub(super) fn square(self) -> f64 {
        self.re * self.re + self.im * self.im
    }

    pub(super) fn abs(self) -> f64 {
        self.square().sqrt()
    }

    /// In (-pi, pi].
    pub(super) fn angle_rad(self) -> f64 {
        libm::atan2(self.im, self.re)
    }

    /// `1 / self`; infinite or not a number where `self` is zero, which callers rule out.
    pub(super) fn recip(self) -> Self {
        let square = self.square();
        Self { re: self.re / square, im: -self.im / square }
    }

    pub(super) fn scale(self, by: f64) -> Self {
        Self { re: self.re * by, im: self.im * by }
    }
}

impl Add for Phasor {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }
}

impl Sub for Phasor {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }
}

impl Mul for Phasor {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}

impl Neg for Phasor {
    type Output = Self;
    fn neg(self) -> Self {
        Self { re: -self.re, im: -self.im }
    }
}

impl AddAssign for Phasor {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Phasor {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}
