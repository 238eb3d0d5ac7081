//! The number of shares since the last change of level, and whether it is statistically
//! significant.
//!
//! A share counts in proportion to its difficulty over the level's, so late shares of another level
//! count at their own. The count goes back to the last change, but at most ten minutes: a level
//! that held for a day would take hours to be found wrong.

use std::time::{Duration, Instant};

/// The 99.5th percentile of the normal distribution: 99 % lie within `±Z`.
const Z: f64 = 2.575_829;

#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    span: Duration,
    start: Instant,
    middle: Instant,
    before_middle: f64,
    since_middle: f64,
}

/// A share count compared with the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    TooFew,
    AsExpected,
    TooMany,
}

impl Window {
    /// Creates a window that goes back by one to two times `span`.
    pub(super) fn new(span: Duration, now: Instant) -> Self {
        Self {
            span,
            start: now,
            middle: now,
            before_middle: 0.0,
            since_middle: 0.0,
        }
    }

    pub(super) fn add(&mut self, now: Instant, shares: f64) {
        if now.saturating_duration_since(self.middle) >= self.span {
            self.start = self.middle;
            self.middle = now;
            self.before_middle = self.since_middle;
            self.since_middle = 0.0;
        }
        self.since_middle += shares;
    }

    pub(super) fn shares(&self) -> f64 {
        self.before_middle + self.since_middle
    }

    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }
}

/// Compares `shares` with the 99 % interval of a Poisson distribution of mean `expected`.
///
/// Uses the Wilson-Hilferty approximation of the exact (Garwood) limits, which needs no loop and
/// accepts fractions of shares.
pub(super) fn compare(shares: f64, expected: f64) -> Count {
    let limit = |count: f64, z: f64| {
        let root = 1.0 - 1.0 / (9.0 * count) + z / (3.0 * count.sqrt());
        count * root.max(0.0).powi(3)
    };
    if expected > limit(shares + 1.0, Z) {
        Count::TooFew
    } else if shares > 0.0 && expected < limit(shares, -Z) {
        Count::TooMany
    } else {
        Count::AsExpected
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Count, Window, compare};

    /// Returns the probability of at most `count` events where `mean` are expected.
    fn at_most(count: u32, mean: f64) -> f64 {
        let mut term = (-mean).exp();
        let mut sum = term;
        for k in 1..=count {
            term *= mean / f64::from(k);
            sum += term;
        }
        sum
    }

    #[test]
    fn counts_outside_the_exact_interval_are_distinguished_from_those_within() {
        for mean in [0.5, 1.0, 3.0, 5.0, 12.0, 40.0, 150.0, 600.0] {
            for count in 0..1000 {
                let below = at_most(count, mean);
                let above = if count == 0 {
                    1.0
                } else {
                    1.0 - at_most(count - 1, mean)
                };
                // The approximation may be wrong close to the limits.
                let expected = if below < 0.0045 {
                    Count::TooFew
                } else if above < 0.003 {
                    Count::TooMany
                } else if below > 0.0055 && above > 0.005 {
                    Count::AsExpected
                } else {
                    continue;
                };
                assert_eq!(
                    compare(f64::from(count), mean),
                    expected,
                    "{count} of {mean}"
                );
            }
        }
    }

    #[test]
    fn the_count_goes_back_by_five_to_ten_minutes() {
        let start = Instant::now();
        let mut window = Window::new(Duration::from_mins(5), start);
        for second in 1..=86_400 {
            let now = start + Duration::from_secs(second);
            window.add(now, 1.0);
            let elapsed = window.elapsed(now).as_secs_f64();
            assert!(elapsed <= 600.0, "{elapsed}");
            assert!(elapsed >= 300.0 || second < 300, "{elapsed}");
            assert!(
                (window.shares() - elapsed).abs() <= 1.0,
                "{} in {elapsed}",
                window.shares()
            );
        }
    }
}
