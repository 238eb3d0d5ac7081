//! The rounds of Blake2s over any [`Lanes`]: one source for every instruction set.
//!
//! A message block has `W` words; the others are zero and never added. The schedule is resolved at
//! compile time. The compiler moves what does not depend on the nonce out of the loop around these
//! functions; for its sake `v[a] + v[b]` comes before the message word.

#![expect(
    clippy::inline_always,
    reason = "the rounds must be straight-line code, compiled for the instructions of their caller"
)]
#![expect(clippy::many_single_char_names, reason = "the names of RFC 7693")]

use crate::blake2s::SIGMA;
use crate::lanes::Lanes;

const COLUMNS: [[usize; 4]; 4] = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]];
const DIAGONALS: [[usize; 4]; 4] = [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];

/// Returns the state after all ten rounds.
#[inline(always)]
pub(crate) fn all<S: Lanes, const W: usize>(lanes: S, v: [S::V; 16], m: &[S::V; W]) -> [S::V; 16] {
    let mut v = first_nine(lanes, v, m);
    round::<S, W, 9>(lanes, &mut v, m);
    v
}

/// Returns `v[7] ^ v[15]` after all rounds, rotated left by 8, except for bit 0: the part of the
/// state that the most significant word of the hash depends on.
///
/// With x and y for `v[7]` and `v[15]` before their last rotations, by 7 and by 8, the result is
/// `rotate_left(x, 1) ^ y`. An addition, x + x, equals the rotation except for bit 0.
#[inline(always)]
pub(crate) fn top_word<S: Lanes, const W: usize>(lanes: S, v: [S::V; 16], m: &[S::V; W]) -> S::V {
    let mut v = first_nine(lanes, v, m);
    let s = &SIGMA[9];
    columns::<S, W, 9>(lanes, &mut v, m);
    // Of the first diagonal only v[15] is needed, of the third only v[7], of the others nothing: the
    // compiler drops the rest.
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
fn first_nine<S: Lanes, const W: usize>(lanes: S, mut v: [S::V; 16], m: &[S::V; W]) -> [S::V; 16] {
    round::<S, W, 0>(lanes, &mut v, m);
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
fn round<S: Lanes, const W: usize, const R: usize>(lanes: S, v: &mut [S::V; 16], m: &[S::V; W]) {
    columns::<S, W, R>(lanes, v, m);
    let s = &SIGMA[R];
    half_16_12(lanes, v, m, DIAGONALS, [s[8], s[10], s[12], s[14]]);
    half_8_7(lanes, v, m, DIAGONALS, [s[9], s[11], s[13], s[15]]);
}

#[inline(always)]
fn columns<S: Lanes, const W: usize, const R: usize>(lanes: S, v: &mut [S::V; 16], m: &[S::V; W]) {
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
fn half_16_12<S: Lanes, const W: usize>(
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
fn half_8_7<S: Lanes, const W: usize>(
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

/// `v[a] += v[b] + m[word]` for four mixes.
#[inline(always)]
fn add_words<S: Lanes, const W: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
    places: [[usize; 4]; 4],
    words: [usize; 4],
) {
    each!([a, b, _, _] in places: v[a] = lanes.add(v[a], v[b]));
    add_word(lanes, v, m, places[0][0], words[0]);
    add_word(lanes, v, m, places[1][0], words[1]);
    add_word(lanes, v, m, places[2][0], words[2]);
    add_word(lanes, v, m, places[3][0], words[3]);
}

/// `v[a] += m[word]`.
#[inline(always)]
fn add_word<S: Lanes, const W: usize>(
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
