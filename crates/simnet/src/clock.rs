//! The node's clock.
//!
//! Reads the machine's clock once, at the start, and is monotonic from then on. Steps of the
//! machine's clock do not reach a running network.

use std::time::{Duration, Instant, SystemTime};

use chainweb::CreationTime;

/// A year: longer than any timer, and short enough to add to an `Instant` without overflow.
const FAR: Duration = Duration::from_hours(24 * 365);

#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeClock {
    start: CreationTime,
    started: Instant,
}

impl NodeClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "a node's clock is the time of day; only this line reads it"
    )]
    pub(crate) fn start(offset_micros: i64) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let time = CreationTime::from_micros(0).saturating_add(since_epoch);
        Self {
            start: CreationTime::from_micros(time.as_micros().saturating_add(offset_micros)),
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
