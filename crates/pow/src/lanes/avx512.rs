//! Sixteen lanes of AVX-512F, which rotates in one instruction and holds the whole state in
//! registers.

#![expect(
    unsafe_code,
    reason = "intrinsics; the receiver of each method proves that the machine has the instructions"
)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_cmpeq_epi32_mask, _mm512_loadu_si512,
    _mm512_ror_epi32, _mm512_set1_epi32, _mm512_xor_si512,
};

use super::{Lanes, MOST_LANES, intrinsics};

/// The instructions of AVX-512F.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// Returns the lanes if this machine has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }
}

impl Lanes for Avx512 {
    type V = __m512i;

    const COUNT: u32 = 16;

    intrinsics! {
        fn splat(self, word: u32) -> __m512i = _mm512_set1_epi32(word.cast_signed());
        fn load(self, words: &[u32; MOST_LANES]) -> __m512i =
            _mm512_loadu_si512(words.as_ptr().cast());
        fn add(self, a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi32(a, b);
        fn xor(self, a: __m512i, b: __m512i) -> __m512i = _mm512_xor_si512(a, b);
        fn and(self, a: __m512i, b: __m512i) -> __m512i = _mm512_and_si512(a, b);
        fn rotate_right_16(self, a: __m512i) -> __m512i = _mm512_ror_epi32::<16>(a);
        fn rotate_right_12(self, a: __m512i) -> __m512i = _mm512_ror_epi32::<12>(a);
        fn rotate_right_8(self, a: __m512i) -> __m512i = _mm512_ror_epi32::<8>(a);
        fn rotate_right_7(self, a: __m512i) -> __m512i = _mm512_ror_epi32::<7>(a);
        fn any_equal(self, a: __m512i, b: __m512i) -> bool = _mm512_cmpeq_epi32_mask(a, b) != 0;
    }
}
