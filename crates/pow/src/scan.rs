//! The loop over the nonces of a run, written once over any [`Lanes`].
//!
//! Each vector of nonces is hashed up to the most significant word, which rules out nearly all of
//! them. A vector with a candidate left is hashed again nonce by nonce by [`crate::blake2s`], so no
//! result rests on the lanes alone. Nonces past the end of the run may be hashed but are never
//! checked.

#![expect(
    clippy::inline_always,
    reason = "the loop must be one piece of code, compiled for the instructions of its caller"
)]

use crate::lanes::{Lanes, MOST_LANES};
use crate::prepared::{Prepared, Shape};
use crate::range::Run;

/// Returns the first nonce of the run that meets the target.
#[inline(always)]
pub(crate) fn scan<S: Lanes>(lanes: S, prepared: &Prepared, run: Run) -> Option<u64> {
    match prepared.shape() {
        Shape::HalfBlock => find::<S, HalfBlock<S>>(lanes, prepared, run),
        Shape::OneBlock => find::<S, OneBlock<S>>(lanes, prepared, run),
        Shape::TwoBlocks => find::<S, TwoBlocks<S>>(lanes, prepared, run),
    }
}

/// The top word of a header's hash as a function of the nonce's low 16 bits.
///
/// A trait instead of a closure, because nothing forces the compiler to inline a closure into the
/// loop.
trait TopWord<S: Lanes> {
    /// Computes what does not depend on the low 16 bits, which are zero in `tail`.
    fn new(lanes: S, prepared: &Prepared, tail: &[u32; 32]) -> Self;

    /// Returns the top word of the hash, rotated left by 8, except for bit 0. The chaining value is
    /// included only if it depends on the nonce. The upper halves of the words of `low` are the low
    /// 16 bits of the nonces.
    fn top_word(&self, lanes: S, low: S::V) -> S::V;

    /// Returns the part of the chaining value left out by [`TopWord::top_word`].
    fn left_out(prepared: &Prepared) -> u32;
}

/// One block of eight words; word 5 varies.
struct HalfBlock<S: Lanes> {
    start: [S::V; 16],
    words: [S::V; 8],
}

impl<S: Lanes> TopWord<S> for HalfBlock<S> {
    #[inline(always)]
    fn new(lanes: S, prepared: &Prepared, tail: &[u32; 32]) -> Self {
        Self {
            start: splat_all(lanes, &prepared.first_start()),
            words: splat_all(lanes, tail.first_chunk().expect("8 of 32 words")),
        }
    }

    #[inline(always)]
    fn top_word(&self, lanes: S, low: S::V) -> S::V {
        let mut words = self.words;
        words[5] = lanes.add(words[5], low);
        let v = rounds::first(lanes, self.start, &words);
        lanes.top_word_after_first(v, &words)
    }

    #[inline(always)]
    fn left_out(prepared: &Prepared) -> u32 {
        prepared.midstate()[7]
    }
}

/// One block; any one word varies.
struct OneBlock<S: Lanes> {
    start: [S::V; 16],
    words: [S::V; 16],
    /// All ones for the varying word, zero for the others.
    varies: [S::V; 16],
}

impl<S: Lanes> OneBlock<S> {
    #[inline(always)]
    fn with(&self, lanes: S, low: S::V) -> [S::V; 16] {
        let mut words = self.words;
        for (word, varies) in words.iter_mut().zip(self.varies) {
            *word = lanes.add(*word, lanes.and(varies, low));
        }
        words
    }
}

impl<S: Lanes> TopWord<S> for OneBlock<S> {
    #[inline(always)]
    fn new(lanes: S, prepared: &Prepared, tail: &[u32; 32]) -> Self {
        let mut varies = [0; 16];
        varies[prepared.nonce_word()] = u32::MAX;
        Self {
            start: splat_all(lanes, &prepared.first_start()),
            words: splat_all(lanes, tail.first_chunk().expect("16 of 32 words")),
            varies: splat_all(lanes, &varies),
        }
    }

    #[inline(always)]
    fn top_word(&self, lanes: S, low: S::V) -> S::V {
        rounds::top_word(lanes, self.start, &self.with(lanes, low))
    }

    #[inline(always)]
    fn left_out(prepared: &Prepared) -> u32 {
        prepared.midstate()[7]
    }
}

/// A block in which any one word varies, and a second block of two words.
struct TwoBlocks<S: Lanes> {
    first: OneBlock<S>,
    second_start: [S::V; 16],
    second: [S::V; 2],
}

impl<S: Lanes> TopWord<S> for TwoBlocks<S> {
    #[inline(always)]
    fn new(lanes: S, prepared: &Prepared, tail: &[u32; 32]) -> Self {
        Self {
            first: OneBlock::new(lanes, prepared, tail),
            second_start: splat_all(lanes, &prepared.second_start(&[0; 8])),
            second: [lanes.splat(tail[16]), lanes.splat(tail[17])],
        }
    }

    #[inline(always)]
    fn top_word(&self, lanes: S, low: S::V) -> S::V {
        let before = &self.first.start;
        let after = rounds::all(lanes, *before, &self.first.with(lanes, low));
        let mut start = self.second_start;
        for i in 0..8 {
            start[i] = lanes.xor(before[i], lanes.xor(after[i], after[i + 8]));
        }
        let chaining_value = lanes.rotate_right_8(lanes.rotate_right_16(start[7]));
        lanes.xor(rounds::top_word(lanes, start, &self.second), chaining_value)
    }

