//! The loop over the nonces of a run, written once over any [`Lanes`].
//!
//! A vector of nonces is hashed as far as the most significant word, which says no to nearly all of them. If it cannot
//! say no to every one, all of them are hashed again by the plain rounds, nonce by nonce: what a scan returns never rests
//! on the lanes alone. Nonces beyond the end of the run may be hashed, but are never looked at.

#![expect(
    clippy::inline_always,
    reason = "the loop has to be one piece of code within the instruction set of its caller"
)]

use crate::lanes::Lanes;
use crate::prepared::{Prepared, Shape};
use crate::range::Run;
use crate::rounds;

/// The first nonce of the run that meets the target.
#[inline(always)]
pub(crate) fn scan<S: Lanes>(lanes: S, prepared: &Prepared, run: Run) -> Option<u64> {
    match prepared.shape() {
        Shape::HalfBlock => find::<S, HalfBlock<S>>(lanes, prepared, run),
        Shape::OneBlock => find::<S, OneBlock<S>>(lanes, prepared, run),
        Shape::TwoBlocks => find::<S, TwoBlocks<S>>(lanes, prepared, run),
    }
}

/// The hash of a header, as far as it is needed, as a function of the nonce's low 16 bits.
///
/// A trait and no closure: these have to become part of the loop, which nothing makes the compiler do with a closure.
trait TopWord<S: Lanes> {
    /// Takes what does not depend on the low 16 bits; `tail` has zeros for them.
    fn new(lanes: S, prepared: &Prepared, tail: &[u32; 32]) -> Self;

    /// The top word of the hash, combined with its part of the chaining value if that depends on the nonce, rotated left
    /// by 8 and without bit 0. `low` has the low 16 bits in the upper halves of its words.
    fn top_word(&self, lanes: S, low: S::V) -> S::V;

    /// The part of the chaining value that [`TopWord::top_word`] leaves out.
    fn left_out(prepared: &Prepared) -> u32;
}

/// One block of eight words, of which word 5 varies.
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
        rounds::top_word(lanes, self.start, &words)
    }

    #[inline(always)]
    fn left_out(prepared: &Prepared) -> u32 {
        prepared.midstate()[7]
    }
}

/// One block, of which any one word varies.
struct OneBlock<S: Lanes> {
    start: [S::V; 16],
    words: [S::V; 16],
    /// All ones for the word that varies.
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

/// A block of which any one word varies, and a second one of two words.
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

/// The first nonce of the run that meets the target.
#[inline(always)]
fn find<S: Lanes, H: TopWord<S>>(lanes: S, prepared: &Prepared, run: Run) -> Option<u64> {
    let hash = H::new(lanes, prepared, &prepared.tail(run.first & !0xffff));
    // A hash meets the target only if it has the target's leading zero bits: if the state after the rounds cancels
    // the top word of the chaining value there. All in the form of `rounds::top_word`: rotated, without bit 0.
    let zero_bits = !u32::MAX
        .checked_shr(prepared.target_top().leading_zeros())
        .unwrap_or(0);
    let mask = zero_bits.rotate_left(8) & !1;
    let key = lanes.splat(H::left_out(prepared).rotate_left(8) & mask);
    let mask = lanes.splat(mask);
    #[expect(clippy::cast_possible_truncation, reason = "only 16 bits are kept")]
    let low = (run.first as u32) << 16;
    let lane = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut low = lanes.load(&lane.map(|lane| low.wrapping_add(lane << 16)));
    let step = lanes.splat(S::COUNT << 16);
    let chunk = u64::from(S::COUNT * S::VECTORS_PER_LOOK);
    let mut first = run.first;
    loop {
        // A word and not a truth value: of that the compiler makes vectors too long for the registers.
        let mut candidates = 0;
        for _ in 0..S::VECTORS_PER_LOOK {
            let top = hash.top_word(lanes, low);
            candidates |= u32::from(lanes.any_equal(lanes.and(top, mask), key));
            low = lanes.add(low, step);
        }
        let left = run.last() - first;
        if candidates != 0 {
            let count = left.min(chunk - 1) + 1;
            let found = look_at(prepared, Run { first, count });
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

/// The first nonce of the run that meets the target, by the plain rounds.
#[cold]
#[inline(never)]
fn look_at(prepared: &Prepared, run: Run) -> Option<u64> {
    #[cfg(test)]
    tests::LOOKS.set(tests::LOOKS.get() + 1);
    (run.first..=run.last()).find(|&nonce| prepared.is_met_with(nonce))
}

#[cfg(test)]
mod tests {
    use std::array::from_fn;
    use std::cell::Cell;

    use chainweb::{Level, Nonce, WorkHeader};

    use super::scan;
    use crate::kernel::self_test::check;
    use crate::lanes::{Lanes, MOST_LANES};
    use crate::prepared::Prepared;
    use crate::range::Run;
    use crate::{Kernel, NonceRange};

    thread_local! {
        /// How often this thread has looked at nonces one by one.
        pub(super) static LOOKS: Cell<u32> = const { Cell::new(0) };
    }

    /// A kernel that looked too often would still be right, and slow.
    #[test]
    fn only_candidates_are_looked_at() {
        for searcher in Kernel::ALL.iter().filter_map(|kernel| kernel.prove().ok()) {
            for degree in [2, 3, 4] {
                let mut bytes = vec![0x5a; 178 + 36 * usize::from(degree)];
                bytes[48..50].copy_from_slice(&[degree, 0]);
                for chain in 0..degree {
                    bytes[50 + 36 * usize::from(chain)] = chain;
                }
                let header = WorkHeader::decode(&bytes).expect("the chains ascend");
                let looks = |bits| {
                    let target = Level::new(bits).expect("at most 256").target();
                    let prepared = Prepared::new(&header, &target);
                    LOOKS.set(0);
                    prepared.search(&searcher, NonceRange::new(Nonce::default(), 1 << 16));
                    LOOKS.get()
                };
                // A nonce of two thousand millions has the zero bits of the top word.
                assert_eq!(looks(256), 0, "{} {degree}", searcher.kernel());
                assert!(looks(10) > 0, "{} {degree}", searcher.kernel());
            }
        }
    }

    /// Vectors of four lanes in plain arrays: the model of what a real instruction set does. Not inlined, or the
    /// compiler takes minutes over it.
    #[derive(Clone, Copy)]
    struct Model;

    impl Lanes for Model {
        type V = [u32; 4];

        const COUNT: u32 = 4;
        const VECTORS_PER_LOOK: u32 = 3;

        fn detect() -> Option<Self> {
            Some(Self)
        }

        fn scan(self, prepared: &Prepared, run: Run) -> Option<u64> {
            scan(self, prepared, run)
        }

        #[inline(never)]
        fn splat(self, word: u32) -> [u32; 4] {
            [word; 4]
        }

        #[inline(never)]
        fn load(self, words: &[u32; MOST_LANES]) -> [u32; 4] {
            [words[0], words[1], words[2], words[3]]
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
                .find_map(|run| Model.scan(prepared, run))
                .map(Nonce::new)
        });
        assert_eq!(passed, Ok(()));
    }
}
