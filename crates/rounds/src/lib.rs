//! The rounds of Blake2s over any [`Arithmetic`]: one source for every instruction set, for the
//! build script of `pow`, which orders the instructions of some, and for the number of operations.
//!
//! A message block has `W` words; the others are zero and never added. The schedule is resolved at
//! compile time. The compiler moves what does not depend on the nonce out of the loop around these
//! functions.

#![expect(
    clippy::inline_always,
    reason = "the rounds must be straight-line code, compiled for the instructions of their caller"
)]
#![expect(clippy::many_single_char_names, reason = "the names of RFC 7693")]

mod record;

pub use record::{INPUTS, Operation, Recorder, record};

/// The message schedule, one row per round (RFC 7693, §2.7).
pub const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// The operations of the rounds, on values of 32-bit words.
pub trait Arithmetic: Copy {
    /// Some words.
    type V: Copy;

    /// Adds modulo 2^32.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// Returns the exclusive or.
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;
    /// Rotates by 16 bits.
    fn rotate_right_16(self, a: Self::V) -> Self::V;
    /// Rotates by 12 bits.
    fn rotate_right_12(self, a: Self::V) -> Self::V;
    /// Rotates by 8 bits.
    fn rotate_right_8(self, a: Self::V) -> Self::V;
    /// Rotates by 7 bits.
    fn rotate_right_7(self, a: Self::V) -> Self::V;
}

const COLUMNS: [[usize; 4]; 4] = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]];
const DIAGONALS: [[usize; 4]; 4] = [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];

/// Returns the state after all ten rounds.
#[inline(always)]
pub fn all<S: Arithmetic, const W: usize>(lanes: S, v: [S::V; 16], m: &[S::V; W]) -> [S::V; 16] {
    let mut v = rounds_1_to_8(lanes, first(lanes, v, m), m);
    round::<S, W, 9>(lanes, &mut v, m);
    v
}

/// Returns the state after the first round.
#[inline(always)]
pub fn first<S: Arithmetic, const W: usize>(
    lanes: S,
    mut v: [S::V; 16],
    m: &[S::V; W],
) -> [S::V; 16] {
    round::<S, W, 0>(lanes, &mut v, m);
    v
}

/// Returns [`top_word_after_first`] of the state before all rounds.
#[inline(always)]
pub fn top_word<S: Arithmetic, const W: usize>(lanes: S, v: [S::V; 16], m: &[S::V; W]) -> S::V {
    top_word_after_first(lanes, first(lanes, v, m), m)
}

/// Returns `v[7] ^ v[15]` after all rounds, rotated left by 8, except for bit 0: the part of the
/// state that the most significant word of the hash depends on. `v` is the state after the first
/// round.
///
/// With x and y for `v[7]` and `v[15]` before their last rotations, by 7 and by 8, the result is
/// `rotate_left(x, 1) ^ y`. An addition, x + x, equals the rotation except for bit 0.
#[inline(always)]
pub fn top_word_after_first<S: Arithmetic, const W: usize>(
    lanes: S,
    v: [S::V; 16],
    m: &[S::V; W],
) -> S::V {
    let mut v = rounds_1_to_8(lanes, v, m);
    let s = &SIGMA[9];
    columns::<S, W, 9>(lanes, &mut v, m);
    // Of the first diagonal only v[15] is needed, of the third only v[7], of the others nothing:
    // the compiler drops the rest.
    half_16_12(lanes, &mut v, m, DIAGONALS, [s[8], s[10], s[12], s[14]]);
    add_words(lanes, &mut v, m, DIAGONALS, [s[9], s[11], s[13], s[15]]);
    let [a, _, _, d] = DIAGONALS[0];
    let y = lanes.xor(v[d], v[a]);
    let [a, b, c, d] = DIAGONALS[2];
    v[d] = lanes.rotate_right_8(lanes.xor(v[d], v[a]));
    v[c] = lanes.add(v[c], v[d]);
    let x = lanes.xor(v[b], v[c]);
    lanes.xor(lanes.add(x, x), y)
}

