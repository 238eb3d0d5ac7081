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
    // Of the first diagonal only v[15] is needed, of the third only v[7], of the others nothing.
    let [a, b, _, d] = DIAGONALS[0];
    half_mix_16_12(lanes, &mut v, m, DIAGONALS[0], s[8]);
    add(lanes, &mut v, m, a, b, s[9]);
    let y = lanes.xor(v[d], v[a]);
    let [a, b, c, d] = DIAGONALS[2];
    half_mix_16_12(lanes, &mut v, m, DIAGONALS[2], s[12]);
    add(lanes, &mut v, m, a, b, s[13]);
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
    mix(lanes, v, m, DIAGONALS[0], s[8], s[9]);
    mix(lanes, v, m, DIAGONALS[1], s[10], s[11]);
    mix(lanes, v, m, DIAGONALS[2], s[12], s[13]);
    mix(lanes, v, m, DIAGONALS[3], s[14], s[15]);
}

#[inline(always)]
fn columns<S: Lanes, const W: usize, const R: usize>(lanes: S, v: &mut [S::V; 16], m: &[S::V; W]) {
    let s = &SIGMA[R];
    mix(lanes, v, m, COLUMNS[0], s[0], s[1]);
    mix(lanes, v, m, COLUMNS[1], s[2], s[3]);
    mix(lanes, v, m, COLUMNS[2], s[4], s[5]);
    mix(lanes, v, m, COLUMNS[3], s[6], s[7]);
}

#[inline(always)]
fn mix<S: Lanes, const W: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
    place: [usize; 4],
    x: usize,
    y: usize,
) {
    half_mix_16_12(lanes, v, m, place, x);
    half_mix_8_7(lanes, v, m, place, y);
}

#[inline(always)]
fn half_mix_16_12<S: Lanes, const W: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
    [a, b, c, d]: [usize; 4],
    word: usize,
) {
    add(lanes, v, m, a, b, word);
    v[d] = lanes.rotate_right_16(lanes.xor(v[d], v[a]));
    v[c] = lanes.add(v[c], v[d]);
    v[b] = lanes.rotate_right_12(lanes.xor(v[b], v[c]));
}

#[inline(always)]
fn half_mix_8_7<S: Lanes, const W: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
    [a, b, c, d]: [usize; 4],
    word: usize,
) {
    add(lanes, v, m, a, b, word);
    v[d] = lanes.rotate_right_8(lanes.xor(v[d], v[a]));
    v[c] = lanes.add(v[c], v[d]);
    v[b] = lanes.rotate_right_7(lanes.xor(v[b], v[c]));
}

/// `v[a] += v[b] + m[word]`.
#[inline(always)]
fn add<S: Lanes, const W: usize>(
    lanes: S,
    v: &mut [S::V; 16],
    m: &[S::V; W],
    a: usize,
    b: usize,
    word: usize,
) {
    v[a] = lanes.add(v[a], v[b]);
    if word < W {
        v[a] = lanes.add(v[a], m[word]);
    }
}
