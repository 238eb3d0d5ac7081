//! The difference between the node's clock and this machine's.
//!
//! Every response of a node has an `X-Server-Timestamp`, its clock in whole seconds
//! (kadena-io/chainweb-node, `Chainweb/RestAPI.hs`). The node read its clock at some time between
//! request and response, so the difference is known only as an interval.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::HeaderMap;

/// The header with the node's clock.
pub(crate) const TIMESTAMP: &str = "x-server-timestamp";

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The node's clock minus the local clock, as lower and upper bound in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    least_us: i64,
    most_us: i64,
}

impl Skew {
    /// Returns the skew from a timestamp of whole seconds, received at `received_us` (microseconds
    /// since the epoch, local clock), `elapsed` after the request.
    pub fn from_stamp(stamp_s: i64, received_us: i64, elapsed: Duration) -> Self {
        let elapsed_us = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
        let stamp_us = stamp_s.saturating_mul(MICROS_PER_SECOND);
        Self {
            least_us: stamp_us.saturating_sub(received_us),
            most_us: stamp_us
                .saturating_add(MICROS_PER_SECOND)
                .saturating_sub(received_us.saturating_sub(elapsed_us)),
        }
    }

    /// Reads the timestamp of a response received now, `elapsed` after its request.
    pub(crate) fn from_headers(headers: &HeaderMap, elapsed: Duration) -> Option<Self> {
        let stamp = headers.get(TIMESTAMP)?.to_str().ok()?.trim().parse().ok()?;
        Some(Self::from_stamp(stamp, wall_clock_us()?, elapsed))
    }

    /// Returns the lower bound in microseconds, negative if the node's clock may be behind.
    pub fn least_micros(&self) -> i64 {
        self.least_us
    }

    /// Returns the upper bound in microseconds.
    pub fn most_micros(&self) -> i64 {
        self.most_us
    }

    /// Returns the midpoint in seconds, positive if the node's clock is ahead.
    pub fn seconds(&self) -> f64 {
        f64::midpoint(self.least_us as f64, self.most_us as f64) / MICROS_PER_SECOND as f64
    }

    /// Whether the clocks certainly differ by more than `tolerance`.
    pub fn exceeds(&self, tolerance: Duration) -> bool {
        let tolerance_us = i64::try_from(tolerance.as_micros()).unwrap_or(i64::MAX);
        self.least_us > tolerance_us || self.most_us < -tolerance_us
    }

    /// Whether it certainly differs from an earlier one by more than `tolerance`.
    pub fn differs(&self, earlier: &Self, tolerance: Duration) -> bool {
        let change = Self {
            least_us: self.least_us.saturating_sub(earlier.most_us),
            most_us: self.most_us.saturating_sub(earlier.least_us),
        };
        change.exceeds(tolerance)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures the skew of the wall clock"
)]
fn wall_clock_us() -> Option<i64> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_micros()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stamp_s: i64, received_us: i64, elapsed_ms: u64, expected: (i64, i64)) {
        let skew = Skew::from_stamp(stamp_s, received_us, Duration::from_millis(elapsed_ms));
        assert_eq!((skew.least_micros(), skew.most_micros()), expected);
    }

    #[test]
    fn the_interval_holds_the_true_difference() {
        // Equal clocks and an immediate response: any time until the end of the second.
        check(100, 100_400_000, 0, (-400_000, 600_000));
        // A slow response widens the interval by its duration.
        check(100, 100_400_000, 2_000, (-400_000, 2_600_000));
        // The node is an hour ahead.
        check(3_700, 100_000_000, 0, (3_600_000_000, 3_601_000_000));
        // Absurd timestamps saturate.
        check(
            i64::MAX,
            100_000_000,
            0,
            (i64::MAX - 100_000_000, i64::MAX - 100_000_000),
        );
        check(i64::MIN, 100_000_000, 0, (i64::MIN, i64::MIN));
    }

    #[test]
    fn only_a_certain_difference_exceeds() {
        let behind = Skew::from_stamp(100, 110_000_000, Duration::ZERO);
        assert!(behind.exceeds(Duration::from_millis(8_999)));
        assert!(!behind.exceeds(Duration::from_secs(9)));
        let ahead = Skew::from_stamp(110, 100_000_000, Duration::ZERO);
        assert!(ahead.exceeds(Duration::from_millis(9_999)));
        assert!(!ahead.exceeds(Duration::from_secs(10)));
        // Each is known to a second.
        assert!(ahead.differs(&behind, Duration::from_secs(18)));
        assert!(behind.differs(&ahead, Duration::from_secs(18)));
        assert!(!ahead.differs(&behind, Duration::from_secs(20)));
    }
}
