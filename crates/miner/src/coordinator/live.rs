//! The jobs that are worth hashing.
//!
//! At most one per chain, newest first. A job leaves when its chain moves, when it is solved, when newer work takes
//! its place or when the node must have forgotten it; nothing else removes one, so that the worker is never stopped
//! for the sake of a request.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use chainweb::{Adjacents, BlockHash, ChainId, WorkHeader};
use node::Cut;

use super::counters::RefreshTally;
use super::preemption::{Heard, Preemption};
use super::{Config, Ticket};
use crate::job::{Job, JobId, Jobs, NodeId};
use crate::timing::Timing;

/// How many jobs that are no longer live are remembered: a solution can come a little later than the job leaves.
const REMEMBERED: usize = 256;

/// The live jobs.
#[derive(Debug, Default)]
pub(super) struct LiveJobs {
    live: Vec<Live>,
    /// Jobs that were live and when the node last gave their work, where it did more than once.
    confirmed: VecDeque<(JobId, Instant)>,
    refreshes: RefreshTally,
}

#[derive(Debug)]
struct Live {
    job: Arc<Job>,
    /// When the node last gave this work: it keeps the payload for some minutes from then on.
    confirmed: Instant,
    /// When to ask for newer work on the chain.
    due: Instant,
    /// The first payload told of that is newer than the job's, and not fetched yet.
    refreshed: Option<Heard>,
    /// Whether an update stream tells all that outdates the job.
    covered: bool,
    /// What happened last that only a cut asked for later can judge: the job came, or a chain beside it moved.
    doubted: Ticket,
}

/// What the update streams told about work until it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// No stream of its chain has been open since before the work was asked for.
    None,
    /// All that could outdate it would have been told, and was not.
    Full,
    /// Its chain stands, but one beside it has moved, perhaps away from the block that the work records.
    Beside,
}

/// Work that came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) job: &'a Arc<Job>,
    pub(super) cover: Cover,
    /// When it was asked for.
    pub(super) asked: Ticket,
    /// The newest payload of its chain that was told of since.
    pub(super) refreshed: Option<Heard>,
}

/// Why a job was retired before it was solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retired {
    NewCut,
    CutMoved,
    Replaced,
    Solved,
    Expired,
    OtherNetwork,
    ProofRequired,
}

impl Retired {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NewCut => "its chain has a new block",
            Self::CutMoved => "its parent is no longer the tip of its chain",
            Self::Replaced => "newer work took its place",
            Self::Solved => "another block on its parent is solved",
            Self::Expired => "the node has forgotten its payload by now",
            Self::OtherNetwork => "the node serves another network",
            Self::ProofRequired => "the node takes no unsolved work",
        }
    }
}

/// What became of work that came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offered {
    /// It is live now, instead of the other if there was one.
    Taken { replaced: Option<Arc<Job>> },
    /// It was due for a replacement, but is still what the node gives.
    Confirmed,
    /// Its chain is held already, and the job there is as good.
    Held,
    /// All slots are taken by jobs that are as good.
    NotNeeded,
}

impl LiveJobs {
    /// Takes work in where it is new, or newer than what is due for a replacement.
    pub(super) fn offer(
        &mut self,
        now: Instant,
        Config {
            timing,
            work_slots,
            preemption,
            ..
        }: &Config,
        arrival: Arrival<'_>,
    ) -> Offered {
        let Arrival { job, cover, .. } = arrival;
        let due = |job: &Job, refreshed: Option<Heard>| {
            let by_age = now + timing.refetch_age;
            let by_refresh =
                refreshed.and_then(|heard| preemption.due(heard.at, job.received, now));
            by_refresh.map_or(by_age, |at| at.min(by_age))
        };
        let mut refreshed = arrival.refreshed;
        let replaced = if let Some(at) = self.position(job.node, job.chain()) {
            let held = &mut self.live[at];
            let (old, fresh) = (held.job.work.header(), job.work.header());
            let was_due = held.due <= now;
            if old.differs_only_in_time_and_nonce(fresh) {
                // The same block: the node remembers its payload anew, and the worker goes on undisturbed.
                held.confirmed = now;
                if !was_due {
                    return Offered::Held;
                }
                if arrival.heeds(held.refreshed) {
                    self.refreshes.identical += u64::from(held.refreshed.is_some());
                    held.refreshed = refreshed;
                }
                held.due = due(&held.job, held.refreshed);
                return Offered::Confirmed;
            }
            if stand_on_the_same_blocks(old, fresh) {
                if !was_due {
                    return Offered::Held;
                }
                let first = held.refreshed.take();
                if !arrival.heeds(first) {
                    refreshed = first;
                } else if let Some(first) = first {
                    self.refreshes.preempted += 1;
                    self.refreshes.outdated += now.saturating_duration_since(first.at);
                }
            }
            Some(self.take(at))
        } else if self.has_room(*work_slots) {
            None
        } else if let Some(at) = self.live.iter().rposition(|live| live.due <= now) {
            Some(self.take(at))
        } else {
            return Offered::NotNeeded;
        };
        let new = Live {
            job: Arc::clone(job),
            confirmed: now,
            due: due(job, refreshed),
            refreshed,
            covered: cover == Cover::Full,
            doubted: Ticket::of(job),
        };
        self.live.insert(0, new);
        Offered::Taken { replaced }
    }

