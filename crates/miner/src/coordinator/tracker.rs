//! Tracks what becomes of submitted blocks.
//!
//! After an answer of success the node has read a solution, but its block need not be in the cut. A
//! block is in the cut if it is at its height on the branch below the tip of its chain. The result
//! is final once the branch is [`FINAL_DEPTH`] blocks higher. The client cannot compute the hash of
//! blocks with hashed adjacents (EVM); they are not tracked and count as unknown.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::Instant;

use chainweb::{BlockHash, ChainId};
use node::Cut;

use super::tracked_block::{Status, TrackedBlock};
use crate::telemetry::Event;
use crate::telemetry::counters::BlockCounts;
use crate::telemetry::event::{BlockEvent, BlockRef, Untracked};
use crate::timing::Timing;

/// The number of blocks on top of one to make its place final; the protocol defines none.
const FINAL_DEPTH: u64 = 6;
/// How often a block is looked up at shutdown before it counts as pending.
const FINAL_LOOKUPS: u8 = 5;
/// The highest number of tracked blocks. One more drops the oldest.
const MAX_TRACKED: usize = 4096;
/// From this many on, all blocks are looked up at once, before even a worker with thousands of
/// blocks reaches the limit.
const BULK: usize = MAX_TRACKED / 2;

/// The tracked blocks, and the counts of those no longer tracked.
#[derive(Debug)]
pub(super) struct BlockTracker {
    timing: Timing,
    tracked: VecDeque<TrackedBlock>,
    settled: BlockCounts,
    /// Whether blocks are looked up at once, and only a few more times.
    is_stopping: bool,
    /// The earliest time of the next bulk lookup.
    next_bulk: Option<Instant>,
    /// The number of blocks dropped since the tracker was full.
    dropped: u64,
    /// What happened since the last call of [`take_events`](Self::take_events).
    events: Vec<Event>,
}

impl BlockTracker {
    pub(super) fn new(timing: &Timing) -> Self {
        Self {
            timing: *timing,
            tracked: VecDeque::new(),
            settled: BlockCounts::default(),
            is_stopping: false,
            next_bulk: None,
            dropped: 0,
            events: Vec::new(),
        }
    }

    /// Tracks a submitted block, from where it was found last.
    pub(super) fn track(&mut self, now: Instant, block: BlockRef, status: Status) {
        let Some(hash) = block.hash else {
            self.count_unknown(block, Untracked::NoHash);
            return;
        };
        if self.tracked.len() == MAX_TRACKED
            && let Some(oldest) = self.tracked.pop_front()
        {
            if self.dropped == 0 {
                self.events.push(Event::TrackerFull { limit: MAX_TRACKED });
            }
            self.dropped += 1;
            self.settle(oldest.block, oldest.status, Untracked::TooMany);
        }
        let (pause, lookups_left) = if self.is_stopping {
            (self.timing.retry_min, Some(FINAL_LOOKUPS))
        } else {
            (self.timing.first_block_lookup, None)
        };
        self.tracked.push_back(TrackedBlock {
            block,
            hash,
            status,
            since: now,
            tip: None,
            next_lookup: now + pause,
            is_requested: false,
            lookups_left,
        });
        // Makes all lookups due if there are many.
        if self.tracked.len() >= BULK && self.next_bulk.is_none_or(|at| at <= now) {
            self.next_bulk = Some(now + self.timing.retry_min);
            for tracked in &mut self.tracked {
                tracked.next_lookup = tracked.next_lookup.min(now);
            }
        }
    }

    /// Counts a block not to be tracked.
    pub(super) fn count_unknown(&mut self, block: BlockRef, reason: Untracked) {
        self.settle(block, Status::Pending, reason);
    }

    fn settle(&mut self, block: BlockRef, status: Status, reason: Untracked) {
        self.settled.settle(status);
        let event = BlockEvent::Untracked { reason };
        self.events.push(Event::Block(block, event));
    }

    /// Drops blocks: their last known places stand.
    pub(super) fn untrack(&mut self, reason: Untracked, leaves: impl Fn(&BlockRef) -> bool) {
        let all = std::mem::take(&mut self.tracked).into_iter();
        let (left, kept): (VecDeque<_>, _) = all.partition(|tracked| leaves(&tracked.block));
        self.tracked = kept;
        for tracked in left {
            self.settle(tracked.block, tracked.status, reason);
        }
        self.report_recovery();
    }

    /// Makes a last lookup of every block due: the program is stopping.
    pub(super) fn start_final_lookups(&mut self, now: Instant) {
        self.is_stopping = true;
        for tracked in &mut self.tracked {
            tracked.next_lookup = now;
            tracked.lookups_left = Some(FINAL_LOOKUPS);
        }
    }

