//! Expected blocks: how many blocks an amount of work finds on average.
//!
//! Each span of hashes counts with the difficulty of its own job, so the sum stays right when the
//! difficulty moves, and over all chains.

use chainweb::Difficulty;

/// Returns the blocks that this many hashes find on average at this difficulty.
pub fn expected_blocks(hashes: f64, difficulty: Difficulty) -> f64 {
    hashes / difficulty.as_f64()
}

/// The expected blocks since the first start, and since the last block of ours that was confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    now: Mark,
    confirmed: Mark,
}

/// The work up to a moment, such as that at which a block was found. Later marks are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Mark {
    /// Spans with an unknown number of hashes. The field comes first in the order.
    unknown: u64,
    /// Expected blocks of all other spans.
    blocks: f64,
}

impl Expected {
    /// Goes on from the expected blocks of earlier runs, and those when the last confirmed block
    /// was found.
    pub fn resume(total: f64, confirmed: f64) -> Self {
        Self {
            now: Mark::new(total),
            confirmed: Mark::new(confirmed),
        }
    }

    /// Adds expected blocks that are summed up elsewhere.
    pub fn grow(&mut self, blocks: f64) {
        self.now.blocks += blocks;
    }

    /// Adds the hashes spent on a job of this difficulty; `None` if their number is not known,
    /// which makes every sum unknown that includes them.
    pub fn add(&mut self, hashes: Option<f64>, difficulty: Difficulty) {
        match hashes {
            Some(hashes) => self.now.blocks += expected_blocks(hashes, difficulty),
            None => self.now.unknown += 1,
        }
    }

    /// Returns the expected blocks since the start.
    pub fn blocks(&self) -> Option<f64> {
        self.now.since(Mark::default())
    }

    /// Returns the present moment, to be kept with a block found now until it is confirmed.
    pub fn mark(&self) -> Mark {
        self.now
    }

    /// Notes that a block found at this moment was confirmed. Blocks may be confirmed in any order.
    pub fn confirm(&mut self, found: Mark) {
        if found > self.confirmed {
            self.confirmed = found;
        }
    }

    /// Returns the expected blocks since the latest confirmed block was found, or since the start
    /// before the first. 1 is the mean from one block to the next.
    pub fn effort(&self) -> Option<f64> {
        self.now.since(self.confirmed)
    }
}

impl Mark {
    /// Returns the moment at which so many blocks were expected since the first start.
    pub const fn new(blocks: f64) -> Self {
        Self { unknown: 0, blocks }
    }

    fn since(self, before: Self) -> Option<f64> {
        (self.unknown == before.unknown).then_some(self.blocks - before.blocks)
    }
}

#[cfg(test)]
mod tests {
    use chainweb::Difficulty;
    use proptest::prelude::*;

    use super::{Expected, Mark};

    fn difficulty(hashes: u64) -> Difficulty {
        Difficulty::from_u128(hashes.into())
    }

    #[test]
    fn each_span_counts_with_the_difficulty_of_its_job() {
        let mut expected = Expected::default();
        assert_eq!(expected.blocks(), Some(0.0));
        expected.add(Some(500.0), difficulty(1000));
        expected.add(Some(500.0), difficulty(2000));
        expected.add(Some(8000.0), difficulty(4000));
        assert_eq!(expected.blocks(), Some(2.75));
    }

    #[test]
    fn effort_starts_again_where_a_block_was_found_once_it_is_confirmed() {
        let mut expected = Expected::default();
        let work = |expected: &mut Expected, blocks: f64| {
            expected.add(Some(1000.0 * blocks), difficulty(1000));
            expected.mark()
        };
        let first = work(&mut expected, 0.5);
        let second = work(&mut expected, 1.0);
        work(&mut expected, 0.25);
        assert_eq!(expected.effort(), Some(1.75));
        expected.confirm(second);
        assert_eq!(expected.effort(), Some(0.25));
        // The confirmation of an earlier block changes nothing.
        expected.confirm(first);
        assert_eq!(expected.effort(), Some(0.25));
        assert_eq!(expected.blocks(), Some(1.75));
    }

    #[test]
    fn unknown_hashes_make_unknown_what_includes_them_and_no_more() {
        let mut expected = Expected::default();
        expected.add(Some(1000.0), difficulty(1000));
        expected.add(None, difficulty(1000));
        assert_eq!((expected.blocks(), expected.effort()), (None, None));
        let found = expected.mark();
        expected.add(Some(500.0), difficulty(1000));
        expected.confirm(found);
        assert_eq!((expected.blocks(), expected.effort()), (None, Some(0.5)));
    }

    #[test]
    fn effort_goes_on_after_a_restart() {
        let mut expected = Expected::resume(5.0, 4.25);
        expected.grow(0.5);
        assert_eq!(
            (expected.blocks(), expected.effort()),
            (Some(5.5), Some(1.25))
        );
        // A block of the earlier run is confirmed.
        expected.confirm(Mark::new(4.75));
        assert_eq!(expected.effort(), Some(0.75));
    }

    proptest! {
        #[test]
        fn the_sum_does_not_depend_on_the_order_and_the_length_of_spans(
            spans in prop::collection::vec((0.0..1e18_f64, 1..u64::MAX, 0.0..1.0_f64), 0..50)
        ) {
            let mut whole = Expected::default();
            let mut split = Expected::default();
            for (hashes, of, _) in &spans {
                whole.add(Some(*hashes), difficulty(*of));
            }
            for (hashes, of, at) in spans.iter().rev() {
                split.add(Some(hashes * at), difficulty(*of));
                split.add(Some(hashes * (1.0 - at)), difficulty(*of));
            }
            let sum: f64 = spans.iter().map(|(hashes, of, _)| hashes / *of as f64).sum();
            for blocks in [whole, split].map(|expected| expected.blocks().expect("known")) {
                prop_assert!((blocks - sum).abs() <= 1e-9 * sum, "{blocks} {sum}");
            }
        }
    }
}
