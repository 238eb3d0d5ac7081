//! One lane of safe code for every machine.
//!
//! The loop around the rounds has neither branch nor store, so the compiler can vectorize it with
//! the baseline instructions of the target (SSE2, NEON).

#![expect(
    clippy::inline_always,
    reason = "a call would cost more than the operation"
)]

use rounds::Arithmetic;

use super::{Lanes, MOST_LANES};
use crate::bound::VectorInstructions;

/// Plain words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Portable {
    /// Returns the lanes; every machine has them.
    #[expect(clippy::unnecessary_wraps, reason = "the kernels all detect alike")]
    pub(crate) const fn detect() -> Option<Self> {
        Some(Self)
    }
}

impl Arithmetic for Portable {
    type V = u32;

    #[inline(always)]
    fn add(self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    #[inline(always)]
    fn xor(self, a: u32, b: u32) -> u32 {
        a ^ b
    }

    #[inline(always)]
    fn rotate_right_16(self, a: u32) -> u32 {
        a.rotate_right(16)
    }

    #[inline(always)]
    fn rotate_right_12(self, a: u32) -> u32 {
        a.rotate_right(12)
    }

    #[inline(always)]
    fn rotate_right_8(self, a: u32) -> u32 {
        a.rotate_right(8)
    }

    #[inline(always)]
    fn rotate_right_7(self, a: u32) -> u32 {
        a.rotate_right(7)
    }
}

impl Lanes for Portable {
    const COUNT: u32 = 1;
    const VECTORS_PER_CHECK: u32 = 256;
    const INSTRUCTIONS: Option<VectorInstructions> = None;

    #[inline(always)]
    fn splat(self, word: u32) -> u32 {
        word
    }

    #[inline(always)]
    fn load(self, words: &[u32; MOST_LANES]) -> u32 {
        words[0]
    }

    #[inline(always)]
    fn and(self, a: u32, b: u32) -> u32 {
        a & b
    }

    #[inline(always)]
    fn any_equal(self, a: u32, b: u32) -> bool {
        a == b
    }
}
