//! How many nonces are tried between two looks at the clock and the jobs.

use std::time::{Duration, Instant};

/// Batches never get smaller, so that they end even on a machine whose clock stands still.
pub(super) const LEAST: u64 = 256;
/// Nor larger than this, so that one look at the clock gone wrong cannot bind a thread for long.
pub(super) const LARGEST: u64 = 1 << 22;

/// The size of a batch, kept near that which takes the intended time.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) size: u64,
    time: Duration,
    /// When the last whole batch began.
    began: Option<Instant>,
}

impl Batch {
    pub(super) fn new(time: Duration) -> Self {
        Self {
            size: LEAST,
            time,
            began: None,
        }
    }

    /// A batch begins, at once after the last if that is not forgotten. At most doubles or halves.
    pub(super) fn resize(&mut self, now: Instant) {
        let Some(began) = self.began.replace(now) else {
            return;
        };
        let took = now.saturating_duration_since(began);
        if took > self.time.mul_f64(1.5) {
            self.size = (self.size / 2).max(LEAST);
        } else if took < self.time.mul_f64(0.6) {
            self.size = (self.size * 2).min(LARGEST);
        }
    }

    /// The time up to the next batch will not be that of a batch.
    pub(super) fn forget(&mut self) {
        self.began = None;
    }
}
