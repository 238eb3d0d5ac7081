//! Whether a node takes work that is handed back unsolved, as far as it has shown.
//!
//! One that checks proof of work refuses all of it. That is told once, and the node is tried again after the pause of a
//! wrong configuration or a restart: until then it is neither asked for work nor given any back.

use std::time::Instant;

use crate::timing::Timing;

/// What a node has shown of itself.
#[derive(Debug, Default)]
pub(super) struct Unsolved {
    /// Until when it is left alone, if it refused unsolved work and has taken none since.
    refused_until: Option<Instant>,
}

/// Whether an answer is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    News,
    AsBefore,
}

impl Unsolved {
    /// The node has refused unsolved work.
    pub(super) fn refuse(&mut self, now: Instant, timing: &Timing) -> Answer {
        match self.refused_until.replace(now + timing.misconfigured_retry) {
            None => Answer::News,
            Some(_) => Answer::AsBefore,
        }
    }

    /// The node has taken a solution.
    pub(super) fn take(&mut self) -> Answer {
        match self.refused_until.take() {
            None => Answer::AsBefore,
            Some(_) => Answer::News,
        }
    }

    /// The node may have been restarted, and then perhaps with other flags: it is tried again now.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Some(until) = &mut self.refused_until {
            *until = now;
        }
    }

    /// Whether the node is left alone.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.refused_until.is_some_and(|until| now < until)
    }

    /// When the node may be tried again.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        self.refused_until
    }
}
