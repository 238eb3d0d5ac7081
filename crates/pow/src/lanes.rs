//! What an instruction set has to offer for the search: a few operations on lanes of 32 bits.
//!
//! The rounds and the scan are written once over [`Lanes`]; every nonce has a lane of its own. A value of an
//! implementing type is the proof that the machine has the instructions, so it can be made only where that is known;
//! [`Portable`] needs none. Its vectors are plain words, but the loop around the rounds has neither branch nor store, so
//! that the compiler can make it work on vectors of what every machine of the target has (SSE2, NEON).

#![expect(
    clippy::inline_always,
    reason = "a call in the rounds would cost more than the operation that it makes"
)]

/// Operations on [`Lanes::V`], each on all lanes at once.
pub(crate) trait Lanes: Copy {
    /// [`Lanes::COUNT`] words.
    type V: Copy;

    /// The number of lanes, a divisor of [`CHUNK`](crate::scan::CHUNK).
    const COUNT: u32;

    /// The same word in every lane.
    fn splat(self, word: u32) -> Self::V;
    /// `first` in the first lane, and in each other one `step` more than in the lane before.
    fn count_from(self, first: u32, step: u32) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;
    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    fn rotate_right_16(self, a: Self::V) -> Self::V;
    fn rotate_right_12(self, a: Self::V) -> Self::V;
    fn rotate_right_8(self, a: Self::V) -> Self::V;
    fn rotate_right_7(self, a: Self::V) -> Self::V;
    /// Whether `a` and `b` are equal in any lane.
    fn any_equal(self, a: Self::V, b: Self::V) -> bool;
}

/// One lane of safe code that runs everywhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

impl Lanes for Portable {
    type V = u32;

    const COUNT: u32 = 1;

    #[inline(always)]
    fn splat(self, word: u32) -> u32 {
        word
    }

    #[inline(always)]
    fn count_from(self, first: u32, _step: u32) -> u32 {
        first
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