    pub(super) fn has_room(&self, slots: usize) -> bool {
        self.live.len() < slots
    }

    /// The chain of the job, of these nodes, for which newer work has been due the longest.
    pub(super) fn due(&self, now: Instant, of: impl Fn(NodeId) -> bool) -> Option<ChainId> {
        let due = self
            .live
            .iter()
            .filter(|live| live.due <= now && of(live.job.node))
            .min_by_key(|live| live.due)?;
        Some(due.job.chain())
    }

    /// Whether there is a job on the chain, of whichever node.
    pub(super) fn holds(&self, chain: ChainId) -> bool {
        self.live.iter().any(|live| live.job.chain() == chain)
    }

    fn position(&self, node: NodeId, chain: ChainId) -> Option<usize> {
        self.live
            .iter()
            .position(|live| live.job.node == node && live.job.chain() == chain)
    }

    fn find(&mut self, node: NodeId, chain: ChainId) -> Option<&mut Live> {
        self.live
            .iter_mut()
            .find(|live| live.job.node == node && live.job.chain() == chain)
    }

    /// The node has a newer payload for the chain: newer work is due when the policy says.
    pub(super) fn refresh(
        &mut self,
        node: NodeId,
        chain: ChainId,
        policy: Preemption,
        heard: Heard,
    ) {
        self.refreshes.heard += 1;
        if let Some(live) = self.find(node, chain)
            && live.refreshed.is_none()
        {
            live.refreshed = Some(heard);
            if let Some(due) = policy.due(heard.at, live.job.received, live.confirmed) {
                live.due = live.due.min(due);
            }
        }
    }

    /// Newer work on the chain, which is due, is asked for.
    pub(super) fn fetches(&mut self, now: Instant, chain: ChainId) {
        let mut due = self.live.iter().filter(|live| live.due <= now);
        let is_refreshed = due.any(|live| live.job.chain() == chain && live.refreshed.is_some());
        self.refreshes.fetches += u64::from(is_refreshed);
    }

    /// What renewed payloads have led to.
    pub(super) fn refreshes(&self) -> RefreshTally {
        let mut tally = self.refreshes;
        let pending = self.live.iter().filter(|live| live.refreshed.is_some());
        tally.pending = pending.count() as u64;
        let known = tally.preempted + tally.identical + tally.pending;
        tally.skipped = tally.heard.saturating_sub(known);
        tally
    }

    /// The node may have forgotten the payloads of its jobs, and streams of its chains may have been down.
    pub(super) fn doubt(&mut self, now: Instant, node: NodeId) {
        for live in self.live.iter_mut().filter(|live| live.job.node == node) {
            live.due = now;
            live.covered = false;
        }
    }

    pub(super) fn uncover(&mut self, node: NodeId, chain: ChainId) {
        if let Some(live) = self.find(node, chain) {
            live.covered = false;
        }
    }

    /// A chain has moved, perhaps to another block in the place of one that jobs beside it record: the next cut tells.
    pub(super) fn uncover_beside(&mut self, node: NodeId, moved: ChainId, ticket: Ticket) {
        for live in self.live.iter_mut().filter(|live| live.job.node == node) {
            if beside(live.job.work.header()).any(|(chain, _)| chain == moved) {
                live.covered = false;
                live.doubted = ticket;
            }
        }
    }

    pub(super) fn is_uncovered_on(&self, node: NodeId, chain: ChainId) -> bool {
        self.position(node, chain)
            .is_some_and(|at| !self.live[at].covered)
    }

    pub(super) fn is_any_uncovered(&self, node: NodeId) -> bool {
        self.live
            .iter()
            .any(|live| live.job.node == node && !live.covered)
    }

    /// Removes the job if it is live.
    pub(super) fn remove(&mut self, id: JobId) {
        if let Some(at) = self.live.iter().position(|live| live.job.id == id) {
            self.take(at);
        }
    }

    /// When the node last gave the work of a job, live or not.
    pub(super) fn last_given(&self, job: &Job) -> Instant {
        let mut confirmed = self.confirmed.iter();
        confirmed
            .find(|(id, _)| *id == job.id)
            .map_or(job.received, |(_, at)| *at)
    }

    fn take(&mut self, at: usize) -> Arc<Job> {
        let live = self.live.remove(at);
        self.remember(&live);
        live.job
    }

    fn remember(&mut self, live: &Live) {
        if live.confirmed > live.job.received {
            if self.confirmed.len() == REMEMBERED {
                self.confirmed.pop_front();
            }
            self.confirmed.push_back((live.job.id, live.confirmed));
        }
    }

