//! Sixteen lanes of AVX-512F, which rotates in one instruction and has registers for the whole state.

#![expect(
    unsafe_code,
    reason = "instructions that not every machine has; each call is covered by the proof that is its receiver"
)]
#![expect(
    clippy::inline_always,
    reason = "a call in the rounds would cost more than the operation that it makes"
)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_cmpeq_epi32_mask, _mm512_loadu_si512,
    _mm512_ror_epi32, _mm512_set1_epi32, _mm512_xor_si512,
};

use super::{Lanes, MOST_LANES};
use crate::prepared::Prepared;
use crate::range::Run;
use crate::scan::scan;

/// The instructions of AVX-512F.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Lanes for Avx512 {
    type V = __m512i;

    const COUNT: u32 = 16;

    fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }

    fn scan(self, prepared: &Prepared, run: Run) -> Option<u64> {
        #[target_feature(enable = "avx512f")]
        fn with_instructions(lanes: Avx512, prepared: &Prepared, run: Run) -> Option<u64> {
            scan(lanes, prepared, run)
        }
        // SAFETY: `self` proves AVX-512F.
        unsafe { with_instructions(self, prepared, run) }
    }

    #[inline(always)]
    fn splat(self, word: u32) -> __m512i {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_set1_epi32(word.cast_signed()) }
    }

    #[inline(always)]
    fn load(self, words: &[u32; MOST_LANES]) -> __m512i {
        // SAFETY: `self` proves AVX-512F; there are at least as many words as lanes.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    fn rotate_right_16(self, a: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_ror_epi32::<16>(a) }
    }

    #[inline(always)]
    fn rotate_right_12(self, a: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_ror_epi32::<12>(a) }
    }

    #[inline(always)]
    fn rotate_right_8(self, a: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_ror_epi32::<8>(a) }
    }

    #[inline(always)]
    fn rotate_right_7(self, a: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_ror_epi32::<7>(a) }
    }

    #[inline(always)]
    fn any_equal(self, a: __m512i, b: __m512i) -> bool {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_cmpeq_epi32_mask(a, b) != 0 }
    }
}
