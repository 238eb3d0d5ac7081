//! Two vectors of AVX-512F, 32 lanes. It rotates in one instruction and holds the state of both in
//! registers; one alone would leave the processor waiting.

#![expect(
    unsafe_code,
    reason = "intrinsics; the receiver of each method proves that the machine has the instructions"
)]

#[cfg(not(miri))]
use std::arch::asm;
use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_cmpeq_epi32_mask, _mm512_loadu_si512,
    _mm512_ror_epi32, _mm512_set1_epi32, _mm512_xor_si512,
};

use rounds::Arithmetic;

use super::{Lanes, MOST_LANES, intrinsics};
use crate::bound::VectorInstructions;

/// The instructions of AVX-512F.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

/// Two vectors; the compiler handles an array worse.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Pair(__m512i, __m512i);

impl Avx512 {
    /// Returns the lanes if this machine has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }
}

impl Arithmetic for Avx512 {
    type V = Pair;

    intrinsics! {
        fn add(self, a: Pair, b: Pair) -> Pair =
            Pair(_mm512_add_epi32(a.0, b.0), _mm512_add_epi32(a.1, b.1));
        fn xor(self, a: Pair, b: Pair) -> Pair =
            Pair(_mm512_xor_si512(a.0, b.0), _mm512_xor_si512(a.1, b.1));
        fn rotate_right_16(self, a: Pair) -> Pair =
            Pair(_mm512_ror_epi32::<16>(a.0), _mm512_ror_epi32::<16>(a.1));
        fn rotate_right_12(self, a: Pair) -> Pair =
            Pair(_mm512_ror_epi32::<12>(a.0), _mm512_ror_epi32::<12>(a.1));
        fn rotate_right_8(self, a: Pair) -> Pair =
            Pair(_mm512_ror_epi32::<8>(a.0), _mm512_ror_epi32::<8>(a.1));
        fn rotate_right_7(self, a: Pair) -> Pair =
            Pair(_mm512_ror_epi32::<7>(a.0), _mm512_ror_epi32::<7>(a.1));
    }
}

impl Lanes for Avx512 {
    const COUNT: u32 = 32;
    const INSTRUCTIONS: Option<VectorInstructions> = Some(VectorInstructions {
        lanes: 16,
        rotations: [1; 4],
    });

    intrinsics! {
        fn splat(self, word: u32) -> Pair = {
            let vector = _mm512_set1_epi32(word.cast_signed());
            Pair(vector, vector)
        };
        fn load(self, words: &[u32; MOST_LANES]) -> Pair = {
            let (vectors, _) = words.as_chunks::<16>();
            let [first, second] = [0, 1].map(|i| _mm512_loadu_si512(vectors[i].as_ptr().cast()));
            Pair(first, second)
        };
        fn and(self, a: Pair, b: Pair) -> Pair =
            Pair(_mm512_and_si512(a.0, b.0), _mm512_and_si512(a.1, b.1));
        fn any_equal(self, a: Pair, b: Pair) -> bool =
            _mm512_cmpeq_epi32_mask(a.0, b.0) | _mm512_cmpeq_epi32_mask(a.1, b.1) != 0;
    }

    #[cfg(not(miri))]
    intrinsics! {
        fn top_word_after_first(self, v: [Pair; 16], m: &[Pair; 8]) -> Pair =
            top_word_after_first(&v, m);
    }
}

/// The instructions of [`Lanes::top_word_after_first`] in the order of the build script.
#[cfg(not(miri))]
#[inline]
#[target_feature(enable = "avx512f")]
fn top_word_after_first(v: &[Pair; 16], m: &[Pair; 8]) -> Pair {
    let Pair(mut first, mut second) = v[0];
    // SAFETY: the assembly reads the 16 vectors at `m` and changes the registers named here.
    unsafe {
        asm!(
            include_str!(concat!(env!("OUT_DIR"), "/avx512.s")),
            m = in(reg) m,
            inout("zmm0") first,
            inout("zmm16") second,
            inout("zmm1") v[1].0 => _,
            inout("zmm17") v[1].1 => _,
            inout("zmm2") v[2].0 => _,
            inout("zmm18") v[2].1 => _,
            inout("zmm3") v[3].0 => _,
            inout("zmm19") v[3].1 => _,
            inout("zmm4") v[4].0 => _,
            inout("zmm20") v[4].1 => _,
            inout("zmm5") v[5].0 => _,
            inout("zmm21") v[5].1 => _,
            inout("zmm6") v[6].0 => _,
            inout("zmm22") v[6].1 => _,
            inout("zmm7") v[7].0 => _,
            inout("zmm23") v[7].1 => _,
            inout("zmm8") v[8].0 => _,
            inout("zmm24") v[8].1 => _,
            inout("zmm9") v[9].0 => _,
            inout("zmm25") v[9].1 => _,
            inout("zmm10") v[10].0 => _,
            inout("zmm26") v[10].1 => _,
            inout("zmm11") v[11].0 => _,
            inout("zmm27") v[11].1 => _,
            inout("zmm12") v[12].0 => _,
            inout("zmm28") v[12].1 => _,
            inout("zmm13") v[13].0 => _,
            inout("zmm29") v[13].1 => _,
            inout("zmm14") v[14].0 => _,
            inout("zmm30") v[14].1 => _,
            inout("zmm15") v[15].0 => _,
            inout("zmm31") v[15].1 => _,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    Pair(first, second)
}
