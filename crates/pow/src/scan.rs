//! The loop over the nonces of a run, written once over any [`Lanes`].
//!
//! A chunk of nonces is hashed as far as the most significant word, which says no to nearly all of them. If it cannot
//! say no to every one, the whole chunk is hashed again by the plain rounds, nonce by nonce: what a scan returns never
//! rests on the lanes alone. Nonces beyond the end of the run may be hashed, but are never looked at.

#![expect(
    clippy::inline_always,
    reason = "the loop has to be one piece of code within the instruction set of its caller"
)]

use std::array::from_fn;

use crate::lanes::Lanes;
use crate::prepared::{Prepared, Shape};
use crate::range::Run;
use crate::rounds;

/// The number of nonces between two looks at the result.
pub(crate) const CHUNK: u32 = 256;

/// The first nonce of the run that meets the target.
#[inline(always)]
pub(crate) fn scan<S: Lanes>(lanes: S, prepared: &Prepared, run: Run) -> Option<u64> {
    let tail = prepared.tail(run.first & !0xffff);
    let v = prepared.first_start().map(|word| lanes.splat(word));
    // A hash meets the target only if it has the target's leading zero bits: if the state after the rounds cancels
    // the top word of the chaining value there. All in the form of `rounds::top_word`: rotated, without bit 0.
    let zero_bits = !u32::MAX
        .checked_shr(prepared.target_top().leading_zeros())
        .unwrap_or(0);
    let mask = zero_bits.rotate_left(8) & !1;
    let chaining_value = prepared.midstate()[7].rotate_left(8);
    match prepared.shape() {
        Shape::HalfBlock => {
            let words: [S::V; 8] = from_fn(|i| lanes.splat(tail[i]));
            find(lanes, prepared, run, (mask, chaining_value & mask), |low| {
                let mut words = words;
                words[5] = lanes.add(words[5], low);
                rounds::top_word(lanes, v, &words)
            })
        }
        Shape::OneBlock => {
            let block = Block::new(lanes, prepared, &tail);
            find(lanes, prepared, run, (mask, chaining_value & mask), |low| {
                rounds::top_word(lanes, v, &block.with(lanes, low))
            })
        }
        Shape::TwoBlocks => {
            let block = Block::new(lanes, prepared, &tail);
            let second = [lanes.splat(tail[16]), lanes.splat(tail[17])];
            let second_start = prepared.second_start(&[0; 8]).map(|word| lanes.splat(word));
            find(lanes, prepared, run, (mask, 0), |low| {
                let after = rounds::all(lanes, v, &block.with(lanes, low));
                let mut w = second_start;
                for i in 0..8 {
                    w[i] = lanes.xor(v[i], lanes.xor(after[i], after[i + 8]));
                }
                let top = lanes.rotate_right_8(lanes.rotate_right_16(w[7]));
                lanes.xor(rounds::top_word(lanes, w, &second), top)
            })
        }
    }
}

/// A block of which any one word varies with the low bits of the nonce.
struct Block<S: Lanes> {
    words: [S::V; 16],
    /// All ones for the word that varies.
    varies: [S::V; 16],
}

impl<S: Lanes> Block<S> {
    #[inline(always)]
    fn new(lanes: S, prepared: &Prepared, tail: &[u32; 32]) -> Self {
        Self {
            words: from_fn(|i| lanes.splat(tail[i])),
            varies: from_fn(|i| {
                lanes.splat(if i == prepared.nonce_word() {
                    u32::MAX
                } else {
                    0
                })
            }),
        }
    }

    #[inline(always)]
    fn with(&self, lanes: S, low: S::V) -> [S::V; 16] {
        from_fn(|i| lanes.add(self.words[i], lanes.and(self.varies[i], low)))
    }
}

/// The first nonce of the run that meets the target, given what a chunk is rejected by: `top_word` of the low 16 bits
/// of a nonce, in the upper half of a word, equals `key` in the bits of `mask` with every nonce that meets the target.
#[inline(always)]
fn find<S: Lanes>(
    lanes: S,
    prepared: &Prepared,
    run: Run,
    (mask, key): (u32, u32),
    top_word: impl Fn(S::V) -> S::V,
) -> Option<u64> {
    let (mask, key) = (lanes.splat(mask), lanes.splat(key));
    (run.first..=run.last())
        .step_by(CHUNK as usize)
        .find_map(|first| {
            // A word and not a truth value: of that the compiler makes vectors too long for the registers.
            let mut candidates = 0;
            for i in 0..CHUNK / S::COUNT {
                #[expect(clippy::cast_possible_truncation, reason = "only 16 bits are kept")]
                let low = (first as u32).wrapping_add(i * S::COUNT) << 16;
                let top = top_word(lanes.count_from(low, 1 << 16));
                candidates |= u32::from(lanes.any_equal(lanes.and(top, mask), key));
            }
            let last = run.last().min(first.saturating_add(u64::from(CHUNK - 1)));
            if candidates != 0 {
                (first..=last).find(|&nonce| prepared.is_met_with(nonce))
            } else {
                None
            }
        })
}

#[cfg(test)]
mod tests {
    use std::array::from_fn;

    use chainweb::Nonce;

    use super::scan;
    use crate::kernel::self_test::check;
    use crate::lanes::Lanes;
    use crate::{Kernel, NonceRange};

    /// Vectors of four lanes in plain arrays: the model of what a real instruction set does. Not inlined, or the
    /// compiler takes minutes over it.
    #[derive(Clone, Copy)]
    struct Model;

    impl Lanes for Model {
        type V = [u32; 4];

        const COUNT: u32 = 4;

        #[inline(never)]
        fn splat(self, word: u32) -> [u32; 4] {
            [word; 4]
        }

        #[inline(never)]
        fn count_from(self, first: u32, step: u32) -> [u32; 4] {
            [0, 1, 2, 3].map(|lane| first.wrapping_add(step.wrapping_mul(lane)))
        }

        #[inline(never)]
        fn add(self, a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
            from_fn(|i| a[i].wrapping_add(b[i]))
        }

        #[inline(never)]
        fn xor(self, a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
            from_fn(|i| a[i] ^ b[i])
        }

        #[inline(never)]
        fn and(self, a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
            from_fn(|i| a[i] & b[i])
        }

        #[inline(never)]
        fn rotate_right_16(self, a: [u32; 4]) -> [u32; 4] {
            a.map(|word| word.rotate_right(16))
        }

        #[inline(never)]
        fn rotate_right_12(self, a: [u32; 4]) -> [u32; 4] {
            a.map(|word| word.rotate_right(12))
        }

        #[inline(never)]
        fn rotate_right_8(self, a: [u32; 4]) -> [u32; 4] {
            a.map(|word| word.rotate_right(8))
        }

        #[inline(never)]
        fn rotate_right_7(self, a: [u32; 4]) -> [u32; 4] {
            a.map(|word| word.rotate_right(7))
        }

        #[inline(never)]
        fn any_equal(self, a: [u32; 4], b: [u32; 4]) -> bool {
            (0..4).any(|i| a[i] == b[i])
        }
    }

    #[test]
    fn four_lanes_find_what_one_finds() {
        let passed = check(Kernel::Portable, |prepared, range: NonceRange| {
            range
                .runs()
                .find_map(|run| scan(Model, prepared, run))
                .map(Nonce::new)
        });
        assert_eq!(passed, Ok(()));
    }
}