    /// Makes no more lookups: there are no answers.
    pub(super) fn abandon_final_lookups(&mut self) {
        for tracked in &mut self.tracked {
            tracked.lookups_left = Some(0);
        }
    }

    /// Whether the program is stopping and a last lookup is still missing.
    pub(super) fn is_any_final_lookup_due(&self) -> bool {
        let mut tracked = self.tracked.iter();
        tracked.any(|tracked| tracked.lookups_left.is_some_and(|left| left > 0))
    }

    /// Whether a block is to be looked up.
    pub(super) fn is_lookup_due(&self, now: Instant) -> bool {
        self.tracked.iter().any(|tracked| tracked.is_due(now))
    }

    /// When a lookup is due.
    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> + '_ {
        self.tracked.iter().filter_map(TrackedBlock::wakeup)
    }

    /// Looks up the due blocks in a cut. Returns the heights of those below the tips, by chain:
    /// they are to be looked up on the branches.
    pub(super) fn cut(
        &mut self,
        now: Instant,
        cut: &Cut,
    ) -> BTreeMap<ChainId, RangeInclusive<u64>> {
        // The chain of a block far above the tip was reset, as is common on development networks.
        self.untrack(Untracked::NetworkReset, |block| {
            let tip = cut.tip(block.chain);
            tip.is_some_and(|tip| tip.height.saturating_add(FINAL_DEPTH) < block.height)
        });
        let in_flight = self.tracked.iter().filter(|tracked| tracked.is_requested);
        let in_flight: BTreeSet<_> = in_flight.map(|tracked| tracked.block.chain).collect();
        let mut below: BTreeMap<ChainId, RangeInclusive<u64>> = BTreeMap::new();
        for tracked in self
            .tracked
            .iter_mut()
            .filter(|tracked| tracked.is_due(now))
        {
            let BlockRef { chain, height, .. } = tracked.block;
            match cut.tip(chain) {
                Some(tip) if tip.height > height && tracked.tip == Some(tip.hash) => {
                    tracked.not_found(now, &self.timing);
                }
                Some(tip) if tip.height > height => {
                    if !in_flight.contains(&chain) {
                        tracked.is_requested = true;
                        tracked.tip = Some(tip.hash);
                        let heights = below.entry(chain).or_insert(height..=height);
                        *heights = height.min(*heights.start())..=height.max(*heights.end());
                    }
                }
                Some(tip) if tip.height == height => {
                    let change = tracked.found(now, &self.timing, tip.hash);
                    let event = change.map(|change| Event::Block(tracked.block, change));
                    self.events.extend(event);
                }
                _ => tracked.not_found(now, &self.timing),
            }
        }
        below
    }

    /// Looks up blocks on a branch below a tip. Those deep enough are no longer tracked, those
    /// without a hash at their height are looked up again later.
    pub(super) fn branch(
        &mut self,
        now: Instant,
        (chain, tip_height): (ChainId, u64),
        hashes: &BTreeMap<u64, BlockHash>,
    ) {
        self.tracked.retain_mut(|tracked| {
            let block = tracked.block;
            if block.chain != chain {
                return true;
            }
            let was_requested = std::mem::take(&mut tracked.is_requested);
            let Some(&by) = hashes.get(&block.height) else {
                if was_requested {
                    tracked.tip = None;
                    tracked.not_found(now, &self.timing);
                }
                return true;
            };
            let depth = tip_height.saturating_sub(block.height);
            let is_final = depth >= FINAL_DEPTH;
            let change = tracked.found(now, &self.timing, by);
            let is_in_cut = tracked.status == Status::InCut;
            // A block that is orphaned for good is not reported as displaced before.
            let change = change.filter(|_| !is_final || is_in_cut);
            let end = is_final.then(|| {
                if is_in_cut {
                    self.settled.accepted += 1;
                    BlockEvent::Confirmed { depth }
                } else {
                    self.settled.orphaned += 1;
                    BlockEvent::Orphaned { by, depth }
                }
            });
            let events = change.into_iter().chain(end);
            self.events
                .extend(events.map(|event| Event::Block(block, event)));
            !is_final
        });
        self.report_recovery();
    }

    /// Returns the counts of all blocks.
    pub(super) fn counts(&self) -> BlockCounts {
        let mut counts = self.settled;
        for block in &self.tracked {
            counts.add(block.status);
        }
        counts
    }

    /// What happened since the last call of [`take_events`](Self::take_events).
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// Returns what happened since the last call.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Reports how many blocks were dropped once there is room again.
    fn report_recovery(&mut self) {
        if self.dropped > 0 && self.tracked.len() < BULK {
            let dropped = std::mem::take(&mut self.dropped);
            self.events.push(Event::TrackerRecovered { dropped });
        }
    }
}
