//! Four lanes of SSSE3: SSE2 with a byte shuffle for two of the rotations.

#![expect(
    unsafe_code,
    reason = "intrinsics; the receiver of each method proves that the machine has the instructions"
)]
#![expect(
    clippy::inline_always,
    reason = "a call would cost more than the operation"
)]

use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_shuffle_epi8};
use std::hint::black_box;

use rounds::Arithmetic;

use super::sse2::Sse2;
use super::{Lanes, MOST_LANES, ROTATE_8, ROTATE_16};
use crate::bound::VectorInstructions;

/// The instructions of SSSE3, and with them those of SSE2.
///
/// The shuffle indices pass through [`black_box`], as with AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ssse3 {
    sse2: Sse2,
    rotate_8: __m128i,
    rotate_16: __m128i,
}

impl Ssse3 {
    /// Returns the lanes if this machine has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        if !is_x86_feature_detected!("ssse3") {
            return None;
        }
        // SAFETY: the machine has SSSE3 and so SSE2; the pointer is to 16 bytes.
        let [rotate_8, rotate_16] = black_box([ROTATE_8, ROTATE_16])
            .map(|indices| unsafe { _mm_loadu_si128(indices.as_ptr().cast()) });
        Some(Self {
            sse2: Sse2::detect()?,
            rotate_8,
            rotate_16,
        })
    }
}

impl Arithmetic for Ssse3 {
    type V = __m128i;

    #[inline(always)]
    fn add(self, a: __m128i, b: __m128i) -> __m128i {
        self.sse2.add(a, b)
    }

    #[inline(always)]
    fn xor(self, a: __m128i, b: __m128i) -> __m128i {
        self.sse2.xor(a, b)
    }

    #[inline(always)]
    fn rotate_right_16(self, a: __m128i) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_shuffle_epi8(a, self.rotate_16) }
    }

    #[inline(always)]
    fn rotate_right_12(self, a: __m128i) -> __m128i {
        self.sse2.rotate_right_12(a)
    }

    #[inline(always)]
    fn rotate_right_8(self, a: __m128i) -> __m128i {
        // SAFETY: `self` proves SSSE3.
        unsafe { _mm_shuffle_epi8(a, self.rotate_8) }
    }

    #[inline(always)]
    fn rotate_right_7(self, a: __m128i) -> __m128i {
        self.sse2.rotate_right_7(a)
    }
}

impl Lanes for Ssse3 {
    const COUNT: u32 = Sse2::COUNT;
    const INSTRUCTIONS: Option<VectorInstructions> = Some(VectorInstructions {
        lanes: 4,
        rotations: [1, 3, 1, 3],
    });

    #[inline(always)]
    fn splat(self, word: u32) -> __m128i {
        self.sse2.splat(word)
    }

    #[inline(always)]
    fn load(self, words: &[u32; MOST_LANES]) -> __m128i {
        self.sse2.load(words)
    }

    #[inline(always)]
    fn and(self, a: __m128i, b: __m128i) -> __m128i {
        self.sse2.and(a, b)
    }

    #[inline(always)]
    fn any_equal(self, a: __m128i, b: __m128i) -> bool {
        self.sse2.any_equal(a, b)
    }
}
