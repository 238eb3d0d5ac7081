//! Odds: when the next blocks come, at a constant rate of blocks.
//!
//! Blocks are a Poisson process: in a time `t` at `r` blocks per second, `r · t` blocks are
//! expected, and there is one or more with probability `1 - exp(-r · t)`. Solved for the time, that
//! is `-ln(1 - p) / r`: the next block comes within 0.69 times the mean with a probability of 50 %,
//! within 2.30 times with 90 % and within 4.61 times with 99 %.

use std::time::Duration;

use chainweb::Difficulty;

use super::expected::expected_blocks;
use crate::units::HashRate;

/// 24 hours.
pub const DAY: Duration = Duration::from_hours(24);
/// 7 days.
pub const WEEK: Duration = Duration::from_hours(7 * 24);
/// 30 days.
pub const MONTH: Duration = Duration::from_hours(30 * 24);
/// 365 days.
pub const YEAR: Duration = Duration::from_hours(365 * 24);

/// The odds at a rate of blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    blocks_per_second: f64,
}

impl Odds {
    /// Returns the odds at a rate of expected blocks; `None` unless it is positive and finite.
    pub fn new(blocks_per_second: f64) -> Option<Self> {
        (blocks_per_second > 0.0 && blocks_per_second.is_finite())
            .then_some(Self { blocks_per_second })
    }

    /// Returns the odds of hashing at this rate and difficulty; `None` without a rate.
    pub fn of(rate: HashRate, difficulty: Difficulty) -> Option<Self> {
        Self::new(expected_blocks(rate.0, difficulty))
    }

    /// Returns the blocks expected in a time.
    pub fn expected(&self, time: Duration) -> f64 {
        self.blocks_per_second * time.as_secs_f64()
    }

    /// Returns the probability of one block or more in a time, from 0 to 1.
    pub fn probability(&self, time: Duration) -> f64 {
        -(-self.expected(time)).exp_m1()
    }

    /// Returns the mean time to the next block, from any moment on: difficulty / hash rate.
    pub fn mean_time(&self) -> Duration {
        seconds(1.0 / self.blocks_per_second)
    }

    /// Returns the time within which the next block comes with this probability, from 0 to 1.
    pub fn time_within(&self, probability: f64) -> Duration {
        seconds(-(-probability).ln_1p() / self.blocks_per_second)
    }
}

/// Returns the duration, or the longest one for numbers too large.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chainweb::Difficulty;
    use proptest::prelude::*;

    use super::{DAY, MONTH, Odds, WEEK, YEAR};
    use crate::units::HashRate;

    #[track_caller]
    fn assert_near(value: f64, expected: f64) {
        assert!(
            (value - expected).abs() <= 5e-4 * expected,
            "{value} {expected}"
        );
    }

    #[test]
    fn a_miner_with_a_block_in_ten_days_on_average() {
        // 10 TH/s at a difficulty of 8.64 · 10^18.
        let odds = Odds::of(HashRate(1e13), Difficulty::from_f64(8.64e18)).expect("a rate");
        let check = |time, expected, probability| {
            assert_near(odds.expected(time), expected);
            assert_near(odds.probability(time), probability);
        };
        check(DAY, 0.1, 0.095_16);
        check(WEEK, 0.7, 0.503_41);
        check(MONTH, 3.0, 0.950_21);
        check(YEAR, 36.5, 1.0);
        assert_near(odds.mean_time().as_secs_f64(), 864_000.0);
        for (probability, times) in [(0.5, 0.693), (0.9, 2.303), (0.99, 4.605)] {
            let time = odds.time_within(probability).as_secs_f64();
            assert_near(time, times * 864_000.0);
        }
    }

    #[test]
    fn there_are_no_odds_without_a_rate_and_no_overflow_at_a_small_one() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Odds::new(rate), None);
        }
        let small = Odds::new(1e-30).expect("a rate");
        assert_eq!(small.mean_time(), Duration::MAX);
        assert_eq!(small.time_within(1.0), Duration::MAX);
        assert_near(small.probability(DAY), 8.64e-26);
    }

    proptest! {
        #[test]
        fn the_probability_in_the_time_of_a_probability_is_that_one(
            rate in 1e-9..1e3_f64, probability in 0.01..0.999_f64
        ) {
            let odds = Odds::new(rate).expect("a rate");
            let time = odds.time_within(probability);
            prop_assert!((odds.probability(time) - probability).abs() < 1e-6);
        }
    }
}
