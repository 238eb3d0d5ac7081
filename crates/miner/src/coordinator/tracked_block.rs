//! One submitted block until its place is final.

use std::time::Instant;

use chainweb::BlockHash;

use crate::telemetry::counters::BlockCounts;
use crate::telemetry::event::{BlockEvent, BlockRef};
use crate::timing::Timing;

/// How often a block is looked up at shutdown before it counts as pending.
const FINAL_LOOKUPS: u8 = 5;

/// A block whose place is looked up now and then.
#[derive(Debug)]
pub(super) struct TrackedBlock {
    pub(super) block: BlockRef,
    pub(super) hash: BlockHash,
    pub(super) status: Status,
    pub(super) next_lookup: Instant,
    /// Whether a request for the branch below a tip is in flight.
    pub(super) is_requested: bool,
    pub(super) lookups_left: u8,
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

/// The times of lookups.
#[derive(Clone, Copy, Debug)]
pub(super) enum Schedule {
    /// At leisure.
    Mining,
    /// At once, and only a few more times: the program is stopping.
    Stopping,
}

impl TrackedBlock {
    pub(super) fn new(block: BlockRef, hash: BlockHash, next_lookup: Instant) -> Self {
        Self {
            block,
            hash,
            status: Status::Pending,
            next_lookup,
            is_requested: false,
            lookups_left: FINAL_LOOKUPS,
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.is_requested && self.lookups_left > 0 && self.next_lookup <= now
    }

    /// A lookup found `there` at the height of the block. Returns what changed.
    pub(super) fn found(
        &mut self,
        now: Instant,
        timing: &Timing,
        schedule: Schedule,
        there: BlockHash,
    ) -> Option<BlockEvent> {
        let status = if there == self.hash {
            Status::InCut
        } else {
            Status::Displaced
        };
        let before = std::mem::replace(&mut self.status, status);
        self.schedule(now, timing, schedule);
        if matches!(schedule, Schedule::Stopping) {
            self.lookups_left = 0;
        }
        match status {
            _ if status == before => None,
            Status::InCut => Some(BlockEvent::Accepted),
            _ => Some(BlockEvent::Displaced { by: there }),
        }
    }

    /// A lookup did not answer where the block is.
    pub(super) fn not_found(&mut self, now: Instant, timing: &Timing, schedule: Schedule) {
        self.schedule(now, timing, schedule);
        if matches!(schedule, Schedule::Stopping) {
            self.lookups_left = self.lookups_left.saturating_sub(1);
        }
    }

    fn schedule(&mut self, now: Instant, timing: &Timing, schedule: Schedule) {
        self.next_lookup = now + schedule.interval(timing);
    }
}

impl Schedule {
    fn interval(self, timing: &Timing) -> std::time::Duration {
        match self {
            Self::Mining => timing.block_lookup_interval,
            Self::Stopping => timing.retry_min,
        }
    }

    /// The time from the submission of a block to its first lookup.
    pub(super) fn first(self, timing: &Timing) -> std::time::Duration {
        match self {
            Self::Mining => timing.first_block_lookup,
            Self::Stopping => timing.retry_min,
        }
    }
}

impl BlockCounts {
    /// Counts a tracked block.
    pub(super) fn add(&mut self, status: Status) {
        match status {
            Status::Pending => self.pending += 1,
            Status::InCut => self.accepted += 1,
            Status::Displaced => self.orphaned += 1,
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
