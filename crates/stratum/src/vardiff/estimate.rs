//! The hash rate estimated from shares: credited difficulty over time, exponentially weighted.
//!
//! Two averages, a fast and a slow one. Each is divided by the weight of the time observed, so it
//! is unbiased from the first second on. The obvious alternative, the mean of difficulty over gap,
//! has no finite expectation.

use std::time::{Duration, Instant};

/// The time constants of the two averages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans {
    pub(super) fast: Duration,
    pub(super) slow: Duration,
}

impl Spans {
    /// One minute and five minutes, or more if those hold but a few share intervals.
    pub(super) fn of(interval: Duration) -> Self {
        Self {
            fast: interval.saturating_mul(12).max(Duration::from_mins(1)),
            slow: interval.saturating_mul(60).max(Duration::from_mins(5)),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    start: Instant,
    last: Instant,
    fast: Average,
    slow: Average,
}

impl Estimate {
    pub(super) fn new(spans: Spans, now: Instant) -> Self {
        Self {
            start: now,
            last: now,
            fast: Average::new(spans.fast),
            slow: Average::new(spans.slow),
        }
    }

    /// Adds the credited difficulty of a share, in hashes.
    pub(super) fn add(&mut self, now: Instant, credit: f64) {
        let passed = now.saturating_duration_since(self.last);
        self.fast.add(passed, credit);
        self.slow.add(passed, credit);
        self.last = self.last.max(now);
    }

    /// Returns the fast average in hashes per second.
    pub(super) fn fast(&self, now: Instant) -> f64 {
        self.rate(self.fast, now)
    }

    /// Returns the slow average in hashes per second.
    pub(super) fn slow(&self, now: Instant) -> f64 {
        self.rate(self.slow, now)
    }

    /// Returns the lower average.
    pub(super) fn lower(&self, now: Instant) -> f64 {
        self.fast(now).min(self.slow(now))
    }

    /// Returns the higher average.
    pub(super) fn higher(&self, now: Instant) -> f64 {
        self.fast(now).max(self.slow(now))
    }

    fn rate(&self, average: Average, now: Instant) -> f64 {
        if average.sum == 0.0 {
            return 0.0;
        }
        let passed = now.saturating_duration_since(self.last);
        let age = now.max(self.last).saturating_duration_since(self.start);
        average.rate(passed, age)
    }
}

#[derive(Clone, Copy, Debug)]
struct Average {
    /// Time constant in seconds.
    constant: f64,
    /// Hashes per second, before the division by the weight of the time observed.
    sum: f64,
}

impl Average {
    fn new(constant: Duration) -> Self {
        Self {
            constant: constant.as_secs_f64(),
            sum: 0.0,
        }
    }

    fn add(&mut self, passed: Duration, credit: f64) {
        self.sum = self.decayed(passed) + credit / self.constant;
    }

    fn decayed(self, passed: Duration) -> f64 {
        self.sum * (-passed.as_secs_f64() / self.constant).exp()
    }

    fn rate(self, passed: Duration, age: Duration) -> f64 {
        let weight = -(-age.as_secs_f64() / self.constant).exp_m1();
        self.decayed(passed) / weight
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::{Estimate, Spans};

    const SPANS: Spans = Spans {
        fast: Duration::from_mins(1),
        slow: Duration::from_mins(5),
    };

    #[test]
    fn both_averages_decay_by_their_constants() {
        let start = Instant::now();
        let mut estimate = Estimate::new(SPANS, start);
        for second in 1..=3600 {
            estimate.add(start + Duration::from_secs(second), 7.0);
        }
        let later = start + Duration::from_mins(65);
        let close = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.01;
        assert!(close(estimate.fast(later), 7.0 * (-5_f64).exp()));
        assert!(close(estimate.slow(later), 7.0 * (-1_f64).exp()));
    }

    proptest! {
        #[test]
        fn a_constant_stream_has_its_rate_at_any_age(
            rate in 1e3..1e18_f64, gap_ms in 1_u64..2000, shares in 20_u64..2000
        ) {
            let start = Instant::now();
            let mut estimate = Estimate::new(SPANS, start);
            let gap = Duration::from_millis(gap_ms);
            // Each share is in the middle of its interval.
            for share in 0..shares {
                let at = start + gap * u32::try_from(share).expect("few") + gap / 2;
                estimate.add(at, rate * gap.as_secs_f64());
            }
            let now = start + gap * u32::try_from(shares).expect("few");
            prop_assert!((estimate.fast(now) / rate - 1.0).abs() < 1e-3, "{}", estimate.fast(now) / rate);
            prop_assert!((estimate.slow(now) / rate - 1.0).abs() < 1e-3, "{}", estimate.slow(now) / rate);
        }
    }
}
