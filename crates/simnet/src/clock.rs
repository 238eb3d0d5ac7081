//! The node's clock.
//!
//! The machine's clock is read once, when the network starts; from there time is monotonic, so that a step of the
//! machine's clock changes nothing in a running network.

use std::time::{Duration, Instant, SystemTime};

use chainweb::CreationTime;

/// Farther than any timer; adding it to an instant does not overflow.
const FAR: Duration = Duration::from_hours(24 * 365);

#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeClock {
    start: CreationTime,
    started: Instant,
}

impl NodeClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "a node's clock shows the time of day; this is the only place that reads it"
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

    /// When the clock shows this time.
    pub(crate) fn instant_of(&self, time: CreationTime) -> Instant {
        self.started + time.saturating_since(self.start).min(FAR)
    }
}
