//! The numbers a kernel works on: one `f64`, or four or eight side by side.
//!
//! A kernel is written once, generic over [`Lane`], every helper `#[inline(always)]`, and is entered through
//! [`dispatch`], which compiles it with the instructions that its lane needs. Every product-and-sum is an explicit fused
//! multiply-add and nothing is ever summed across lanes, so the bytes of a lane depend neither on the width nor on its
//! neighbours: f64x8 = f64x4 = f64, bit for bit.

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{F64x4, F64x8};

/// One or several independent `f64`, elementwise.
pub(crate) trait Lane: Copy + std::fmt::Debug + Send + Sync + 'static {
    /// How many.
    const WIDTH: usize;
    /// The same value everywhere.
    fn splat(value: f64) -> Self;
    /// One value.
    fn get(self, lane: usize) -> f64;
    /// Replaces one value.
    fn set(&mut self, lane: usize, value: f64);
    /// `self + other`.
    fn add(self, other: Self) -> Self;
    /// `self - other`.
    fn sub(self, other: Self) -> Self;
    /// `self * other`.
    fn mul(self, other: Self) -> Self;
    /// `self / other`.
    fn div(self, other: Self) -> Self;
    /// Square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// `b - self * a`, rounded once.
    fn neg_mul_add(self, a: Self, b: Self) -> Self;
    /// The larger of both magnitudes; NaN where either is NaN.
    fn max_abs(self, other: Self) -> Self;
    /// `yes` where `self` is above zero, else `no`.
    fn choose(self, yes: Self, no: Self) -> Self;
    /// Whether any of them is above zero.
    fn any_above_zero(self) -> bool;
    /// Runs the work with the instructions that this lane needs.
    ///
    /// # Panics
    /// Where this machine lacks them: [`Width::best`] never chooses such a lane.
    fn dispatch<W: Work>(work: W) -> W::Answer;
}

impl Lane for f64 {
    const WIDTH: usize = 1;
    #[inline(always)]
    fn splat(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn get(self, _lane: usize) -> f64 {
        self
    }
    #[inline(always)]
    fn set(&mut self, _lane: usize, value: f64) {
        *self = value;
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self + other
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self - other
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self * other
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self / other
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f64::mul_add(self, a, b)
    }
    #[inline(always)]
    fn neg_mul_add(self, a: Self, b: Self) -> Self {
        f64::mul_add(-self, a, b)
    }
    #[inline(always)]
    fn max_abs(self, other: Self) -> Self {
        let (a, b) = (self.abs(), other.abs());
        // `f64::max` drops a NaN; a mismatch that is no number must not look like a small one.
        if a >= b || a.is_nan() { a } else { b }
    }
    #[inline(always)]
    fn choose(self, yes: Self, no: Self) -> Self {
        if self > 0.0 { yes } else { no }
    }
    #[inline(always)]
    fn any_above_zero(self) -> bool {
        self > 0.0
    }
    #[inline(always)]
    fn dispatch<W: Work>(work: W) -> W::Answer {
        #[cfg(target_arch = "x86_64")]
        if let Some(has) = x86::Avx2::detect() {
            return has.run(work);
        }
        work.run()
    }
}

/// Two lanes that go together: twice as many states a pass, for passes whose coefficients all states share. There the
/// instructions beside the arithmetic (loops, indices, coefficients) are what counts, and half as many are left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Twin<L>(L, L);

impl<L: Lane> Lane for Twin<L> {
    const WIDTH: usize = 2 * L::WIDTH;
    #[inline(always)]
    fn splat(value: f64) -> Self {
        Twin(L::splat(value), L::splat(value))
    }
    #[inline(always)]
    fn get(self, lane: usize) -> f64 {
        if lane < L::WIDTH { self.0.get(lane) } else { self.1.get(lane - L::WIDTH) }
    }
    #[inline(always)]
    fn set(&mut self, lane: usize, value: f64) {
        if lane < L::WIDTH { self.0.set(lane, value) } else { self.1.set(lane - L::WIDTH, value) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Twin(self.0.add(other.0), self.1.add(other.1))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Twin(self.0.sub(other.0), self.1.sub(other.1))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Twin(self.0.mul(other.0), self.1.mul(other.1))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Twin(self.0.div(other.0), self.1.div(other.1))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Twin(self.0.sqrt(), self.1.sqrt())
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Twin(self.0.mul_add(a.0, b.0), self.1.mul_add(a.1, b.1))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: Self, b: Self) -> Self {
        Twin(self.0.neg_mul_add(a.0, b.0), self.1.neg_mul_add(a.1, b.1))
    }
    #[inline(always)]
    fn max_abs(self, other: Self) -> Self {
        Twin(self.0.max_abs(other.0), self.1.max_abs(other.1))
    }
    #[inline(always)]
    fn choose(self, yes: Self, no: Self) -> Self {
        Twin(self.0.choose(yes.0, no.0), self.1.choose(yes.1, no.1))
    }
    #[inline(always)]
    fn any_above_zero(self) -> bool {
        self.0.any_above_zero() | self.1.any_above_zero()
    }
    #[inline(always)]
    fn dispatch<W: Work>(work: W) -> W::Answer {
        L::dispatch(work)
    }
}

/// Something to run with the instructions of this machine.
pub(crate) trait Work {
    /// What it answers.
    type Answer;
    /// Must be `#[inline(always)]`, with everything it calls, or the instructions are lost.
    fn run(self) -> Self::Answer;
}

/// How many states are solved side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// One: every machine.
    One,
    /// Four: x86-64 with AVX2 and FMA.
    Four,
    /// Eight: x86-64 with AVX-512.
    Eight,
}

impl Width {
    /// The widest that this machine has.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if x86::Avx512::detect().is_some() {
                return Width::Eight;
            }
            if x86::Avx2::detect().is_some() {
                return Width::Four;
            }
        }
        Width::One
    }

    /// All that this machine has, narrowest first.
    pub fn available() -> Vec<Self> {
        let best = Self::best();
        [Width::One, Width::Four, Width::Eight].into_iter().filter(|w| w.lanes() <= best.lanes()).collect()
    }

    /// How many lanes.
    pub fn lanes(self) -> usize {
        match self {
            Width::One => 1,
            Width::Four => 4,
            Width::Eight => 8,
        }
    }
}

/// Something that is written for every width, and run at one.
pub(crate) trait WideWork {
    /// What it answers.
    type Answer;
    /// At a width.
    fn run<L: Lane>(self) -> Self::Answer;
}

/// Runs at a width; at one that this machine lacks, at the widest that it has: the bytes are the same.
pub(crate) fn at_width<W: WideWork>(width: Width, work: W) -> W::Answer {
    #[cfg(target_arch = "x86_64")]
    {
        let lanes = width.lanes().min(Width::best().lanes());
        if lanes == 8 {
            return work.run::<F64x8>();
        }
        if lanes == 4 {
            return work.run::<F64x4>();
        }
    }
    let _ = width;
    work.run::<f64>()
}

#[cfg(test)]
mod tests;
