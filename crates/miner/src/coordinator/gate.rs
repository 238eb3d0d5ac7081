//! One kind of request to one node: at most one on the way, and pauses between them.

use std::time::{Duration, Instant};

use node::{Error, Retry};

use crate::timing::Timing;

/// How often a trouble that goes on is told again.
const REPEAT: Duration = Duration::from_secs(30);
/// How soon after it the next is told, if a node is in another trouble each time.
const CHANGE: Duration = Duration::from_secs(5);

/// The state of one kind of request.
#[derive(Debug, Default)]
pub(super) struct Gate {
    in_flight: bool,
    pause: Option<Pause>,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Pause {
    until: Instant,
    /// Whether an update ends the pause early.
    ends_with_update: bool,
}

/// Failures in a row.
#[derive(Debug)]
struct Trouble {
    since: Instant,
    failures: u32,
    told: Option<(Instant, Error)>,
}

impl Gate {
    /// Whether a request may go out now; if so, it counts as on its way.
    pub(super) fn open(&mut self, now: Instant) -> bool {
        let open = !self.in_flight && self.pause.as_ref().is_none_or(|pause| pause.until <= now);
        if open {
            self.in_flight = true;
            self.pause = None;
        }
        open
    }

    /// The request was answered. Gives the length of the trouble that this ends, if it had been told.
    pub(super) fn succeed(&mut self, now: Instant) -> Option<Duration> {
        self.in_flight = false;
        let trouble = self.trouble.take()?;
        trouble
            .told
            .map(|_| now.saturating_duration_since(trouble.since))
    }

    /// The request failed. Gives the pause that follows if the trouble is to be told: when it begins, when it turns
    /// into another, and now and then while it lasts. What somebody has to change the configuration for is told once.
    pub(super) fn fail(
        &mut self,
        now: Instant,
        timing: &Timing,
        error: &Error,
    ) -> Option<Duration> {
        self.in_flight = false;
        let trouble = self.trouble.get_or_insert(Trouble {
            since: now,
            failures: 0,
            told: None,
        });
        trouble.failures = trouble.failures.saturating_add(1);
        let (pause, passes) = match error.retry() {
            Retry::Soon | Retry::AfterInfo => (timing.backoff(trouble.failures), true),
            Retry::Later | Retry::Never => (timing.misconfigured_retry, false),
        };
        self.pause = Some(Pause {
            until: now + pause,
            ends_with_update: false,
        });
        let known = trouble.told.as_ref().is_some_and(|(told, before)| {
            let silence = now.saturating_duration_since(*told);
            match (before == error, passes) {
                (true, true) => silence < REPEAT,
                (true, false) => true,
                (false, true) => silence < CHANGE,
                (false, false) => false,
            }
        });
        if known {
            return None;
        }
        trouble.told = Some((now, error.clone()));
        Some(pause)
    }

    /// Lets no request out before `until`, unless [`resume`](Self::resume) is called.
    pub(super) fn pause(&mut self, until: Instant) {
        self.pause = Some(Pause {
            until,
            ends_with_update: true,
        });
    }

    /// Ends a pause that was not caused by a failure.
    pub(super) fn resume(&mut self) {
        self.pause.take_if(|pause| pause.ends_with_update);
    }

    /// Ends any pause.
    pub(super) fn hurry(&mut self) {
        self.pause = None;
    }

    /// When the gate opens by itself.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        if self.in_flight {
            None
        } else {
            self.pause.as_ref().map(|pause| pause.until)
        }
    }
}
