//! The number of nonces between two checks of the clock and the jobs.

use std::time::{Duration, Instant};

/// The smallest batch, so that a search advances even if the clock stands still.
pub(super) const MIN: u64 = 256;
/// The largest batch, so that a wrong clock cannot block a thread for long.
pub(super) const MAX: u64 = 1 << 22;

/// The size of a batch, adapted to the intended time.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) size: u64,
    time: Duration,
    /// When the previous batch began, if it was hashed to the end.
    began: Option<Instant>,
}

impl Batch {
    pub(super) fn new(time: Duration) -> Self {
        Self {
            size: MIN,
            time,
            began: None,
        }
    }

    /// Starts a batch. Doubles or halves its size if the previous one took too little or too much
    /// time.
    pub(super) fn resize(&mut self, now: Instant) {
        let Some(began) = self.began.replace(now) else {
            return;
        };
        let took = now.saturating_duration_since(began);
        if took > self.time.mul_f64(1.5) {
            self.size = (self.size / 2).max(MIN);
        } else if took < self.time.mul_f64(0.6) {
            self.size = (self.size * 2).min(MAX);
        }
    }

    /// Excludes the time up to the next batch from the measurement.
    pub(super) fn forget(&mut self) {
        self.began = None;
    }
}
