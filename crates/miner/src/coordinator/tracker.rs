//! Tracks what becomes of submitted blocks.
//!
//! After an answer of success the node has read a solution, but its block need not be in the cut. A
//! block is in the cut if it is at its height on the branch below the tip of its chain. The result
//! is final once the branch is so many blocks higher, at all nodes that vote. The client
//! cannot compute the hash of blocks with hashed adjacents (EVM); it learns it from the header at
//! the block's height.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use chainweb::{BlockHash, ChainId};
use node::{Ancestor, Cut};

use super::tracked_block::{FAR, Inquiry, Lookup, NewBlock, Status, TrackedBlock, Vote, Voter};
use crate::job::{JobId, NodeId};
use crate::telemetry::Event;
use crate::telemetry::counters::BlockCounts;
use crate::telemetry::event::{BlockEvent, BlockRef, OrphanReason, Untracked};
use crate::timing::Timing;

/// How often a block is looked up at shutdown before it counts as pending.
const FINAL_LOOKUPS: u8 = 5;
/// The highest number of tracked blocks. One more drops the oldest.
const MAX_TRACKED: usize = 8192;
/// More tracked blocks than this are looked up many at a time.
const MANY: usize = 256;
/// With more tracked blocks than this, no node is asked why one is orphaned.
const MOST_ASKED: usize = 64;
/// The number of due blocks of a chain that are worth a request, and how long fewer wait.
const WORTH: usize = 32;
const PATIENCE: Duration = Duration::from_mins(1);
/// From this many on, all blocks are looked up at once, before even a worker with thousands of
/// blocks reaches the limit.
const BULK: usize = MAX_TRACKED / 2;

/// What is wanted of the blocks below a tip.
#[derive(Debug)]
pub(super) struct Below {
    pub(super) heights: RangeInclusive<u64>,
    pub(super) form: Form,
}

/// In which form blocks are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Hashes,
    Headers,
}

/// The tracked blocks, and the counts of those no longer tracked.
#[derive(Debug)]
pub(super) struct BlockTracker {
    timing: Timing,
    nodes: usize,
    /// The number of blocks on top of one that make its place final.
    confirmations: u64,
    tracked: VecDeque<TrackedBlock>,
    settled: BlockCounts,
    /// Whether blocks are looked up at once, and only a few more times.
    is_stopping: bool,
    /// The earliest time of the next bulk lookup.
    next_bulk: Option<Instant>,
    /// The number of blocks dropped since the tracker was full.
    dropped: u64,
    /// The blocks to be asked about since the last call of
    /// [`take_inquiries`](Self::take_inquiries).
    inquiries: Vec<(NodeId, BlockRef)>,
    /// What happened since the last call of [`take_events`](Self::take_events).
    events: Vec<Event>,
}

