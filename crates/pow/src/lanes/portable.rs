//! One lane of safe code that runs everywhere.
//!
//! Its vectors are plain words, but the loop around the rounds has neither branch nor store, so that the compiler can
//! make it work on vectors of what every machine of the target has (SSE2, NEON).

#![expect(
    clippy::inline_always,
    reason = "a call in the rounds would cost more than the operation that it makes"
)]

use super::{Lanes, MOST_LANES};
use crate::prepared::Prepared;
use crate::range::Run;
use crate::scan::scan;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Lanes for Portable {
    type V = u32;

    const COUNT: u32 = 1;
    const VECTORS_PER_LOOK: u32 = 256;

    fn detect() -> Option<Self> {
        Some(Self)
    }

    fn scan(self, prepared: &Prepared, run: Run) -> Option<u64> {
        scan(self, prepared, run)
    }

    #[inline(always)]
    fn splat(self, word: u32) -> u32 {
        word
    }

    #[inline(always)]
    fn load(self, words: &[u32; MOST_LANES]) -> u32 {
        words[0]
    }

    #[inline(always)]
    fn add(self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    #[inline(always)]
    fn xor(self, a: u32, b: u32) -> u32 {
        a ^ b
    }

    #[inline(always)]
    fn and(self, a: u32, b: u32) -> u32 {
        a & b
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

    #[inline(always)]
    fn any_equal(self, a: u32, b: u32) -> bool {
        a == b
    }
}
