//! Eight lanes of AVX2.

#![expect(
    unsafe_code,
    reason = "intrinsics; the receiver of each method proves that the machine has the instructions"
)]

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_xor_si256,
};
use std::hint::black_box;

use super::{Lanes, MOST_LANES, ROTATE_8, ROTATE_16, intrinsics};

/// The instructions of AVX2.
///
/// The shuffle indices pass through [`black_box`]: a compiler that knows them splits each shuffle
/// into two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2 {
    rotate_8: __m256i,
    rotate_16: __m256i,
}

impl Avx2 {
    /// Returns the lanes if this machine has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        if !is_x86_feature_detected!("avx2") {
            return None;
        }
        // SAFETY: the machine has AVX2; the pointer is to the 16 bytes that go into both halves.
        let [rotate_8, rotate_16] = black_box([ROTATE_8, ROTATE_16]).map(|indices| unsafe {
            _mm256_broadcastsi128_si256(_mm_loadu_si128(indices.as_ptr().cast()))
        });
        Some(Self {
            rotate_8,
            rotate_16,
        })
    }
}

impl Lanes for Avx2 {
    type V = __m256i;

    const COUNT: u32 = 8;

    intrinsics! {
        fn splat(self, word: u32) -> __m256i = _mm256_set1_epi32(word.cast_signed());
        fn load(self, words: &[u32; MOST_LANES]) -> __m256i =
            _mm256_loadu_si256(words.as_ptr().cast());
        fn add(self, a: __m256i, b: __m256i) -> __m256i = _mm256_add_epi32(a, b);
        fn xor(self, a: __m256i, b: __m256i) -> __m256i = _mm256_xor_si256(a, b);
        fn and(self, a: __m256i, b: __m256i) -> __m256i = _mm256_and_si256(a, b);
        fn rotate_right_16(self, a: __m256i) -> __m256i = _mm256_shuffle_epi8(a, self.rotate_16);
        fn rotate_right_12(self, a: __m256i) -> __m256i =
            _mm256_or_si256(_mm256_srli_epi32::<12>(a), _mm256_slli_epi32::<20>(a));
        fn rotate_right_8(self, a: __m256i) -> __m256i = _mm256_shuffle_epi8(a, self.rotate_8);
        fn rotate_right_7(self, a: __m256i) -> __m256i =
            _mm256_or_si256(_mm256_srli_epi32::<7>(a), _mm256_slli_epi32::<25>(a));
        fn any_equal(self, a: __m256i, b: __m256i) -> bool =
            _mm256_movemask_epi8(_mm256_cmpeq_epi32(a, b)) != 0;
    }
}
