//! Four lanes of SSSE3: SSE2 with a byte shuffle for two of the rotations.

#![expect(
    unsafe_code,
    reason = "instructions that not every machine has; each call is covered by the proof that is its receiver"
)]
#![expect(
    clippy::inline_always,
    reason = "a call in the rounds would cost more than the operation that it makes"
)]

use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_shuffle_epi8};
use std::hint::black_box;

use super::sse2::Sse2;
use super::{ByteRotations, Lanes, MOST_LANES};
use crate::prepared::Prepared;
use crate::range::Run;
use crate::scan::scan;

/// The instructions of SSSE3, and so those of SSE2.
///
/// The indices of the byte rotations are data of run time, as with AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ssse3 {
    sse2: Sse2,
    indices: ByteRotations<__m128i>,
}

impl Lanes for Ssse3 {
    type V = __m128i;

    const COUNT: u32 = Sse2::COUNT;

    fn detect() -> Option<Self> {
        if !is_x86_feature_detected!("ssse3") {
            return None;
        }
        let ByteRotations { by_16, by_8 } = black_box(ByteRotations::FOUR_LANES);
        // SAFETY: SSSE3, which includes SSE2, was found just now; the pointer is to sixteen bytes.
        let indices = |bytes: [u8; 16]| unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        Some(Self {
            sse2: Sse2::detect()?,
            indices: ByteRotations {
                by_16: indices(by_16),
                by_8: indices(by_8),
            },
        })
    }

    fn scan(self, prepared: &Prepared, run: Run) -> Option<u64> {
        #[target_feature(enable = "ssse3")]
        fn with_instructions(lanes: Ssse3, prepared: &Prepared, run: Run) -> Option<u64> {
            scan(lanes, prepared, run)
        }
        // SAFETY: `self` proves SSSE3.
        unsafe { with_instructions(self, prepared, run) }
    }

    #[inline(always)]
    fn splat(self, word: u32) -> __m128i {
        self.sse2.splat(word)
    }

    #[inline(always)]
    fn load(self, words: &[u32; MOST_LANES]) -> __m128i {
        self.sse2.load(words)
    }

    #[inline(always)]
    fn add(self, a: __m128i, b: __m128i) -> __m128i {
        self.sse2.add(a, b)
    }

    #[inline(always)]
    fn xor(self, a: __m128i, b: __m128i) -> __m128i {
        self.sse2.xor(a, b)
    }

    #[inline(always)]
    fn and(self, a: __m128i, b: __m128i) -> __m128i {
        self.sse2.and(a, b)
    }

    #[inline(always)]
    fn rotate_right_16(self, a: __m128i) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_shuffle_epi8(a, self.indices.by_16) }
    }

    #[inline(always)]
    fn rotate_right_12(self, a: __m128i) -> __m128i {
        self.sse2.rotate_right_12(a)
    }

    #[inline(always)]
    fn rotate_right_8(self, a: __m128i) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_shuffle_epi8(a, self.indices.by_8) }
    }

    #[inline(always)]
    fn rotate_right_7(self, a: __m128i) -> __m128i {
        self.sse2.rotate_right_7(a)
    }

    #[inline(always)]
    fn any_equal(self, a: __m128i, b: __m128i) -> bool {
        self.sse2.any_equal(a, b)
    }
}
