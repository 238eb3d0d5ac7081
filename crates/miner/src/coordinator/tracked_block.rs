//! One submitted block until its place is final.

use std::time::Instant;

use chainweb::BlockHash;

use crate::history::Fate;
use crate::telemetry::counters::BlockCounts;
use crate::telemetry::event::{BlockEvent, BlockRef};
use crate::timing::Timing;

/// A block whose place is looked up now and then.
#[derive(Debug)]
pub(super) struct TrackedBlock {
    pub(super) block: BlockRef,
    pub(super) hash: BlockHash,
    pub(super) status: Status,
    /// When the block was submitted.
    pub(super) since: Instant,
    /// The tip of the last branch on which the block was looked up.
    pub(super) tip: Option<BlockHash>,
    pub(super) next_lookup: Instant,
    /// Whether a request for the branch below a tip is in flight.
    pub(super) is_requested: bool,
    /// How often the block is looked up before it counts as pending, if the program is stopping.
    pub(super) lookups_left: Option<u8>,
}

/// Where the last lookup found a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Nowhere: its chain is not as high, or it was not looked up yet.
    Pending,
    /// In the cut.
    InCut,
    /// Another block is at its height.
    Displaced,
}

impl Status {
    /// Returns where an earlier run found a block of this fate.
    pub(super) fn of(fate: Fate) -> Self {
        match fate {
            Fate::Accepted => Self::InCut,
            Fate::Displaced => Self::Displaced,
            _ => Self::Pending,
        }
    }
}

impl TrackedBlock {
    /// When the next lookup is due; `None` while one is in flight, and after the last one.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        let is_waiting = !self.is_requested && self.lookups_left != Some(0);
        is_waiting.then_some(self.next_lookup)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.wakeup().is_some_and(|at| at <= now)
    }

    /// A lookup found `there` at the height of the block. Returns what changed.
    pub(super) fn found(
        &mut self,
        now: Instant,
        timing: &Timing,
        there: BlockHash,
    ) -> Option<BlockEvent> {
        self.not_found(now, timing);
        self.lookups_left = self.lookups_left.map(|_| 0);
        let (status, event) = if there == self.hash {
            (Status::InCut, BlockEvent::Accepted)
        } else {
            (Status::Displaced, BlockEvent::Displaced { by: there })
        };
        let before = std::mem::replace(&mut self.status, status);
        (status != before).then_some(event)
    }

    /// A lookup did not answer where the block is, or nothing else than before.
    ///
    /// The next one waits longer for an older block: on an idle network it stays where it is.
    pub(super) fn not_found(&mut self, now: Instant, timing: &Timing) {
        let pause = match &mut self.lookups_left {
            None => (now.saturating_duration_since(self.since) / 2)
                .min(timing.block_lookup_max)
                .max(timing.block_lookup_interval),
            Some(left) => {
                *left = left.saturating_sub(1);
                timing.retry_min
            }
        };
        self.next_lookup = now + pause;
    }
}

impl BlockCounts {
    /// Counts a tracked block.
    pub(super) fn add(&mut self, status: Status) {
        match status {
            Status::Pending => self.pending += 1,
            Status::InCut => self.accepted += 1,
            Status::Displaced => self.displaced += 1,
        }
    }

    /// Counts a block no longer tracked.
    pub(super) fn settle(&mut self, status: Status) {
        match status {
            Status::Pending => self.unknown += 1,
            status => self.add(status),
        }
    }
}