#[inline(always)]
fn rounds_1_to_8<S: Arithmetic, const W: usize>(
    lanes: S,
    mut v: [S::V; 16],
    m: &[S::V; W],
) -> [S::V; 16] {
    round::<S, W, 1>(lanes, &mut v, m);
    round::<S, W, 2>(lanes, &mut v, m);
    round::<S, W, 3>(lanes, &mut v, m);
    round::<S, W, 4>(lanes, &mut v, m);
    round::<S, W, 5>(lanes, &mut v, m);
    round::<S, W, 6>(lanes, &mut v, m);
    round::<S, W, 7>(lanes, &mut v, m);
    round::<S, W, 8>(lanes, &mut v, m);
    v
}

#[inline(always)]
fn round<S: Arithmetic, const W: usize, const R: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
) {
    columns::<S, W, R>(lanes, v, m);
    let s = &SIGMA[R];
    half_16_12(lanes, v, m, DIAGONALS, [s[8], s[10], s[12], s[14]]);
    half_8_7(lanes, v, m, DIAGONALS, [s[9], s[11], s[13], s[15]]);
}

#[inline(always)]
fn columns<S: Arithmetic, const W: usize, const R: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
) {
    let s = &SIGMA[R];
    half_16_12(lanes, v, m, COLUMNS, [s[0], s[2], s[4], s[6]]);
    half_8_7(lanes, v, m, COLUMNS, [s[1], s[3], s[5], s[7]]);
}

/// Takes one step of the four mixes before the next: the processor starts steps that do not depend
/// on each other at once. Written out, as a loop over the places would remain a loop.
macro_rules! each {
    ($place:pat in $places:ident: $step:stmt) => {
        let $place = $places[0];
        $step
        let $place = $places[1];
        $step
        let $place = $places[2];
        $step
        let $place = $places[3];
        $step
    };
}

/// The first halves of four mixes.
#[inline(always)]
fn half_16_12<S: Arithmetic, const W: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
    places: [[usize; 4]; 4],
    words: [usize; 4],
) {
    add_words(lanes, v, m, places, words);
    each!([a, _, _, d] in places: v[d] = lanes.xor(v[d], v[a]));
    each!([_, _, _, d] in places: v[d] = lanes.rotate_right_16(v[d]));
    each!([_, _, c, d] in places: v[c] = lanes.add(v[c], v[d]));
    each!([_, b, c, _] in places: v[b] = lanes.xor(v[b], v[c]));
    each!([_, b, _, _] in places: v[b] = lanes.rotate_right_12(v[b]));
}

/// The second halves of four mixes.
#[inline(always)]
fn half_8_7<S: Arithmetic, const W: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
    places: [[usize; 4]; 4],
    words: [usize; 4],
) {
    add_words(lanes, v, m, places, words);
    each!([a, _, _, d] in places: v[d] = lanes.xor(v[d], v[a]));
    each!([_, _, _, d] in places: v[d] = lanes.rotate_right_8(v[d]));
    each!([_, _, c, d] in places: v[c] = lanes.add(v[c], v[d]));
    each!([_, b, c, _] in places: v[b] = lanes.xor(v[b], v[c]));
    each!([_, b, _, _] in places: v[b] = lanes.rotate_right_7(v[b]));
}

/// `v[a] += m[word] + v[b]` for four mixes, first what is known sooner.
#[inline(always)]
fn add_words<S: Arithmetic, const W: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
    places: [[usize; 4]; 4],
    words: [usize; 4],
) {
    add_word(lanes, v, m, places[0][0], words[0]);
    add_word(lanes, v, m, places[1][0], words[1]);
    add_word(lanes, v, m, places[2][0], words[2]);
    add_word(lanes, v, m, places[3][0], words[3]);
    each!([a, b, _, _] in places: v[a] = lanes.add(v[a], v[b]));
}

/// `v[a] += m[word]`.
#[inline(always)]
fn add_word<S: Arithmetic, const W: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
    a: usize,
    word: usize,
) {
    if word < W {
        v[a] = lanes.add(v[a], m[word]);
    }
}
