//! Four lanes of NEON, which every 64-bit ARM has.

#![expect(
    unsafe_code,
    reason = "instructions of the processor; each call is covered by the proof that is its receiver"
)]
#![expect(
    clippy::inline_always,
    reason = "a call in the rounds would cost more than the operation that it makes"
)]

use std::arch::aarch64::{
    uint8x16_t, uint32x4_t, vaddq_u32, vandq_u32, vceqq_u32, vdupq_n_u32, veorq_u32, vld1q_u8,
    vld1q_u32, vmaxvq_u32, vqtbl1q_u8, vreinterpretq_u8_u32, vreinterpretq_u16_u32,
    vreinterpretq_u32_u8, vreinterpretq_u32_u16, vrev32q_u16, vshlq_n_u32, vsriq_n_u32,
};
use std::arch::is_aarch64_feature_detected;
use std::hint::black_box;

use super::{ByteRotations, Lanes, MOST_LANES};
use crate::prepared::Prepared;
use crate::range::Run;
use crate::scan::scan;

/// The instructions of NEON, with the indices of the rotation by 8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon {
    by_8: uint8x16_t,
}

impl Lanes for Neon {
    type V = uint32x4_t;

    const COUNT: u32 = 4;

    fn detect() -> Option<Self> {
        if !is_aarch64_feature_detected!("neon") {
            return None;
        }
        let by_8 = black_box(ByteRotations::FOUR_LANES.by_8);
        // SAFETY: NEON was found just now; the pointer is to sixteen bytes.
        let by_8 = unsafe { vld1q_u8(by_8.as_ptr()) };
        Some(Self { by_8 })
    }

    fn scan(self, prepared: &Prepared, run: Run) -> Option<u64> {
        #[target_feature(enable = "neon")]
        fn with_instructions(lanes: Neon, prepared: &Prepared, run: Run) -> Option<u64> {
            scan(lanes, prepared, run)
        }
        // SAFETY: `self` proves NEON.
        unsafe { with_instructions(self, prepared, run) }
    }

    #[inline(always)]
    fn splat(self, word: u32) -> uint32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vdupq_n_u32(word) }
    }

    #[inline(always)]
    fn load(self, words: &[u32; MOST_LANES]) -> uint32x4_t {
        // SAFETY: `self` proves NEON; there are at least as many words as lanes.
        unsafe { vld1q_u32(words.as_ptr()) }
    }

    #[inline(always)]
    fn add(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vaddq_u32(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { veorq_u32(a, b) }
    }

    #[inline(always)]
    fn and(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vandq_u32(a, b) }
    }

    #[inline(always)]
    fn rotate_right_16(self, a: uint32x4_t) -> uint32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vreinterpretq_u32_u16(vrev32q_u16(vreinterpretq_u16_u32(a))) }
    }

    #[inline(always)]
    fn rotate_right_12(self, a: uint32x4_t) -> uint32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vsriq_n_u32::<12>(vshlq_n_u32::<20>(a), a) }
    }

    #[inline(always)]
    fn rotate_right_8(self, a: uint32x4_t) -> uint32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vreinterpretq_u32_u8(vqtbl1q_u8(vreinterpretq_u8_u32(a), self.by_8)) }
    }

    #[inline(always)]
    fn rotate_right_7(self, a: uint32x4_t) -> uint32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vsriq_n_u32::<7>(vshlq_n_u32::<25>(a), a) }
    }

    #[inline(always)]
    fn any_equal(self, a: uint32x4_t, b: uint32x4_t) -> bool {
        // SAFETY: `self` proves NEON.
        unsafe { vmaxvq_u32(vceqq_u32(a, b)) != 0 }
    }
}
