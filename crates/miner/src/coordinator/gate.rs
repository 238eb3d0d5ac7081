//! One kind of request to one node: at most one in flight, with pauses in between.

use std::time::{Duration, Instant};

use node::{Error, Retry};

use crate::timing::Timing;

/// How often a persistent error is reported again.
const REPEAT: Duration = Duration::from_secs(30);
/// The shortest time between reports of different errors.
const CHANGE: Duration = Duration::from_secs(5);

/// The state of one kind of request.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Whether there was use for a request after the last event.
    is_wanted: bool,
    /// When the request in flight was sent.
    in_flight: Option<Instant>,
    paused_until: Option<Instant>,
    /// The earliest time of the next request, whatever ends its pause.
    spaced_until: Option<Instant>,
    /// The failures since the last success.
    failures: Option<Failures>,
}

/// Failures in a row.
#[derive(Debug)]
struct Failures {
    since: Instant,
    count: u32,
    /// The refusals in a row that an operator has to mend, up to the last failure.
    refusals: u32,
    /// The earliest end of the pause, if it ends with a sign of life.
    released_from: Option<Instant>,
    reported_at: Instant,
    reported: Error,
    last: Error,
}

impl Gate {
    /// Returns whether to send a request now, if one is wanted. If so, it counts as in flight.
    pub(super) fn try_start(&mut self, now: Instant, is_wanted: bool) -> bool {
        self.is_wanted = is_wanted;
        let ends = [self.paused_until, self.spaced_until];
        let is_paused = ends.into_iter().flatten().any(|end| end > now);
        if !is_wanted || is_paused || self.in_flight.is_some() {
            return false;
        }
        self.in_flight = Some(now);
        self.clear();
        self.spaced_until = None;
        true
    }

    /// Whether the last request failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures.is_some()
    }

    /// Returns the last error if the last request failed.
    pub(super) fn error(&self) -> Option<&Error> {
        self.failures.as_ref().map(|failures| &failures.last)
    }

    /// Returns when the request in flight was sent.
    pub(super) fn in_flight(&self) -> Option<Instant> {
        self.in_flight
    }

    /// The request succeeded. Returns the time since the first failure if there were any.
    pub(super) fn succeed(&mut self, now: Instant) -> Option<Duration> {
        self.in_flight = None;
        let failures = self.failures.take()?;
        Some(now.saturating_duration_since(failures.since))
    }

    /// The request failed. Returns the length of the pause if the error is to be reported: the
    /// first time, when it changes, and now and then while it lasts. An error in the configuration
    /// is reported once.
    pub(super) fn fail(
        &mut self,
        now: Instant,
        timing: &Timing,
        error: &Error,
    ) -> Option<Duration> {
        self.in_flight = None;
        let is_first = self.failures.is_none();
        let failures = self.failures.get_or_insert_with(|| Failures {
            since: now,
            count: 0,
            refusals: 0,
            released_from: None,
            reported_at: now,
            reported: error.clone(),
            last: error.clone(),
        });
        failures.last = error.clone();
        failures.count = failures.count.saturating_add(1);
        let is_same = failures.reported == *error;
        let silence = now.saturating_duration_since(failures.reported_at);
        let (pause, is_news) = match error.retry() {
            Retry::Soon | Retry::AfterInfo => {
                let is_news = silence >= if is_same { REPEAT } else { CHANGE };
                failures.refusals = 0;
                failures.released_from = None;
                let asked = error.retry_after().unwrap_or_default();
                let asked = asked.min(timing.misconfigured_retry);
                (timing.backoff(failures.count).max(asked), is_news)
            }
            Retry::Later | Retry::Never => {
                failures.refusals = failures.refusals.saturating_add(1);
                failures.released_from = Some(now + timing.refused(1));
                (timing.refused(failures.refusals), !is_same)
            }
        };
        self.paused_until = Some(now + pause);
        if !is_first && !is_news {
            return None;
        }
        failures.reported_at = now;
        failures.reported = error.clone();
        Some(pause)
    }

    /// Pauses after a success until `until`, or until [`release`](Self::release) is called.
    pub(super) fn hold(&mut self, until: Instant) {
        self.paused_until = Some(until);
    }

    /// Makes no request before `until`.
    pub(super) fn space(&mut self, until: Instant) {
        self.spaced_until = Some(until);
    }

    /// Ends a pause not caused by a failure, and all but the shortest one after a refusal that an
    /// operator has to mend: the node lives, and may have been mended.
    pub(super) fn release(&mut self) {
        match &self.failures {
            None => self.clear(),
            Some(failures) => {
                if let (Some(until), Some(from)) = (self.paused_until, failures.released_from) {
                    self.paused_until = Some(until.min(from));
                }
            }
        }
    }

    /// Ends any pause.
    pub(super) fn clear(&mut self) {
        self.paused_until = None;
    }

    /// The end of the pause, if a request is wanted then.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        let is_waiting = self.is_wanted && self.in_flight.is_none();
        self.paused_until
            .max(self.spaced_until)
            .filter(|_| is_waiting)
    }
}
