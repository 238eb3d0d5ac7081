//! One submitted block until its place is final: what the cuts of the nodes say of it.
//!
//! The nodes vote, and the majority decides; at a tie the cut with the most work. The place is
//! final when all agree and the block is deep on the branches of all.

use std::cmp::Ordering;
use std::time::Instant;

use chainweb::BlockHash;
use node::{Mined, Progress};

use crate::history::Fate;
use crate::job::NodeId;
use crate::telemetry::counters::BlockCounts;
use crate::telemetry::event::{BlockEvent, BlockRef, OrphanReason};
use crate::timing::Timing;

/// How far below a block its chain has to end for a reset of the network.
pub(super) const FAR: u64 = 6;
/// The lookups in a row that a node does not answer from which the others decide without it.
const UNANSWERED: u8 = 3;

/// A node that votes, and how far its cut is.
pub(super) type Voter = (NodeId, Option<Progress>);

/// A block whose place is looked up now and then.
#[derive(Debug)]
pub(super) struct TrackedBlock {
    pub(super) block: BlockRef,
    /// What we know of it, also if not its hash.
    pub(super) mined: Mined,
    pub(super) status: Status,
    pub(super) inquiry: Inquiry,
    /// The node that took it, or may have.
    pub(super) taken_by: NodeId,
    /// Whether its chain seemed to have a new tip when it was found.
    pub(super) is_late: bool,
    /// When the block was submitted.
    pub(super) since: Instant,
    /// By the number of the node.
    pub(super) lookups: Vec<Lookup>,
}

/// A block to be tracked.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewBlock {
    pub(super) block: BlockRef,
    pub(super) mined: Mined,
    /// Where it was found last.
    pub(super) status: Status,
    /// The node that took it, or may have.
    pub(super) taken_by: NodeId,
    /// Whether its chain seemed to have a new tip when it was found.
    pub(super) is_late: bool,
}

/// The question to a node why a block is orphaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inquiry {
    /// There is no need for it.
    Idle,
    Asked,
    Over(Option<OrphanReason>),
}

impl Inquiry {
    pub(super) fn end(&mut self, reason: Option<OrphanReason>) {
        if !matches!(self, Self::Over(_)) {
            *self = Self::Over(reason);
        }
    }
}

/// The lookups of a block at one node.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) vote: Option<Vote>,
    /// The tip of the last branch on which the block was looked up.
    pub(super) tip: Option<BlockHash>,
    pub(super) next: Instant,
    /// Whether a request for the branch below the tip is in flight.
    pub(super) is_requested: bool,
    /// The lookups in a row without an answer.
    unanswered: u8,
    /// How often the block is looked up before it counts as pending, if the program is stopping.
    pub(super) left: Option<u8>,
}

/// What the cut of a node says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vote {
    /// This block is at its height, so deep below the tip.
    At(BlockHash, u64),
    /// Its chain ends far below.
    FarAbove,
}

/// Where the nodes have a block.
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

impl Lookup {
    pub(super) fn new(next: Instant, left: Option<u8>) -> Self {
        Self {
            vote: None,
            tip: None,
            next,
            is_requested: false,
            unanswered: 0,
            left,
        }
    }

    /// When the next lookup is due; `None` while one is in flight, and after the last one.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        let is_waiting = !self.is_requested && self.left != Some(0);
        is_waiting.then_some(self.next)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.wakeup().is_some_and(|at| at <= now)
    }

    /// The node did not answer which block is at the height.
    pub(super) fn not_answered(&mut self) {
        self.tip = None;
        self.unanswered = self.unanswered.saturating_add(1);
        self.vote = self.vote.filter(|_| self.unanswered < UNANSWERED);
    }

    /// The node votes again: its earlier vote does not count.
    pub(super) fn forget(&mut self, now: Instant) {
        (self.vote, self.tip, self.unanswered) = (None, None, 0);
        self.next = now;
    }

    /// Whether the others wait for its vote.
    fn is_awaited(&self) -> bool {
        !matches!(self.vote, Some(Vote::At(..))) && self.unanswered < UNANSWERED
    }
}

impl TrackedBlock {
    /// A lookup at a node found this block at the height, so deep below the tip.
    pub(super) fn found(
        &mut self,
        now: Instant,
        timing: &Timing,
        id: NodeId,
        (there, depth): (BlockHash, u64),
    ) {
        self.not_found(now, timing, id);
        let lookup = &mut self.lookups[id.0];
        lookup.left = lookup.left.map(|_| 0);
        (lookup.vote, lookup.unanswered) = (Some(Vote::At(there, depth)), 0);
    }

