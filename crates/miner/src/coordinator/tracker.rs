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
use node::{Cut, Tip};

use super::tracked_block::{Schedule, Status, TrackedBlock};
use crate::job::NodeId;
use crate::telemetry::Event;
use crate::telemetry::counters::BlockCounts;
use crate::telemetry::event::{BlockEvent, BlockRef, Untracked};
use crate::timing::Timing;

/// The number of blocks on top of one to make its place final; the protocol defines none.
const FINAL_DEPTH: u64 = 6;
/// The highest number of tracked blocks. One more drops the oldest.
pub(super) const MAX_TRACKED: usize = 4096;
/// From this many on, all blocks are looked up at once, before even a worker with thousands of
/// blocks reaches the limit.
pub(super) const BULK: usize = MAX_TRACKED / 2;

/// The tracked blocks, and the counts of those no longer tracked.
#[derive(Debug)]
pub(super) struct BlockTracker {
    tracked: VecDeque<TrackedBlock>,
    settled: BlockCounts,
    schedule: Schedule,
    /// The earliest time of the next bulk lookup.
    next_bulk: Option<Instant>,
    /// The number of blocks dropped since the tracker was full.
    dropped: u64,
    /// What happened since the last call of [`take_events`](Self::take_events).
    events: Vec<Event>,
}

/// A question about the branch below a tip.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lookup {
    pub(super) chain: ChainId,
    pub(super) tip: Tip,
    pub(super) heights: RangeInclusive<u64>,
}

/// The answer to a [`Lookup`].
#[derive(Debug)]
pub(super) struct Branch<'a> {
    pub(super) node: NodeId,
    pub(super) chain: ChainId,
    pub(super) tip_height: u64,
    pub(super) hashes: &'a BTreeMap<u64, BlockHash>,
}

impl Default for BlockTracker {
    fn default() -> Self {
        Self {
            tracked: VecDeque::new(),
            settled: BlockCounts::default(),
            schedule: Schedule::Mining,
            next_bulk: None,
            dropped: 0,
            events: Vec::new(),
        }
    }
}

impl BlockTracker {
    /// Tracks a submitted block.
    pub(super) fn track(&mut self, now: Instant, timing: &Timing, block: BlockRef) {
        let Some(hash) = block.hash else {
            self.count_unknown(block, Untracked::NoHash);
            return;
        };
        if self.tracked.len() == MAX_TRACKED
            && let Some(oldest) = self.tracked.pop_front()
        {
            self.drop_oldest(&oldest);
        }
        let first_lookup = now + self.schedule.first(timing);
        let block = TrackedBlock::new(block, hash, first_lookup);
        self.tracked.push_back(block);
        self.schedule_bulk(now, timing);
    }

    /// Counts a block not to be tracked.
    pub(super) fn count_unknown(&mut self, block: BlockRef, reason: Untracked) {
        self.settled.unknown += 1;
        let event = BlockEvent::Untracked { reason };
        self.events.push(Event::Block(block, event));
    }

    /// Makes all lookups due if there are many.
    fn schedule_bulk(&mut self, now: Instant, timing: &Timing) {
        if self.tracked.len() >= BULK && self.next_bulk.is_none_or(|at| at <= now) {
            self.next_bulk = Some(now + timing.retry_min);
            for block in &mut self.tracked {
                block.next_lookup = block.next_lookup.min(now);
            }
        }
    }

    /// The node serves another network: the last known places of its blocks stand.
    pub(super) fn network_changed(&mut self, node: NodeId) {
        self.untrack(Untracked::NetworkChanged, |block| block.node == node);
    }

    /// Drops blocks far above the tip: their chain was reset, as is common on development networks.
    fn drop_reset(&mut self, node: NodeId, cut: &Cut) {
        self.untrack(Untracked::NetworkReset, |block| {
            let tip = cut.tip(block.chain).filter(|_| block.node == node);
            tip.is_some_and(|tip| tip.height.saturating_add(FINAL_DEPTH) < block.height)
        });
    }

    fn untrack(&mut self, reason: Untracked, leaves: impl Fn(&BlockRef) -> bool) {
        self.tracked.retain(|tracked| {
            let leaves = leaves(&tracked.block);
            if leaves {
                self.settled.settle(tracked.status);
                let event = BlockEvent::Untracked { reason };
                self.events.push(Event::Block(tracked.block, event));
            }
            !leaves
        });
        self.report_recovery();
    }

    /// Makes a last lookup of every block due: the program is stopping.
    pub(super) fn start_final_lookups(&mut self, now: Instant) {
        self.schedule = Schedule::Stopping;
        for block in &mut self.tracked {
            block.next_lookup = now;
        }
    }

    /// Makes no more lookups at a node without answers.
    pub(super) fn abandon_final_lookups(&mut self, node: NodeId) {
        for tracked in &mut self.tracked {
            if tracked.block.node == node {
                tracked.lookups_left = 0;
            }
        }
    }

    /// Whether the program is stopping and a last lookup is still missing.
    pub(super) fn is_any_final_lookup_due(&self) -> bool {
        let mut tracked = self.tracked.iter();
        matches!(self.schedule, Schedule::Stopping) && tracked.any(|block| block.lookups_left > 0)
    }

