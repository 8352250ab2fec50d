//! Lanes of x86-64, by the intrinsics of `std::arch`. The only unsafe code of the project.
//!
//! The argument for every block here is one: an intrinsic may be executed where the processor has its instructions. Values
//! of [`F64x8`] and [`F64x4`] are made and moved without any (through arrays); arithmetic on them happens inside
//! [`Lane::dispatch`] alone, which asks the processor first. In debug builds every operation asks again.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::mem::transmute;

use super::{Lane, Work};

/// Proof that this processor executes AVX2 and FMA instructions.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Asks the processor; the answer is cached by the standard library.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Avx2(()))
    }

    /// Runs the work, compiled with these instructions.
    #[inline]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Answer {
        #[target_feature(enable = "avx2,fma")]
        fn with<W: Work>(work: W) -> W::Answer {
            work.run()
        }
        // SAFETY: `self` exists only where the processor has AVX2 and FMA.
        unsafe { with(work) }
    }
}

/// Proof that this processor executes AVX-512 instructions.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// Asks the processor; the answer is cached by the standard library.
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma");
        has.then_some(Avx512(()))
    }

    /// Runs the work, compiled with these instructions.
    #[inline]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Answer {
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn with<W: Work>(work: W) -> W::Answer {
            work.run()
        }
        // SAFETY: `self` exists only where the processor has AVX-512F, which implies AVX2, and FMA.
        unsafe { with(work) }
    }
}

/// Eight numbers in one AVX-512 register.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct F64x8(__m512d);

/// Four numbers in one AVX2 register.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct F64x4(__m256d);

/// An intrinsic, inside [`Lane::dispatch`].
macro_rules! intrinsic {
    ($has:ty, $call:expr) => {{
        debug_assert!(<$has>::detect().is_some());
        // SAFETY: arithmetic on this lane happens only inside its `dispatch`, which has seen that the processor executes
        // these instructions (see the module).
        unsafe { $call }
    }};
}

impl Lane for F64x8 {
    const WIDTH: usize = 8;
    #[inline(always)]
    fn splat(value: f64) -> Self {
        // SAFETY: both types are 64 bytes, and every pattern of bits is a value of either.
        F64x8(unsafe { transmute::<[f64; 8], __m512d>([value; 8]) })
    }
    #[inline(always)]
    fn get(self, lane: usize) -> f64 {
        // SAFETY: as in `splat`.
        let values = unsafe { transmute::<__m512d, [f64; 8]>(self.0) };
        values[lane]
    }
    #[inline(always)]
    fn set(&mut self, lane: usize, value: f64) {
        // SAFETY: as in `splat`; the array is as well aligned as it needs to be, and borrowed as `self` is.
        let values = unsafe { &mut *(&raw mut self.0).cast::<[f64; 8]>() };
        values[lane] = value;
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        F64x8(intrinsic!(Avx512, _mm512_add_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        F64x8(intrinsic!(Avx512, _mm512_sub_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        F64x8(intrinsic!(Avx512, _mm512_mul_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        F64x8(intrinsic!(Avx512, _mm512_div_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        F64x8(intrinsic!(Avx512, _mm512_sqrt_pd(self.0)))
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        F64x8(intrinsic!(Avx512, _mm512_fmadd_pd(self.0, a.0, b.0)))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: Self, b: Self) -> Self {
        F64x8(intrinsic!(Avx512, _mm512_fnmadd_pd(self.0, a.0, b.0)))
    }
    #[inline(always)]
    fn max_abs(self, other: Self) -> Self {
        // Magnitudes order as their bits do, and a NaN is above infinity there: it never gets lost.
        F64x8(intrinsic!(Avx512, {
            let a = _mm512_castpd_si512(_mm512_abs_pd(self.0));
            let b = _mm512_castpd_si512(_mm512_abs_pd(other.0));
            _mm512_castsi512_pd(_mm512_max_epu64(a, b))
        }))
    }
    #[inline(always)]
    fn choose(self, yes: Self, no: Self) -> Self {
        F64x8(intrinsic!(Avx512, {
            let above = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_pd());
            _mm512_mask_mov_pd(no.0, above, yes.0)
        }))
    }
    #[inline(always)]
    fn any_above_zero(self) -> bool {
        intrinsic!(Avx512, _mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_pd())) != 0
    }
    #[inline(always)]
    fn dispatch<W: Work>(work: W) -> W::Answer {
        Avx512::detect().expect("eight lanes are chosen only where the processor has AVX-512").run(work)
    }
}

impl Lane for F64x4 {
    const WIDTH: usize = 4;
    #[inline(always)]
    fn splat(value: f64) -> Self {
        // SAFETY: both types are 32 bytes, and every pattern of bits is a value of either.
        F64x4(unsafe { transmute::<[f64; 4], __m256d>([value; 4]) })
    }
    #[inline(always)]
    fn get(self, lane: usize) -> f64 {
        // SAFETY: as in `splat`.
        let values = unsafe { transmute::<__m256d, [f64; 4]>(self.0) };
        values[lane]
    }
    #[inline(always)]
    fn set(&mut self, lane: usize, value: f64) {
        // SAFETY: as in `splat`; the array is as well aligned as it needs to be, and borrowed as `self` is.
        let values = unsafe { &mut *(&raw mut self.0).cast::<[f64; 4]>() };
        values[lane] = value;
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        F64x4(intrinsic!(Avx2, _mm256_add_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        F64x4(intrinsic!(Avx2, _mm256_sub_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        F64x4(intrinsic!(Avx2, _mm256_mul_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        F64x4(intrinsic!(Avx2, _mm256_div_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        F64x4(intrinsic!(Avx2, _mm256_sqrt_pd(self.0)))
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        F64x4(intrinsic!(Avx2, _mm256_fmadd_pd(self.0, a.0, b.0)))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: Self, b: Self) -> Self {
        F64x4(intrinsic!(Avx2, _mm256_fnmadd_pd(self.0, a.0, b.0)))
    }
    #[inline(always)]
    fn max_abs(self, other: Self) -> Self {
        F64x4(intrinsic!(Avx2, {
            let sign = _mm256_set1_pd(-0.0);
            let (a, b) = (_mm256_andnot_pd(sign, self.0), _mm256_andnot_pd(sign, other.0));
            // The maximum is its second operand where either is NaN; a NaN in the first must not get lost.
            _mm256_blendv_pd(_mm256_max_pd(a, b), a, _mm256_cmp_pd::<_CMP_UNORD_Q>(a, a))
        }))
    }
    #[inline(always)]
    fn choose(self, yes: Self, no: Self) -> Self {
        F64x4(intrinsic!(Avx2, {
            let above = _mm256_cmp_pd::<_CMP_GT_OQ>(self.0, _mm256_setzero_pd());
            _mm256_blendv_pd(no.0, yes.0, above)
        }))
    }
    #[inline(always)]
    fn any_above_zero(self) -> bool {
        let above = intrinsic!(Avx2, _mm256_cmp_pd::<_CMP_GT_OQ>(self.0, _mm256_setzero_pd()));
        intrinsic!(Avx2, _mm256_movemask_pd(above)) != 0
    }
    #[inline(always)]
    fn dispatch<W: Work>(work: W) -> W::Answer {
        Avx2::detect().expect("four lanes are chosen only where the processor has AVX2 and FMA").run(work)
    }
}