    /// A lookup at a node did not answer where the block is, or nothing else than before.
    ///
    /// The next one waits longer for an older block: on an idle network it stays where it is.
    pub(super) fn not_found(&mut self, now: Instant, timing: &Timing, id: NodeId) {
        let lookup = &mut self.lookups[id.0];
        let pause = match &mut lookup.left {
            None => (now.saturating_duration_since(self.since) / 2)
                .min(timing.block_lookup_max)
                .max(timing.block_lookup_interval),
            Some(left) => {
                *left = left.saturating_sub(1);
                timing.retry_min
            }
        };
        lookup.next = now + pause;
    }

    /// Returns what is known of a block below this tip, found at any node.
    pub(super) fn known_below(&self, tip: BlockHash) -> Option<(BlockHash, u64)> {
        let lookups = self.lookups.iter();
        let mut lookups = lookups.filter(|it| it.tip == Some(tip) && !it.is_requested);
        lookups.find_map(|lookup| match lookup.vote? {
            Vote::At(there, depth) => Some((there, depth)),
            Vote::FarAbove => None,
        })
    }

    /// Whether a node that votes is asked for the branch below this tip.
    pub(super) fn is_requested_of(&self, voters: &[Voter], tip: BlockHash) -> bool {
        let mut lookups = voters.iter().map(|(id, _)| &self.lookups[id.0]);
        lookups.any(|lookup| lookup.is_requested && lookup.tip == Some(tip))
    }

    /// Whether the chain was reset at all nodes that vote, as is common on development networks.
    /// Nodes other than the issuer of the work may never have been as high.
    pub(super) fn is_reset(&self, voters: &[Voter]) -> bool {
        let mut lookups = voters.iter().map(|(id, _)| &self.lookups[id.0]);
        voters.iter().any(|(id, _)| *id == self.block.node)
            && lookups.all(|lookup| lookup.vote == Some(Vote::FarAbove))
    }

    /// Returns what changed by the votes, and what they say for good: once so many blocks are on
    /// top, and for an orphan once the reason is known.
    pub(super) fn judge(
        &mut self,
        confirmations: u64,
        may_ask: bool,
        voters: &[Voter],
    ) -> (Option<BlockEvent>, Option<BlockEvent>) {
        let votes = voters.iter().filter_map(|(id, progress)| {
            let vote = self.lookups[id.0].vote?;
            let Vote::At(there, depth) = vote else {
                return None;
            };
            Some((there, depth, *progress))
        });
        let is_ours = |there| Some(there) == self.block.hash;
        let ours = votes.clone().filter(|(there, ..)| is_ours(*there)).count();
        let count = votes.clone().count();
        let heaviest = votes.clone().reduce(|a, b| {
            let is_ahead = a.2.zip(b.2).is_some_and(|(a, b)| b.is_ahead_of(&a));
            if is_ahead { b } else { a }
        });
        let is_in_cut = match (2 * ours).cmp(&count) {
            Ordering::Less => false,
            Ordering::Equal => heaviest.is_some_and(|(there, ..)| is_ours(there)),
            Ordering::Greater => true,
        };
        let mut agreeing = votes
            .clone()
            .filter(|(there, ..)| is_ours(*there) == is_in_cut);
        let Some((by, ..)) = agreeing.next() else {
            return (None, None);
        };
        let is_unanimous = ours == 0 || ours == count;
        let is_awaited = voters.iter().any(|(id, _)| self.lookups[id.0].is_awaited());
        let depth = votes.map(|(_, depth, ..)| depth).min().unwrap_or(0);
        let is_final = depth >= confirmations && is_unanimous && !is_awaited;
        let is_answerable = may_ask && voters.iter().any(|(id, _)| *id == self.taken_by);
        let reason = match self.inquiry {
            Inquiry::Over(reason) => reason,
            _ if !is_final || is_in_cut => None,
            Inquiry::Idle if !is_answerable => None,
            Inquiry::Idle | Inquiry::Asked => {
                // The verdict waits for the reason.
                self.inquiry = Inquiry::Asked;
                return (None, None);
            }
        };
        let (status, change, end) = if is_in_cut {
            let end = BlockEvent::Confirmed { depth };
            (Status::InCut, BlockEvent::Accepted, end)
        } else {
            let end = BlockEvent::Orphaned { by, depth, reason };
            (Status::Displaced, BlockEvent::Displaced { by }, end)
        };
        let before = std::mem::replace(&mut self.status, status);
        // A block that is orphaned for good is not reported as displaced before.
        let is_reported = status != before && (!is_final || is_in_cut);
        (is_reported.then_some(change), is_final.then_some(end))
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
