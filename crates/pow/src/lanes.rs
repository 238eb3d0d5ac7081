//! The operations of an instruction set, on lanes of 32 bits, for the search.
//!
//! The rounds are written once over [`Arithmetic`] and the scan over [`Lanes`]; each nonce has its
//! own lane. A value of an implementing type proves that the machine has the instructions, so its
//! methods are safe; only its `detect` makes one. One file per instruction set; the table in
//! `kernel.rs` lists them.

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

use rounds::Arithmetic;

use crate::bound::VectorInstructions;

/// Implements methods of [`Lanes`] and [`Arithmetic`] by intrinsics, one expression each. They are
/// always inlined: a call would cost more than the operation.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! intrinsics {
    ($(fn $name:ident($self:ident $(, $arg:ident: $kind:ty)*) -> $result:ty = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name($self $(, $arg: $kind)*) -> $result {
            // SAFETY: the receiver proves that the machine has the instructions, and `load` gets
            // at least as many words as there are lanes.
            unsafe { $body }
        }
    )*};
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use intrinsics;

/// The largest number of lanes of any instruction set.
pub(crate) const MOST_LANES: usize = 32;

/// Operations on vectors of [`Lanes::COUNT`] words, each on all lanes at once.
pub(crate) trait Lanes: Arithmetic {
    /// The number of lanes.
    const COUNT: u32;

    /// The number of vectors hashed between two checks for candidates. More than one pays only
    /// where the compiler vectorizes the loop itself.
    const VECTORS_PER_CHECK: u32 = 1;

    /// The vector instructions of [`Arithmetic`], unless the compiler chooses them.
    const INSTRUCTIONS: Option<VectorInstructions>;

    /// The same word in every lane.
    fn splat(self, word: u32) -> Self::V;
    /// The first [`Lanes::COUNT`] words, in order.
    fn load(self, words: &[u32; MOST_LANES]) -> Self::V;
    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    /// Whether `a` and `b` are equal in any lane.
    fn any_equal(self, a: Self::V, b: Self::V) -> bool;

    /// [`rounds::top_word_after_first`] for headers as on all public networks: nearly all the time
    /// is spent here, so an implementation may order its instructions itself.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "compiled for the instructions of its caller"
    )]
    fn top_word_after_first(self, v: [Self::V; 16], m: &[Self::V; 8]) -> Self::V {
        rounds::top_word_after_first(self, v, m)
    }
}

/// The indices of a byte shuffle to rotate four words right by 8 bits.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const ROTATE_8: [u8; 16] = [1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12];

/// The indices of a byte shuffle to rotate four words right by 16 bits.
#[cfg(target_arch = "x86_64")]
const ROTATE_16: [u8; 16] = [2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13];
