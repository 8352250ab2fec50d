//! The numbers a kernel works on: one `f64`, or several side by side.
//!
//! A kernel is written once, generic over [`Lane`], every helper `#[inline(always)]`, and is entered through
//! [`dispatch`], which compiles it again with the instructions this machine has. Every product-and-sum is an explicit
//! fused multiply-add, so the bytes of a result do not depend on which of those copies ran.

/// One or several independent `f64`, elementwise.
pub(crate) trait Lane: Copy {
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
    /// `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// `b - self * a`, rounded once.
    fn neg_mul_add(self, a: Self, b: Self) -> Self;
    /// The larger of both magnitudes; NaN where either is NaN.
    fn max_abs(self, other: Self) -> Self;
}

impl Lane for f64 {
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
}

/// Something to run with the instructions of this machine.
pub(crate) trait Work {
    /// What it answers.
    type Answer;
    /// Must be `#[inline(always)]`, with everything it calls, or the instructions are lost.
    fn run(self) -> Self::Answer;
}

/// Runs the work, compiled for the best instruction set that this machine has.
pub(crate) fn dispatch<W: Work>(work: W) -> W::Answer {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn with_fma<W: Work>(work: W) -> W::Answer {
            work.run()
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the line above has just seen that this processor executes AVX2 and FMA instructions.
            #[allow(unsafe_code)]
            return unsafe { with_fma(work) };
        }
    }
    work.run()
}