impl BlockTracker {
    pub(super) fn new(timing: &Timing, nodes: usize, confirmations: u64) -> Self {
        Self {
            timing: *timing,
            nodes,
            confirmations,
            tracked: VecDeque::new(),
            settled: BlockCounts::default(),
            is_stopping: false,
            next_bulk: None,
            dropped: 0,
            inquiries: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Tracks a submitted block, from where it was found last.
    pub(super) fn track(&mut self, now: Instant, new: NewBlock) {
        let NewBlock {
            block,
            mined,
            status,
            taken_by,
            is_late,
        } = new;
        if self.tracked.len() == MAX_TRACKED
            && let Some(oldest) = self.tracked.pop_front()
        {
            if self.dropped == 0 {
                self.events.push(Event::TrackerFull { limit: MAX_TRACKED });
            }
            self.dropped += 1;
            self.settle(oldest.block, oldest.status, Untracked::TooMany);
        }
        let (pause, left) = if self.is_stopping {
            (self.timing.retry_min, Some(FINAL_LOOKUPS))
        } else {
            (self.timing.first_block_lookup, None)
        };
        self.tracked.push_back(TrackedBlock {
            block,
            mined,
            status,
            inquiry: Inquiry::Idle,
            taken_by,
            is_late,
            since: now,
            lookups: vec![Lookup::new(now + pause, left); self.nodes],
        });
        // Makes all lookups due if there are many.
        if self.tracked.len() >= BULK && self.next_bulk.is_none_or(|at| at <= now) {
            self.next_bulk = Some(now + self.timing.retry_min);
            for lookup in self.lookups() {
                lookup.next = lookup.next.min(now);
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

    fn lookups(&mut self) -> impl Iterator<Item = &mut Lookup> {
        let tracked = self.tracked.iter_mut();
        tracked.flat_map(|tracked| &mut tracked.lookups)
    }

    fn lookups_at(&mut self, id: NodeId) -> impl Iterator<Item = &mut Lookup> {
        let tracked = self.tracked.iter_mut();
        tracked.filter_map(move |tracked| tracked.lookups.get_mut(id.0))
    }

    /// Drops blocks: their last known places stand.
    pub(super) fn untrack(&mut self, reason: Untracked, leaves: impl Fn(&TrackedBlock) -> bool) {
        let all = std::mem::take(&mut self.tracked).into_iter();
        let (left, kept): (VecDeque<_>, _) = all.partition(leaves);
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
            tracked.inquiry.end(None);
        }
        for lookup in self.lookups() {
            (lookup.next, lookup.left) = (now, Some(FINAL_LOOKUPS));
        }
    }

    /// Makes no more lookups at a node: it does not answer.
    pub(super) fn abandon_final_lookups(&mut self, id: NodeId) {
        for lookup in self.lookups_at(id) {
            lookup.left = Some(0);
        }
    }

    /// Whether the program is stopping and a last lookup at a node is still missing.
    pub(super) fn is_final_lookup_due(&self, id: NodeId) -> bool {
        let mut tracked = self.tracked.iter();
        tracked.any(|tracked| tracked.lookups[id.0].left.is_some_and(|left| left > 0))
    }

    /// Whether a block is to be looked up at a node.
    pub(super) fn is_lookup_due(&self, now: Instant, id: NodeId) -> bool {
        let mut tracked = self.tracked.iter();
        tracked.any(|tracked| tracked.lookups[id.0].is_due(now))
    }

    /// When a lookup is due.
    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> + '_ {
        let lookups = self.tracked.iter().flat_map(|tracked| &tracked.lookups);
        lookups.filter_map(Lookup::wakeup)
    }

    /// A node votes again, and its earlier votes do not count.
    pub(super) fn forget(&mut self, now: Instant, id: NodeId) {
        for lookup in self.lookups_at(id) {
            lookup.forget(now);
        }
    }

    /// Looks up the due blocks in the cut of a node that votes. Returns the heights of those below
    /// the tips, by chain: they are to be looked up on the branches. A branch that another node is
    /// asked for is not requested again. A block of unknown hash at a tip is looked up there, too.
    pub(super) fn cut(
        &mut self,
        now: Instant,
        (id, cut): (NodeId, &Cut),
        voters: &[Voter],
    ) -> BTreeMap<ChainId, Below> {
        let in_flight = self
            .tracked
            .iter()
            .filter(|it| it.lookups[id.0].is_requested);
        let mut not_asked: BTreeSet<_> = in_flight.map(|tracked| tracked.block.chain).collect();
        not_asked.extend(self.not_worth_a_request(now, id));
        let mut below: BTreeMap<ChainId, Below> = BTreeMap::new();
        let mut is_any_new = false;
        for tracked in &mut self.tracked {
            let BlockRef { chain, height, .. } = tracked.block;
            let tip = cut.tip(chain);
            let lookup = &mut tracked.lookups[id.0];
            let was_above = lookup
                .vote
                .take_if(|vote| *vote == Vote::FarAbove)
                .is_some();
            if tip.is_some_and(|tip| tip.height.saturating_add(FAR) < height) {
                lookup.vote = Some(Vote::FarAbove);
                is_any_new |= !was_above;
            }
            if !lookup.is_due(now) {
                continue;
            }
            let Some(tip) = tip.filter(|tip| tip.height >= height) else {
                tracked.not_found(now, &self.timing, id);
                continue;
            };
            let known = match tip.height {
                at if at == height && tracked.block.hash.is_some() => Some((tip.hash, 0)),
                _ if lookup.tip == Some(tip.hash) => {
                    tracked.not_found(now, &self.timing, id);
                    continue;
                }
                _ => tracked.known_below(tip.hash),
            };
            if let Some(known) = known {
                tracked.lookups[id.0].tip = Some(tip.hash);
                tracked.found(now, &self.timing, id, known);
                is_any_new = true;
            } else if !not_asked.contains(&chain) && !tracked.is_requested_of(voters, tip.hash) {
                let lookup = &mut tracked.lookups[id.0];
                (lookup.is_requested, lookup.tip) = (true, Some(tip.hash));
                let form = match tracked.block.hash {
                    Some(_) => Form::Hashes,
                    None => Form::Headers,
                };
                let new = Below {
                    heights: height..=height,
                    form,
                };
                let of = below.entry(chain).or_insert(new);
                of.heights = height.min(*of.heights.start())..=height.max(*of.heights.end());
                of.form = of.form.max(form);
            }
        }
        if is_any_new {
            self.judge(voters);
        }
        below
    }

    /// Returns the chains of which few blocks are due at a node, while there are many blocks.
    fn not_worth_a_request(&self, now: Instant, id: NodeId) -> Vec<ChainId> {
        if self.is_stopping || !(MANY..BULK).contains(&self.tracked.len()) {
            return Vec::new();
        }
        let mut due: BTreeMap<ChainId, (usize, Instant)> = BTreeMap::new();
        for tracked in &self.tracked {
            let lookup = &tracked.lookups[id.0];
            if lookup.is_due(now) {
                let (count, oldest) = due.entry(tracked.block.chain).or_insert((0, lookup.next));
                (*count, *oldest) = (*count + 1, lookup.next.min(*oldest));
            }
        }
        let few = due
            .into_iter()
            .filter(|(_, (count, oldest))| *count < WORTH && *oldest + PATIENCE > now);
        few.map(|(chain, _)| chain).collect()
    }

    /// Learns the hashes of blocks of ours on a chain.
    pub(super) fn identify(&mut self, chain: ChainId, headers: &BTreeMap<u64, Ancestor>) {
        for tracked in &mut self.tracked {
            let block = &mut tracked.block;
            if block.chain == chain
                && let Some(found) = headers.get(&block.height)
                && found.mined == tracked.mined
            {
                block.hash = Some(found.hash);
            }
        }
    }

    /// Looks up blocks on a branch below a tip of a node. Those without a block at their height are
    /// looked up again later. Hashes alone do not show whether a block of unknown hash is there.
    pub(super) fn branch(
        &mut self,
        now: Instant,
        id: NodeId,
        (chain, tip_height): (ChainId, u64),
        (form, hashes): (Form, &BTreeMap<u64, BlockHash>),
        voters: &[Voter],
    ) {
        let mut of_chain: Vec<_> = self.tracked.iter_mut().collect();
        of_chain.retain(|tracked| tracked.block.chain == chain);
        let requested = of_chain.iter().map(|tracked| &tracked.lookups[id.0]);
        let tip = requested.clone().find(|lookup| lookup.is_requested);
        let tip = tip.and_then(|lookup| lookup.tip);
        for tracked in of_chain {
            let lookup = &mut tracked.lookups[id.0];
            let was_requested = std::mem::take(&mut lookup.is_requested);
            let height = tracked.block.height;
            let is_comparable = tracked.block.hash.is_some() || form == Form::Headers;
            if let Some(there) = hashes.get(&height).filter(|_| is_comparable) {
                lookup.tip = tip;
                let depth = tip_height.saturating_sub(height);
                tracked.found(now, &self.timing, id, (*there, depth));
            } else if was_requested {
                lookup.not_answered();
                tracked.not_found(now, &self.timing, id);
            }
        }
        self.judge(voters);
    }

    /// Judges the blocks by the votes of the nodes. Those whose place is final are no longer
    /// tracked.
    pub(super) fn judge(&mut self, voters: &[Voter]) {
        self.untrack(Untracked::NetworkReset, |it| it.is_reset(voters));
        let may_ask = !self.is_stopping && self.tracked.len() <= MOST_ASKED;
        self.tracked.retain_mut(|tracked| {
            let was_idle = tracked.inquiry == Inquiry::Idle;
            let (change, end) = tracked.judge(self.confirmations, may_ask, voters);
            if was_idle && tracked.inquiry == Inquiry::Asked {
                self.inquiries.push((tracked.taken_by, tracked.block));
            }
            match end {
                Some(BlockEvent::Confirmed { .. }) => self.settled.accepted += 1,
                Some(_) => self.settled.orphaned += 1,
                None => {}
            }
            let is_final = end.is_some();
            let events = change.into_iter().chain(end);
            let block = tracked.block;
            self.events
                .extend(events.map(|event| Event::Block(block, event)));
            !is_final
        });
        self.report_recovery();
    }

    /// Returns the orphans about which the nodes that took them are to be asked, each once.
    pub(super) fn take_inquiries(&mut self) -> Vec<(NodeId, BlockRef)> {
        std::mem::take(&mut self.inquiries)
    }

    /// A node answered which blocks it has, or had, at the height of one of ours; `None` for no
    /// answer.
    pub(super) fn inquired(
        &mut self,
        job: JobId,
        siblings: Option<Vec<Ancestor>>,
        voters: &[Voter],
    ) {
        let mut tracked = self.tracked.iter_mut();
        if let Some(tracked) = tracked.find(|tracked| tracked.block.job == job) {
            let is_ours = |sibling: &Ancestor| sibling.mined == tracked.mined;
            let reason = siblings.map(|siblings| {
                if siblings.iter().any(is_ours) {
                    OrphanReason::LostRace
                } else if tracked.is_late {
                    OrphanReason::Late
                } else {
                    OrphanReason::NeverTaken
                }
            });
            tracked.inquiry.end(reason);
            self.judge(voters);
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
