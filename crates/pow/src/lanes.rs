//! What an instruction set has to offer for the search: a few operations on lanes of 32 bits.
//!
//! The rounds and the scan are written once over [`Lanes`]; every nonce has a lane of its own. A value of an
//! implementing type is the proof that the machine has the instructions, so it is made only by [`Lanes::detect`], and
//! whoever holds one may call safe methods. One file for each instruction set; the table in `kernel.rs` lists them.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod sse2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod ssse3;

use crate::prepared::Prepared;
use crate::range::Run;

/// No instruction set has more lanes.
pub(crate) const MOST_LANES: usize = 16;

/// Operations on [`Lanes::V`], each on all lanes at once.
pub(crate) trait Lanes: Copy {
    /// [`Lanes::COUNT`] words.
    type V: Copy;

    /// The number of lanes.
    const COUNT: u32;

    /// The number of vectors that are hashed between two looks at the result: one unless the compiler makes something
    /// better of a loop without a branch.
    const VECTORS_PER_LOOK: u32 = 1;

    /// The instructions, if this machine has them.
    fn detect() -> Option<Self>;
    /// [`scan`](crate::scan::scan), compiled for these instructions.
    fn scan(self, prepared: &Prepared, run: Run) -> Option<u64>;

    /// The same word in every lane.
    fn splat(self, word: u32) -> Self::V;
    /// The first [`Lanes::COUNT`] of these words, in their order.
    fn load(self, words: &[u32; MOST_LANES]) -> Self::V;
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

/// Where the bytes of a lane come from when it is rotated right by 16 and by 8 bits: the index vectors of a byte
/// shuffle, which does it in one instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteRotations<V> {
    pub(crate) by_16: V,
    pub(crate) by_8: V,
}

impl ByteRotations<[u8; 16]> {
    pub(crate) const FOUR_LANES: Self = Self {
        by_16: [2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13],
        by_8: [1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12],
    };
}
