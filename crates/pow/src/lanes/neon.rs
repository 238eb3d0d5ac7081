//! Four lanes of NEON, which every 64-bit ARM has.

#![expect(
    unsafe_code,
    reason = "intrinsics; the receiver of each method proves that the machine has the instructions"
)]

use std::arch::aarch64::{
    uint8x16_t, uint32x4_t, vaddq_u32, vandq_u32, vceqq_u32, vdupq_n_u32, veorq_u32, vld1q_u8,
    vld1q_u32, vmaxvq_u32, vqtbl1q_u8, vreinterpretq_u8_u32, vreinterpretq_u16_u32,
    vreinterpretq_u32_u8, vreinterpretq_u32_u16, vrev32q_u16, vshlq_n_u32, vsriq_n_u32,
};
use std::arch::is_aarch64_feature_detected;
use std::hint::black_box;

use rounds::Arithmetic;

use super::{Lanes, MOST_LANES, ROTATE_8, intrinsics};
use crate::bound::VectorInstructions;

/// The instructions of NEON.
///
/// The shuffle indices pass through [`black_box`], as with AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon {
    rotate_8: uint8x16_t,
}

impl Neon {
    /// Returns the lanes if this machine has the instructions.
    pub(crate) fn detect() -> Option<Self> {
        if !is_aarch64_feature_detected!("neon") {
            return None;
        }
        let indices = black_box(ROTATE_8);
        // SAFETY: the machine has NEON; the pointer is to 16 bytes.
        let rotate_8 = unsafe { vld1q_u8(indices.as_ptr()) };
        Some(Self { rotate_8 })
    }
}

impl Arithmetic for Neon {
    type V = uint32x4_t;

    intrinsics! {
        fn add(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t = vaddq_u32(a, b);
        fn xor(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t = veorq_u32(a, b);
        fn rotate_right_16(self, a: uint32x4_t) -> uint32x4_t =
            vreinterpretq_u32_u16(vrev32q_u16(vreinterpretq_u16_u32(a)));
        fn rotate_right_12(self, a: uint32x4_t) -> uint32x4_t =
            vsriq_n_u32::<12>(vshlq_n_u32::<20>(a), a);
        fn rotate_right_8(self, a: uint32x4_t) -> uint32x4_t =
            vreinterpretq_u32_u8(vqtbl1q_u8(vreinterpretq_u8_u32(a), self.rotate_8));
        fn rotate_right_7(self, a: uint32x4_t) -> uint32x4_t =
            vsriq_n_u32::<7>(vshlq_n_u32::<25>(a), a);
    }
}

impl Lanes for Neon {
    const COUNT: u32 = 4;
    const INSTRUCTIONS: Option<VectorInstructions> = Some(VectorInstructions {
        lanes: 4,
        rotations: [1, 2, 1, 2],
    });

    intrinsics! {
        fn splat(self, word: u32) -> uint32x4_t = vdupq_n_u32(word);
        fn load(self, words: &[u32; MOST_LANES]) -> uint32x4_t = vld1q_u32(words.as_ptr());
        fn and(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t = vandq_u32(a, b);
        fn any_equal(self, a: uint32x4_t, b: uint32x4_t) -> bool = vmaxvq_u32(vceqq_u32(a, b)) != 0;
    }
}
