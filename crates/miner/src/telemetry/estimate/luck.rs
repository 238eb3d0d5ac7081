//! Luck: blocks found per expected block, with its exact confidence interval.
//!
//! The interval is that of F. Garwood, "Fiducial Limits for the Poisson Distribution", Biometrika
//! 28 (1936): the lowest mean is the one at which as many blocks or more have a probability of
//! 2.5 %, the highest the one at which as many or fewer have. It is the exact one, also for few
//! blocks, and covers the true mean in at least 95 % of all cases.

/// The probability beyond each end of an interval.
const TAIL: f64 = 0.025;

/// Below this number of expected blocks, luck says nothing.
const LEAST_EXPECTED: f64 = 1.0;

/// How many blocks were found for the work done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Luck {
    /// Less than one block was expected: too early to say.
    TooEarly,
    /// A block or more was expected.
    Known {
        /// Blocks found per expected block: 1 on average.
        ratio: f64,
        /// The interval of the ratio.
        interval: Interval,
    },
}

/// A confidence interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Luck {
    /// Returns the luck of `found` blocks, orphaned ones included, where `expected` were expected.
    pub fn of(found: u64, expected: f64) -> Self {
        if expected.is_nan() || expected < LEAST_EXPECTED {
            return Self::TooEarly;
        }
        let mean = Interval::of_mean(found);
        Self::Known {
            ratio: found as f64 / expected,
            interval: Interval {
                low: mean.low / expected,
                high: mean.high / expected,
            },
        }
    }
}

impl Interval {
    /// Returns the interval of the mean of a Poisson distribution from one value of it. The
    /// computing time grows with the square root of the value.
    pub fn of_mean(value: u64) -> Self {
        let count = value as f64;
        // Five standard deviations or more above the value.
        let above = count + 4.0 + 5.0 * count.sqrt();
        Self {
            low: crossing(0.0, count, |mean| or_more(count, mean) < TAIL),
            high: crossing(count, above, |mean| or_fewer(count, mean) > TAIL),
        }
    }
}

/// Returns where the condition, which holds below, ceases to hold, to the resolution of a double.
fn crossing(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return high;
        }
        *if holds(middle) { &mut low } else { &mut high } = middle;
    }
}

/// Returns the probability of exactly `count`.
fn exactly(count: f64, mean: f64) -> f64 {
    (count * mean.ln() - mean - libm::lgamma(count + 1.0)).exp()
}

/// Returns the probability of `count` or more at a mean of at most `count`.
fn or_more(count: f64, mean: f64) -> f64 {
    sum(
        exactly(count, mean),
        (1..).map(|step| mean / (count + f64::from(step))),
    )
}

/// Returns the probability of `count` or fewer at a mean of at least `count`.
fn or_fewer(count: f64, mean: f64) -> f64 {
    sum(
        exactly(count, mean),
        (0..).map(|step| (count - f64::from(step)) / mean),
    )
}

/// Returns the sum of decreasing terms: the first, and each next by its ratio to the one before.
/// Ends at the resolution of a double.
fn sum(mut term: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    let mut sum = term;
    for ratio in ratios {
        term *= ratio;
        if term <= sum * f64::EPSILON / 8.0 {
            break;
        }
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::env;

    use chainweb::Difficulty;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use rand_distr::Exp1;

    use super::{Interval, Luck};
    use crate::telemetry::estimate::{Expected, expected_blocks};

    #[test]
    fn the_interval_of_a_mean_is_that_of_published_tables() {
        #[track_caller]
        fn check(found: u64, low: f64, high: f64) {
            let interval = Interval::of_mean(found);
            assert!(
                (interval.low - low).abs() < 6e-5 * low.max(1.0),
                "{interval:?}"
            );
            assert!((interval.high - high).abs() < 6e-5 * high, "{interval:?}");
        }
        check(0, 0.0, 3.6889);
        check(1, 0.0253, 5.5716);
        check(2, 0.2422, 7.2247);
        check(3, 0.6187, 8.7673);
        check(5, 1.6235, 11.6683);
        check(10, 4.7954, 18.3904);
        check(20, 12.2165, 30.8884);
        check(50, 37.1110, 65.9183);
        check(100, 81.3637, 121.6273);
    }

    #[test]
    fn the_ends_are_in_order_for_any_number_of_blocks() {
        for exponent in 0..24 {
            let found = 1 << exponent;
            let interval = Interval::of_mean(found);
            // About 1.96 standard deviations.
            let deviation = (found as f64).sqrt();
            let distance = |end: f64| (end - found as f64).abs() / deviation;
            assert!(
                (0.97..2.0).contains(&distance(interval.low)),
                "{found} {interval:?}"
            );
            assert!(
                (1.95..4.6).contains(&distance(interval.high)),
                "{found} {interval:?}"
            );
        }
    }

    #[test]
    fn below_one_expected_block_it_is_too_early_to_say() {
        for expected in [0.0, 0.999, f64::NAN] {
            assert_eq!(Luck::of(3, expected), Luck::TooEarly);
        }
        let mean = Interval::of_mean(10);
        let interval = Interval {
            low: mean.low / 20.0,
            high: mean.high / 20.0,
        };
        let ratio = 0.5;
        assert_eq!(Luck::of(10, 20.0), Luck::Known { ratio, interval });
        assert!(matches!(Luck::of(0, 1.0), Luck::Known { ratio: 0.0, .. }));
    }

    /// Mines `jobs` jobs whose difficulty moves, until `blocks` are expected. Returns the number of
    /// blocks found. Each hash finds one with the probability that its difficulty says.
    fn mine(rng: &mut StdRng, jobs: u32, blocks: f64) -> (u64, Expected) {
        let mut expected = Expected::default();
        let mut found = 0;
        let mut difficulty = 1e15;
        for job in 0..jobs {
            difficulty *= rng.random_range(0.7..1.4);
            let part = blocks - expected.blocks();
            let part = part / f64::from(jobs - job) * rng.random_range(0.0..2.0);
            let is_last = job + 1 == jobs;
            let left = blocks - expected.blocks();
            let hashes = difficulty * if is_last { left } else { part.min(left) };
            expected.grow(expected_blocks(hashes, Difficulty::from_f64(difficulty)));
            let mut spent = difficulty * rng.sample::<f64, _>(Exp1);
            while spent <= hashes {
                found += 1;
                spent += difficulty * rng.sample::<f64, _>(Exp1);
            }
        }
        (found, expected)
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "the seed of a failure")]
    fn the_interval_covers_the_true_rate_while_difficulty_moves() {
        const RUNS: u32 = 2000;
        let seed = env::var("LUCK_SEED").map_or(7, |seed| seed.parse().expect("a number"));
        eprintln!("LUCK_SEED={seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for (blocks, most) in [
            (0.3, 1.0),
            (1.0, 1.0),
            (3.0, 1.0),
            (10.0, 1.0),
            (100.0, 0.97),
        ] {
            let mut covered = 0;
            let mut means = BTreeMap::new();
            for _ in 0..RUNS {
                let (found, expected) = mine(&mut rng, 8, blocks);
                let expected = expected.blocks();
                assert!(
                    (expected / blocks - 1.0).abs() < 1e-9,
                    "{expected} {blocks}"
                );
                let mean = *means
                    .entry(found)
                    .or_insert_with(|| Interval::of_mean(found));
                let is_covered = mean.low <= expected && expected <= mean.high;
                covered += u32::from(is_covered);
            }
            let covered = f64::from(covered) / f64::from(RUNS);
            assert!((0.94..=most).contains(&covered), "{covered} at {blocks}");
        }
    }
}
