//! Four lanes of SSE2, which every x86-64 machine has.

#![expect(
    unsafe_code,
    reason = "intrinsics; the receiver of each method proves that the machine has the instructions"
)]

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_and_si128, _mm_cmpeq_epi32, _mm_loadu_si128, _mm_movemask_epi8,
    _mm_or_si128, _mm_set1_epi32, _mm_shufflehi_epi16, _mm_shufflelo_epi16, _mm_slli_epi32,
    _mm_srli_epi32, _mm_xor_si128,
};

use rounds::Arithmetic;

use super::{Lanes, MOST_LANES, intrinsics};
use crate::bound::VectorInstructions;

/// The instructions of SSE2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sse2(());

impl Sse2 {
    /// Returns the lanes if this machine has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("sse2").then_some(Self(()))
    }
}

impl Arithmetic for Sse2 {
    type V = __m128i;

    intrinsics! {
        fn add(self, a: __m128i, b: __m128i) -> __m128i = _mm_add_epi32(a, b);
        fn xor(self, a: __m128i, b: __m128i) -> __m128i = _mm_xor_si128(a, b);
        fn rotate_right_16(self, a: __m128i) -> __m128i =
            _mm_shufflehi_epi16::<0b10_11_00_01>(_mm_shufflelo_epi16::<0b10_11_00_01>(a));
        fn rotate_right_12(self, a: __m128i) -> __m128i =
            _mm_or_si128(_mm_srli_epi32::<12>(a), _mm_slli_epi32::<20>(a));
        fn rotate_right_8(self, a: __m128i) -> __m128i =
            _mm_or_si128(_mm_srli_epi32::<8>(a), _mm_slli_epi32::<24>(a));
        fn rotate_right_7(self, a: __m128i) -> __m128i =
            _mm_or_si128(_mm_srli_epi32::<7>(a), _mm_slli_epi32::<25>(a));
    }
}

impl Lanes for Sse2 {
    const COUNT: u32 = 4;
    const INSTRUCTIONS: Option<VectorInstructions> = Some(VectorInstructions {
        lanes: 4,
        rotations: [2, 3, 3, 3],
    });

    intrinsics! {
        fn splat(self, word: u32) -> __m128i = _mm_set1_epi32(word.cast_signed());
        fn load(self, words: &[u32; MOST_LANES]) -> __m128i =
            _mm_loadu_si128(words.as_ptr().cast());
        fn and(self, a: __m128i, b: __m128i) -> __m128i = _mm_and_si128(a, b);
        fn any_equal(self, a: __m128i, b: __m128i) -> bool =
            _mm_movemask_epi8(_mm_cmpeq_epi32(a, b)) != 0;
    }
}
