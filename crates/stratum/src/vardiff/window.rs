//! How many shares came since the level was set, and whether that number can be an accident.
//!
//! A share counts by its effort over the level's, so that stragglers of another level count as what they are. The count
//! goes back to the last change, but by no more than ten minutes: otherwise a level that held for a day would take hours to
//! be found wrong.

use std::time::{Duration, Instant};

/// The 99.5th percentile of the normal distribution: 99 % lie on neither side of it.
const Z: f64 = 2.575_829;

#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    span: Duration,
    began: Instant,
    turned: Instant,
    before_turn: f64,
    since_turn: f64,
}

/// What a number of shares says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    TooFew,
    AsExpected,
    TooMany,
}

impl Window {
    /// A window that goes back by one to two times `span`.
    pub(super) fn new(span: Duration, now: Instant) -> Self {
        Self {
            span,
            began: now,
            turned: now,
            before_turn: 0.0,
            since_turn: 0.0,
        }
    }

    pub(super) fn add(&mut self, now: Instant, shares: f64) {
        if now.saturating_duration_since(self.turned) >= self.span {
            self.began = self.turned;
            self.turned = now;
            self.before_turn = self.since_turn;
            self.since_turn = 0.0;
        }
        self.since_turn += shares;
    }

    pub(super) fn shares(&self) -> f64 {
        self.before_turn + self.since_turn
    }

    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }
}

/// Whether `shares` lie outside the 99 % interval of a Poisson distribution with mean `expected`.
///
/// By the Wilson-Hilferty approximation of the exact (Garwood) limits, which takes no loop and fractions of shares as well.
pub(super) fn judge(shares: f64, expected: f64) -> Count {
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

    use super::{Count, Window, judge};

    /// The probability of at most `count` where `mean` are expected.
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
    fn counts_outside_the_exact_interval_are_told_from_those_within() {
        for mean in [0.5, 1.0, 3.0, 5.0, 12.0, 40.0, 150.0, 600.0] {
            for count in 0..1000 {
                let below = at_most(count, mean);
                let above = if count == 0 {
                    1.0
                } else {
                    1.0 - at_most(count - 1, mean)
                };
                // The approximation may err close to the border.
                let expected = if below < 0.0045 {
                    Count::TooFew
                } else if above < 0.003 {
                    Count::TooMany
                } else if below > 0.0055 && above > 0.005 {
                    Count::AsExpected
                } else {
                    continue;
                };
                assert_eq!(judge(f64::from(count), mean), expected, "{count} of {mean}");
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
