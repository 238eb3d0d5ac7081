//! Eight lanes of AVX2.

#![expect(
    unsafe_code,
    reason = "intrinsics; the receiver of each method proves that the machine has the instructions"
)]

#[cfg(not(miri))]
use std::arch::asm;
use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_xor_si256,
};
use std::hint::black_box;
#[cfg(not(miri))]
use std::mem::MaybeUninit;

use rounds::Arithmetic;

use super::{Lanes, MOST_LANES, ROTATE_8, ROTATE_16, intrinsics};
use crate::bound::VectorInstructions;

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

impl Arithmetic for Avx2 {
    type V = __m256i;

    intrinsics! {
        fn add(self, a: __m256i, b: __m256i) -> __m256i = _mm256_add_epi32(a, b);
        fn xor(self, a: __m256i, b: __m256i) -> __m256i = _mm256_xor_si256(a, b);
        fn rotate_right_16(self, a: __m256i) -> __m256i = _mm256_shuffle_epi8(a, self.rotate_16);
        fn rotate_right_12(self, a: __m256i) -> __m256i =
            _mm256_or_si256(_mm256_srli_epi32::<12>(a), _mm256_slli_epi32::<20>(a));
        fn rotate_right_8(self, a: __m256i) -> __m256i = _mm256_shuffle_epi8(a, self.rotate_8);
        fn rotate_right_7(self, a: __m256i) -> __m256i =
            _mm256_or_si256(_mm256_srli_epi32::<7>(a), _mm256_slli_epi32::<25>(a));
    }
}

impl Lanes for Avx2 {
    const COUNT: u32 = 8;
    const INSTRUCTIONS: Option<VectorInstructions> = Some(VectorInstructions {
        lanes: 8,
        rotations: [1, 3, 1, 3],
    });

    intrinsics! {
        fn splat(self, word: u32) -> __m256i = _mm256_set1_epi32(word.cast_signed());
        fn load(self, words: &[u32; MOST_LANES]) -> __m256i =
            _mm256_loadu_si256(words.as_ptr().cast());
        fn and(self, a: __m256i, b: __m256i) -> __m256i = _mm256_and_si256(a, b);
        fn any_equal(self, a: __m256i, b: __m256i) -> bool =
            _mm256_movemask_epi8(_mm256_cmpeq_epi32(a, b)) != 0;
    }

    #[cfg(not(miri))]
    intrinsics! {
        fn top_word_after_first(self, v: [__m256i; 16], m: &[__m256i; 8]) -> __m256i =
            top_word_after_first([self.rotate_8, self.rotate_16], &v, m);
    }
}

/// The instructions of [`Lanes::top_word_after_first`] in the order of the build script.
#[cfg(not(miri))]
#[inline]
#[target_feature(enable = "avx2")]
fn top_word_after_first(rotations: [__m256i; 2], v: &[__m256i; 16], m: &[__m256i; 8]) -> __m256i {
    let mut spilled = MaybeUninit::<__m256i>::uninit();
    let mut top = v[0];
    // SAFETY: the assembly reads `rotations` and the 8 vectors at `m`, writes `spilled` before it
    // reads it and changes the registers named here.
    unsafe {
        asm!(
            include_str!(concat!(env!("OUT_DIR"), "/avx2.s")),
            rotations = in(reg) &raw const rotations,
            m = in(reg) m,
            spilled = in(reg) spilled.as_mut_ptr(),
            inout("ymm0") top,
            inout("ymm1") v[1] => _,
            inout("ymm2") v[2] => _,
            inout("ymm3") v[3] => _,
            inout("ymm4") v[4] => _,
            inout("ymm5") v[5] => _,
            inout("ymm6") v[6] => _,
            inout("ymm7") v[7] => _,
            inout("ymm8") v[8] => _,
            inout("ymm9") v[9] => _,
            inout("ymm10") v[10] => _,
            inout("ymm11") v[11] => _,
            inout("ymm12") v[12] => _,
            inout("ymm13") v[13] => _,
            inout("ymm14") v[14] => _,
            inout("ymm15") v[15] => _,
            options(nostack, preserves_flags),
        );
    }
    top
}
