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
    now: f64,
    confirmed: f64,
}

impl Expected {
    /// Goes on from the expected blocks of earlier runs, and those when the last confirmed block
    /// was found.
    pub fn resume(total: f64, confirmed: f64) -> Self {
        Self {
            now: total,
            confirmed,
        }
    }

    /// Adds expected blocks.
    pub fn grow(&mut self, blocks: f64) {
        self.now += blocks;
    }

    /// Returns the expected blocks since the first start, to be kept with a block found now until
    /// it is confirmed.
    pub fn blocks(&self) -> f64 {
        self.now
    }

    /// Notes that a block found at this number of expected blocks was confirmed. Blocks may be
    /// confirmed in any order.
    pub fn confirm(&mut self, found: f64) {
        self.confirmed = self.confirmed.max(found);
    }

    /// Returns the expected blocks since the latest confirmed block was found, or since the start
    /// before the first. 1 is the mean from one block to the next.
    pub fn effort(&self) -> f64 {
        self.effort_since(0.0)
    }

    /// Returns the same, also since a block that was found at this number of expected blocks.
    pub fn effort_since(&self, found: f64) -> f64 {
        self.now - self.confirmed.max(found)
    }
}

#[cfg(test)]
mod tests {
    use chainweb::Difficulty;
    use proptest::prelude::*;

    use super::{Expected, expected_blocks};

    fn add(expected: &mut Expected, hashes: f64, difficulty: u64) {
        let difficulty = Difficulty::from_u128(difficulty.into());
        expected.grow(expected_blocks(hashes, difficulty));
    }

    /// Returns the expected blocks of all runs, and the effort.
    fn sums(expected: &Expected) -> (f64, f64) {
        (expected.blocks(), expected.effort())
    }

    #[test]
    fn each_span_counts_with_the_difficulty_of_its_job() {
        let mut expected = Expected::default();
        assert_eq!(sums(&expected), (0.0, 0.0));
        add(&mut expected, 500.0, 1000);
        add(&mut expected, 500.0, 2000);
        add(&mut expected, 8000.0, 4000);
        assert_eq!(sums(&expected), (2.75, 2.75));
    }

    #[test]
    fn effort_starts_again_where_a_block_was_found_once_it_is_confirmed() {
        let mut expected = Expected::default();
        let work = |expected: &mut Expected, blocks: f64| {
            add(expected, 1000.0 * blocks, 1000);
            expected.blocks()
        };
        let first = work(&mut expected, 0.5);
        let second = work(&mut expected, 1.0);
        work(&mut expected, 0.25);
        assert_eq!(sums(&expected), (1.75, 1.75));
        expected.confirm(second);
        assert_eq!(sums(&expected), (1.75, 0.25));
        // The confirmation of an earlier block changes nothing.
        expected.confirm(first);
        assert_eq!(sums(&expected), (1.75, 0.25));
    }

    #[test]
    fn effort_goes_on_after_a_restart() {
        let mut expected = Expected::resume(5.0, 4.25);
        expected.grow(0.5);
        assert_eq!(sums(&expected), (5.5, 1.25));
        // A block of the earlier run is confirmed.
        expected.confirm(4.75);
        assert_eq!(sums(&expected), (5.5, 0.75));
    }

    proptest! {
        #[test]
        fn the_sum_does_not_depend_on_the_order_and_the_length_of_spans(
            spans in prop::collection::vec((0.0..1e18_f64, 1..u64::MAX, 0.0..1.0_f64), 0..50)
        ) {
            let mut whole = Expected::default();
            let mut split = Expected::default();
            for (hashes, of, _) in &spans {
                add(&mut whole, *hashes, *of);
            }
            for (hashes, of, at) in spans.iter().rev() {
                add(&mut split, hashes * at, *of);
                add(&mut split, hashes * (1.0 - at), *of);
            }
            let sum: f64 = spans.iter().map(|(hashes, of, _)| hashes / *of as f64).sum();
            for blocks in [whole, split].map(|expected| expected.blocks()) {
                prop_assert!((blocks - sum).abs() <= 1e-9 * sum, "{blocks} {sum}");
            }
        }
    }
}