    #[inline(always)]
    fn left_out(_prepared: &Prepared) -> u32 {
        0
    }
}

#[inline(always)]
fn splat_all<S: Lanes, const N: usize>(lanes: S, words: &[u32; N]) -> [S::V; N] {
    let mut all = [lanes.splat(0); N];
    for (vector, &word) in all.iter_mut().zip(words) {
        *vector = lanes.splat(word);
    }
    all
}

/// Returns the first nonce of the run that meets the target.
#[inline(always)]
fn find<S: Lanes, H: TopWord<S>>(lanes: S, prepared: &Prepared, run: Run) -> Option<u64> {
    let hash = H::new(lanes, prepared, &prepared.tail(run.first & !0xffff));
    // A hash can meet the target only if it has the target's leading zero bits, that is, if the
    // state after the rounds cancels the chaining value's top word in these bits. Mask and key have
    // the form of `rounds::top_word`: rotated, without bit 0.
    let zero_bits = !u32::MAX
        .checked_shr(prepared.target_top().leading_zeros())
        .unwrap_or(0);
    let mask = zero_bits.rotate_left(8) & !1;
    let key = lanes.splat(H::left_out(prepared).rotate_left(8) & mask);
    let mask = lanes.splat(mask);
    #[expect(clippy::cast_possible_truncation, reason = "keeps only 16 bits")]
    let low = (run.first as u32) << 16;
    let mut each_low = [low; MOST_LANES];
    for (lane, low) in (0..).zip(&mut each_low) {
        *low = low.wrapping_add(lane << 16);
    }
    let mut low = lanes.load(&each_low);
    let step = lanes.splat(S::COUNT << 16);
    let chunk = u64::from(S::COUNT * S::VECTORS_PER_CHECK);
    let mut first = run.first;
    loop {
        // A word, not a bool: with a bool the compiler builds vectors too long for the registers.
        let mut candidates = 0;
        for _ in 0..S::VECTORS_PER_CHECK {
            let top = hash.top_word(lanes, low);
            candidates |= u32::from(lanes.any_equal(lanes.and(top, mask), key));
            low = lanes.add(low, step);
        }
        let left = run.last() - first;
        if candidates != 0 {
            let count = left.min(chunk - 1) + 1;
            let found = check_each(prepared, Run { first, count });
            if found.is_some() {
                return found;
            }
        }
        if left < chunk {
            return None;
        }
        first += chunk;
    }
}

/// Returns the first nonce of the run that meets the target, without the lanes.
#[cold]
#[inline(never)]
fn check_each(prepared: &Prepared, run: Run) -> Option<u64> {
    #[cfg(test)]
    tests::CHECKS.set(tests::CHECKS.get() + 1);
    (run.first..=run.last()).find(|&nonce| prepared.is_met_with(nonce))
}

#[cfg(test)]
mod tests {
    use std::array::from_fn;
    use std::cell::Cell;

    use chainweb::{Level, Nonce};
    use fixtures::header_of_degree;
    use rounds::Arithmetic;

    use super::scan;
    use crate::bound::VectorInstructions;
    use crate::kernel::self_test::check;
    use crate::lanes::{Lanes, MOST_LANES};
    use crate::prepared::Prepared;
    use crate::{Kernel, NonceRange};

    thread_local! {
        /// The number of times this thread has checked nonces one by one.
        pub(super) static CHECKS: Cell<u32> = const { Cell::new(0) };
    }

    /// A kernel that checked too often would be correct but slow.
    #[test]
    fn only_candidates_are_checked_one_by_one() {
        for searcher in Kernel::ALL.iter().filter_map(|kernel| kernel.prove().ok()) {
            for degree in [2, 3, 4] {
                let header = header_of_degree(degree, &[0x5a]);
                let checks = |bits| {
                    let target = Level::new(bits).expect("at most 256").target();
                    let prepared = Prepared::new(&header, &target);
                    CHECKS.set(0);
                    prepared.search(&searcher, NonceRange::new(Nonce::default(), 1 << 16));
                    CHECKS.get()
                };
                // One nonce in 2^31 has the zero bits of the top word.
                assert_eq!(checks(256), 0, "{} {degree}", searcher.kernel());
                assert!(checks(10) > 0, "{} {degree}", searcher.kernel());
            }
        }
    }

    /// Four lanes in plain arrays: a model of an instruction set. Inlined, it would compile for
    /// minutes.
    #[derive(Clone, Copy)]
    struct Model;

    impl Arithmetic for Model {
        type V = [u32; 4];

        #[inline(never)]
        fn add(self, a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
            from_fn(|i| a[i].wrapping_add(b[i]))
        }

        #[inline(never)]
        fn xor(self, a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
            from_fn(|i| a[i] ^ b[i])
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
    }

    impl Lanes for Model {
        const COUNT: u32 = 4;
        const VECTORS_PER_CHECK: u32 = 3;
        const INSTRUCTIONS: Option<VectorInstructions> = None;

        #[inline(never)]
        fn splat(self, word: u32) -> [u32; 4] {
            [word; 4]
        }

        #[inline(never)]
        fn load(self, words: &[u32; MOST_LANES]) -> [u32; 4] {
            [words[0], words[1], words[2], words[3]]
        }

        #[inline(never)]
        fn and(self, a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
            from_fn(|i| a[i] & b[i])
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
