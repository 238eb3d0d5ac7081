//! Eight lanes of AVX2.

#![expect(
    unsafe_code,
    reason = "instructions that not every machine has; each call is covered by the proof that is its receiver"
)]
#![expect(
    clippy::inline_always,
    reason = "a call in the rounds would cost more than the operation that it makes"
)]

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_xor_si256,
};
use std::hint::black_box;

use super::{ByteRotations, Lanes, MOST_LANES};
use crate::prepared::Prepared;
use crate::range::Run;
use crate::scan::scan;

/// The instructions of AVX2.
///
/// The indices of the byte rotations are data of run time on purpose: where the compiler knows them it makes two
/// shuffles of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(ByteRotations<__m256i>);

impl Lanes for Avx2 {
    type V = __m256i;

    const COUNT: u32 = 8;

    fn detect() -> Option<Self> {
        if !is_x86_feature_detected!("avx2") {
            return None;
        }
        let ByteRotations { by_16, by_8 } = black_box(ByteRotations::FOUR_LANES);
        // SAFETY: AVX2 was found just now; the pointer is to the sixteen bytes that are loaded into both halves.
        let indices = |bytes: [u8; 16]| unsafe {
            _mm256_broadcastsi128_si256(_mm_loadu_si128(bytes.as_ptr().cast()))
        };
        Some(Self(ByteRotations {
            by_16: indices(by_16),
            by_8: indices(by_8),
        }))
    }

    fn scan(self, prepared: &Prepared, run: Run) -> Option<u64> {
        #[target_feature(enable = "avx2")]
        fn with_instructions(lanes: Avx2, prepared: &Prepared, run: Run) -> Option<u64> {
            scan(lanes, prepared, run)
        }
        // SAFETY: `self` proves AVX2.
        unsafe { with_instructions(self, prepared, run) }
    }

    #[inline(always)]
    fn splat(self, word: u32) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_set1_epi32(word.cast_signed()) }
    }

    #[inline(always)]
    fn load(self, words: &[u32; MOST_LANES]) -> __m256i {
        // SAFETY: `self` proves AVX2; there are at least as many words as lanes.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_add_epi32(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    fn rotate_right_16(self, a: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_shuffle_epi8(a, self.0.by_16) }
    }

    #[inline(always)]
    fn rotate_right_12(self, a: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_or_si256(_mm256_srli_epi32::<12>(a), _mm256_slli_epi32::<20>(a)) }
    }

    #[inline(always)]
    fn rotate_right_8(self, a: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_shuffle_epi8(a, self.0.by_8) }
    }

    #[inline(always)]
    fn rotate_right_7(self, a: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_or_si256(_mm256_srli_epi32::<7>(a), _mm256_slli_epi32::<25>(a)) }
    }

    #[inline(always)]
    fn any_equal(self, a: __m256i, b: __m256i) -> bool {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_movemask_epi8(_mm256_cmpeq_epi32(a, b)) != 0 }
    }
}