    /// Whether a block of the node is to be looked up.
    pub(super) fn is_lookup_due(&self, now: Instant, node: NodeId) -> bool {
        let mut tracked = self.tracked.iter();
        tracked.any(|tracked| tracked.block.node == node && tracked.is_due(now))
    }

    /// When a lookup is due.
    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> + '_ {
        self.tracked
            .iter()
            .filter(|block| block.lookups_left > 0 && !block.is_requested)
            .map(|block| block.next_lookup)
    }

    /// Looks up the due blocks in a cut. Returns the questions not answered by tips.
    pub(super) fn cut(
        &mut self,
        now: Instant,
        timing: &Timing,
        node: NodeId,
        cut: &Cut,
    ) -> Vec<Lookup> {
        self.drop_reset(node, cut);
        let requested: BTreeSet<ChainId> = self
            .tracked
            .iter()
            .filter(|tracked| tracked.block.node == node && tracked.is_requested)
            .map(|tracked| tracked.block.chain)
            .collect();
        let mut below: BTreeMap<ChainId, (Tip, BTreeSet<u64>)> = BTreeMap::new();
        for tracked in &mut self.tracked {
            if tracked.block.node != node || !tracked.is_due(now) {
                continue;
            }
            let BlockRef { chain, height, .. } = tracked.block;
            match cut.tip(chain) {
                Some(tip) if tip.height > height => {
                    if !requested.contains(&chain) {
                        let (_, heights) = below.entry(chain).or_insert((tip, BTreeSet::new()));
                        heights.insert(height);
                        tracked.is_requested = true;
                    }
                }
                Some(tip) if tip.height == height => {
                    let change = tracked.found(now, timing, self.schedule, tip.hash);
                    let event = change.map(|change| Event::Block(tracked.block, change));
                    self.events.extend(event);
                }
                _ => tracked.not_found(now, timing, self.schedule),
            }
        }
        below
            .into_iter()
            .filter_map(|(chain, (tip, heights))| {
                let heights = *heights.first()?..=*heights.last()?;
                Some(Lookup {
                    chain,
                    tip,
                    heights,
                })
            })
            .collect()
    }

    /// Looks up blocks on a branch. Those deep enough are no longer tracked.
    pub(super) fn branch(&mut self, now: Instant, timing: &Timing, branch: &Branch<'_>) {
        self.tracked.retain_mut(|tracked| {
            let block = tracked.block;
            if (block.node, block.chain) != (branch.node, branch.chain) {
                return true;
            }
            let was_requested = std::mem::take(&mut tracked.is_requested);
            let Some(there) = branch.hashes.get(&block.height) else {
                if was_requested {
                    tracked.not_found(now, timing, self.schedule);
                }
                return true;
            };
            let depth = branch.tip_height.saturating_sub(block.height);
            let is_final = depth >= FINAL_DEPTH;
            let change = tracked.found(now, timing, self.schedule, *there);
            // A block that is orphaned for good is not reported as displaced before.
            let change = change.filter(|_| !is_final || tracked.status == Status::InCut);
            let end = is_final.then(|| {
                self.settled.settle(tracked.status);
                match tracked.status {
                    Status::InCut => BlockEvent::Confirmed { depth },
                    _ => BlockEvent::Orphaned { by: *there, depth },
                }
            });
            let events = change.into_iter().chain(end);
            self.events
                .extend(events.map(|event| Event::Block(block, event)));
            !is_final
        });
        self.report_recovery();
    }

    /// The branch could not be fetched: the blocks on the chain are looked up again later.
    pub(super) fn lookup_failed(
        &mut self,
        now: Instant,
        timing: &Timing,
        node: NodeId,
        chain: ChainId,
    ) {
        for tracked in &mut self.tracked {
            let BlockRef {
                node: n, chain: c, ..
            } = tracked.block;
            if (n, c) == (node, chain) && std::mem::take(&mut tracked.is_requested) {
                tracked.not_found(now, timing, self.schedule);
            }
        }
    }

    /// Returns the counts of all blocks.
    pub(super) fn counts(&self) -> BlockCounts {
        let mut counts = self.settled;
        for block in &self.tracked {
            counts.add(block.status);
        }
        counts
    }

    /// Returns what happened since the last call.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn drop_oldest(&mut self, oldest: &TrackedBlock) {
        if self.dropped == 0 {
            self.events.push(Event::TrackerFull { limit: MAX_TRACKED });
        }
        self.dropped += 1;
        self.settled.settle(oldest.status);
        let reason = Untracked::TooMany;
        let event = BlockEvent::Untracked { reason };
        self.events.push(Event::Block(oldest.block, event));
    }

    /// Reports how many blocks were dropped once there is room again.
    fn report_recovery(&mut self) {
        if self.dropped > 0 && self.tracked.len() < BULK {
            let dropped = std::mem::take(&mut self.dropped);
            self.events.push(Event::TrackerRecovered { dropped });
        }
    }
}
