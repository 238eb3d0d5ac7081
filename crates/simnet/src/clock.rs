//! The clock of this machine, from which those of the nodes differ by their offsets.
//!
//! Reads the machine's clock once, at the start, and is monotonic from then on. Steps of the
//! machine's clock do not reach a running network.

use std::time::{Duration, Instant, SystemTime};

use chainweb::CreationTime;

/// A year: longer than any timer, and short enough to add to an `Instant` without overflow.
const FAR: Duration = Duration::from_hours(24 * 365);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: CreationTime,
    started: Instant,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "a node's clock is the time of day; only this line reads it"
    )]
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            start: CreationTime::from_micros(0).saturating_add(since_epoch),
            started: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> CreationTime {
        self.start.saturating_add(self.started.elapsed())
    }

    /// Returns the instant at which the clock reaches `time`.
    pub(crate) fn instant_of(&self, time: CreationTime) -> Instant {
        self.started + time.saturating_since(self.start).min(FAR)
    }
}
