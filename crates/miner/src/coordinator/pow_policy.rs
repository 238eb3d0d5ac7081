//! Whether a node accepts blocks without proof of work.
//!
//! A node with proof of work rejects all blocks of a worker without. It then gets neither requests
//! for work nor submissions until a pause is over or the node is restarted.

use std::time::Instant;

use crate::timing::Timing;

/// What a node's answers show about its policy.
#[derive(Debug, Default)]
pub(super) struct PowPolicy {
    /// The end of the pause, if the node rejected the last block without proof of work.
    rejected_until: Option<Instant>,
}

impl PowPolicy {
    /// The node rejected a block without proof of work. Returns whether this is new.
    pub(super) fn rejected(&mut self, now: Instant, timing: &Timing) -> bool {
        let until = now + timing.misconfigured_retry;
        self.rejected_until.replace(until).is_none()
    }

    /// The node accepted a submission. Returns whether it rejected the one before.
    pub(super) fn accepted(&mut self) -> bool {
        self.rejected_until.take().is_some()
    }

    /// Ends the pause: the node may have been restarted with other flags.
    pub(super) fn end_pause(&mut self, now: Instant) {
        if let Some(until) = &mut self.rejected_until {
            *until = now;
        }
    }

    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.rejected_until.is_some_and(|until| now < until)
    }

    /// The end of the pause.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        self.rejected_until
    }
}