    pub(super) fn retire_on(&mut self, node: NodeId, chain: ChainId) -> Option<Arc<Job>> {
        self.position(node, chain).map(|at| self.take(at))
    }

    /// Removes the job that extends the same block as this one.
    pub(super) fn retire_beside(&mut self, job: &Job) -> Option<Arc<Job>> {
        let at = self.position(job.node, job.chain())?;
        let is_beside = self.live[at].job.work.header().parent() == job.work.header().parent();
        is_beside.then(|| self.take(at))
    }

    fn retire_if(&mut self, mut dead: impl FnMut(&Live) -> bool) -> Vec<Arc<Job>> {
        let retired: Vec<_> = self.live.extract_if(.., |live| dead(live)).collect();
        for live in &retired {
            self.remember(live);
        }
        retired.into_iter().map(|live| live.job).collect()
    }

    pub(super) fn retire_of(&mut self, node: NodeId) -> Vec<Arc<Job>> {
        self.retire_if(|live| live.job.node == node)
    }

    pub(super) fn retire_unless(&mut self, wanted: impl Fn(ChainId) -> bool) -> Vec<Arc<Job>> {
        self.retire_if(|live| !wanted(live.job.chain()))
    }

    pub(super) fn retire_all(&mut self) -> Vec<Arc<Job>> {
        self.retire_if(|_| true)
    }

    /// Removes what the node must have forgotten by now.
    pub(super) fn expire(&mut self, now: Instant, timing: &Timing) -> Vec<Arc<Job>> {
        self.retire_if(|live| live.confirmed + timing.payload_lifetime <= now)
    }

    /// Compares the uncovered jobs that had arrived when the cut was asked for with the tips of the cut, and removes
    /// those whose parent is not the tip, or that record another block beside it than the tip there. `covers` tells
    /// which chains' streams have been open since before that.
    pub(super) fn compare(
        &mut self,
        node: NodeId,
        asked: Ticket,
        cut: &Cut,
        covers: impl Fn(ChainId) -> bool,
    ) -> Vec<Arc<Job>> {
        let retired = self.retire_if(|live| {
            live.job.node == node
                && !live.covered
                && Ticket::of(&live.job) < asked
                && contradicts(cut, live.job.work.header())
        });
        for live in &mut self.live {
            live.covered |=
                live.job.node == node && live.doubted < asked && covers(live.job.chain());
        }
        retired
    }

    /// When a job becomes due or expires.
    pub(super) fn wakeups(&self, timing: &Timing) -> impl Iterator<Item = Instant> {
        let lifetime = timing.payload_lifetime;
        self.live
            .iter()
            .flat_map(move |live| [live.due, live.confirmed + lifetime])
    }

    /// Whether `jobs` are these.
    pub(super) fn is_published(&self, jobs: &Jobs) -> bool {
        jobs.iter()
            .map(|job| job.id)
            .eq(self.live.iter().map(|live| live.job.id))
    }

    pub(super) fn publish(&self) -> Jobs {
        Jobs::new(self.live.iter().map(|live| Arc::clone(&live.job)).collect())
    }
}

impl Arrival<'_> {
    /// Whether the payload that was told of is in the work, if it was not renewed once more.
    fn heeds(&self, refreshed: Option<Heard>) -> bool {
        refreshed.is_none_or(|heard| heard.ticket < self.asked)
    }
}

/// The blocks that a header records beside its parent; none where it hashes them.
pub(super) fn beside(header: &WorkHeader) -> impl Iterator<Item = (ChainId, BlockHash)> + '_ {
    let recorded = match header.adjacents() {
        Adjacents::Recorded(recorded) => Some(recorded.iter()),
        Adjacents::Hashed => None,
    };
    recorded.into_iter().flatten()
}

/// Whether a cut shows that the header extends, or records beside its parent, a block that is not the tip.
///
/// A neighbour that has grown past the recorded block need not have left it: its tip's hash does not tell.
fn contradicts(cut: &Cut, header: &WorkHeader) -> bool {
    let is_off_tip = cut
        .tip(header.chain())
        .is_some_and(|tip| tip.hash != header.parent());
    is_off_tip
        || beside(header).any(|(chain, hash)| {
            cut.tip(chain)
                .is_some_and(|tip| tip.height + 1 == header.height() && tip.hash != hash)
        })
}

/// Whether two headers of one chain extend the same block, beside the same blocks: then the older is not void.
///
/// Of neighbours that are hashed nothing can be told; networks that hash them send an update when one changes.
fn stand_on_the_same_blocks(a: &WorkHeader, b: &WorkHeader) -> bool {
    let beside = match (a.adjacents(), b.adjacents()) {
        (Adjacents::Recorded(a), Adjacents::Recorded(b)) => a.iter().eq(b.iter()),
        (Adjacents::Hashed, Adjacents::Hashed) => true,
        _ => false,
    };
    beside && a.parent() == b.parent()
}
