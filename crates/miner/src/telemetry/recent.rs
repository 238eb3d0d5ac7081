//! What was added to running totals lately: shares of a device, stale work.

use std::time::{Duration, Instant};

use stratum::{Rejections, WorkerSnapshot};

/// The last readings of a running total. Lately is the time of one to two spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recent<T> {
    span: Duration,
    read: Instant,
    last: T,
    before: T,
}

/// Shares of a device of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Accepted shares.
    pub accepted: u64,
    /// Refused shares by reason.
    pub rejections: Rejections,
}

impl<T: Copy> Recent<T> {
    /// Starts with a total of which nothing is recent.
    pub(crate) fn new(now: Instant, span: Duration, total: T) -> Self {
        Self {
            span,
            read: now,
            last: total,
            before: total,
        }
    }

    /// Returns the total before what was added lately. To be called with the present one.
    pub(crate) fn before(&mut self, now: Instant, total: T) -> T {
        if now.saturating_duration_since(self.read) >= self.span {
            (self.read, self.before, self.last) = (now, self.last, total);
        }
        self.before
    }
}

impl Shares {
    /// Returns the number of refused shares.
    pub fn refused(&self) -> u64 {
        self.rejections.total()
    }

    /// Returns the refused shares in per cent of all; zero without any.
    pub fn refused_percent(&self) -> f64 {
        let refused = self.refused();
        100.0 * refused as f64 / (refused + self.accepted).max(1) as f64
    }

    /// Returns the shares since a total before.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            accepted: self.accepted.saturating_sub(before.accepted),
            rejections: self.rejections.since(&before.rejections),
        }
    }
}

impl From<&WorkerSnapshot> for Shares {
    fn from(stats: &WorkerSnapshot) -> Self {
        Self {
            accepted: stats.all_accepted(),
            rejections: stats.rejections,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Recent;

    #[test]
    fn what_was_added_more_than_two_spans_ago_is_not_recent() {
        let start = Instant::now();
        let mut recent = Recent::new(start, Duration::from_mins(10), 100);
        for (minutes, total, before) in [
            (1, 107, 100),
            (10, 110, 100),
            (19, 119, 100),
            (20, 120, 110),
            (31, 131, 120),
            // After a pause, nothing counts but what came since the last reading.
            (90, 190, 131),
        ] {
            let now = start + Duration::from_mins(minutes);
            assert_eq!(recent.before(now, total), before, "{minutes}");
        }
    }
}
