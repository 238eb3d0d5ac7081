//! Whether a node takes work that is handed back unsolved, as far as it has shown.
//!
//! One that checks proof of work refuses all of it. It is told once, and asked again after the pause of a wrong
//! configuration: until then it is neither asked for work nor given any back.

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

    /// Whether the node is left alone.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.refused_until.is_some_and(|until| now < until)
    }

    /// When the node may be tried again.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        self.refused_until
    }
}
