//! The live jobs: at most one per node and chain, newest first.
//!
//! A job leaves when its chain has a new tip, when it is solved, when newer work replaces it, or
//! when the node must have discarded its payload. It never leaves for the sake of a request: the
//! worker always has something to do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use chainweb::ChainId;
use node::Cut;

use super::freshness::Freshness;
use super::parents::{adjacents, contradicts};
use super::preemption::{Preemption, Refresh};
use super::seq::Seq;
use crate::job::{Job, JobId, Jobs, NodeId};
use crate::telemetry::counters::RefreshCounts;
use crate::timing::Timing;

/// The number of remembered retired jobs: a solution may arrive after its job was retired.
const REMEMBERED: usize = 256;

/// The live jobs.
#[derive(Debug, Default)]
pub(super) struct LiveJobs {
    pub(super) live: Vec<Live>,
    /// Retired jobs whose work the node issued more than once, and when it last did.
    issued: VecDeque<(JobId, Instant)>,
    pub(super) refreshes: RefreshCounts,
}

/// A live job.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) job: Arc<Job>,
    /// When the node last issued this work. It keeps the payload for some minutes from then on.
    pub(super) issued: Instant,
    /// When to fetch new work for the chain.
    pub(super) due: Instant,
    /// The first refresh not included in the job.
    pub(super) refresh: Option<Refresh>,
    pub(super) freshness: Freshness,
}

impl Live {
    fn is_of(&self, node: NodeId, chain: ChainId) -> bool {
        self.job.node == node && self.job.chain() == chain
    }

    fn is_unconfirmed(&self) -> bool {
        self.freshness != Freshness::Current
    }

    fn suspect(&mut self, since: Seq) {
        self.freshness = Freshness::Unconfirmed { since };
    }
}

impl LiveJobs {
    pub(super) fn has_room(&self, slots: usize) -> bool {
        self.live.len() < slots
    }

    /// Whether a job of any node is on the chain.
    pub(super) fn holds(&self, chain: ChainId) -> bool {
        self.live.iter().any(|live| live.job.chain() == chain)
    }

    pub(super) fn position(&self, node: NodeId, chain: ChainId) -> Option<usize> {
        self.live.iter().position(|live| live.is_of(node, chain))
    }

    fn find(&mut self, node: NodeId, chain: ChainId) -> Option<&mut Live> {
        self.live.iter_mut().find(|live| live.is_of(node, chain))
    }

    fn of(&mut self, node: NodeId) -> impl Iterator<Item = &mut Live> {
        self.live
            .iter_mut()
            .filter(move |live| live.job.node == node)
    }

    /// Returns the chain of the job of these nodes whose fetch has been due the longest.
    pub(super) fn due(&self, now: Instant, is_of: impl Fn(NodeId) -> bool) -> Option<ChainId> {
        let due = self
            .live
            .iter()
            .filter(|live| live.due <= now && is_of(live.job.node))
            .min_by_key(|live| live.due)?;
        Some(due.job.chain())
    }

    /// The payload of the chain's job was refreshed: new work is due when the policy says.
    pub(super) fn refreshed(
        &mut self,
        node: NodeId,
        chain: ChainId,
        policy: Preemption,
        refresh: Refresh,
    ) {
        self.refreshes.received += 1;
        if let Some(live) = self.find(node, chain)
            && live.refresh.is_none()
        {
            live.refresh = Some(refresh);
            if let Some(due) = policy.due(refresh.at, live.job.received, live.issued) {
                live.due = live.due.min(due);
            }
        }
    }

    /// Counts a request for new work on a chain where it is due.
    pub(super) fn count_fetch(&mut self, now: Instant, chain: ChainId) {
        let mut due = self.live.iter().filter(|live| live.due <= now);
        let is_refresh = due.any(|live| live.job.chain() == chain && live.refresh.is_some());
        self.refreshes.fetches += u64::from(is_refresh);
    }

    /// Returns the outcomes of payload refreshes so far.
    pub(super) fn refreshes(&self) -> RefreshCounts {
        let mut counts = self.refreshes;
        let pending = self.live.iter().filter(|live| live.refresh.is_some());
        counts.pending = pending.count() as u64;
        let known = counts.preempted + counts.identical + counts.pending;
        counts.skipped = counts.received.saturating_sub(known);
        counts
    }

    /// The node was perhaps restarted: it may have discarded the payloads of its jobs, and updates
    /// may have been missed.
    pub(super) fn suspect_all(&mut self, now: Instant, node: NodeId, since: Seq) {
        for live in self.of(node) {
            live.due = now;
            live.suspect(since);
        }
    }

    /// Updates of the chain may be missed.
    pub(super) fn suspect(&mut self, node: NodeId, chain: ChainId, since: Seq) {
        if let Some(live) = self.find(node, chain) {
            live.suspect(since);
        }
    }

    /// A chain has a new tip, perhaps in place of an adjacent block of jobs.
    pub(super) fn suspect_adjacent(&mut self, node: NodeId, changed: ChainId, since: Seq) {
        for live in self.of(node) {
            if adjacents(live.job.work.header()).any(|(chain, _)| chain == changed) {
                live.suspect(since);
            }
        }
    }

    pub(super) fn is_unconfirmed(&self, node: NodeId, chain: ChainId) -> bool {
        let mut jobs = self.live.iter();
        jobs.any(|live| live.is_of(node, chain) && live.is_unconfirmed())
    }

    pub(super) fn is_any_unconfirmed(&self, node: NodeId) -> bool {
        let mut jobs = self.live.iter();
        jobs.any(|live| live.job.node == node && live.is_unconfirmed())
    }

    /// Compares unconfirmed jobs received before `requested` with a cut requested then. Removes and
    /// returns those in conflict with it; the others are current if their chain is watched.
    pub(super) fn compare(
        &mut self,
        node: NodeId,
        requested: Seq,
        cut: &Cut,
        is_watched: impl Fn(ChainId) -> bool,
    ) -> Vec<Arc<Job>> {
        let outdated = self.take_if(|live| {
            live.job.node == node
                && live.is_unconfirmed()
                && Seq::of(&live.job) < requested
                && contradicts(cut, live.job.work.header())
        });
        for live in self.of(node) {
            if let Freshness::Unconfirmed { since } = live.freshness
                && since < requested
                && is_watched(live.job.chain())
            {
                live.freshness = Freshness::Current;
            }
        }
        outdated
    }

    /// Returns when the node last issued the work of a job, live or not.
    pub(super) fn last_issued(&self, job: &Job) -> Instant {
        let mut issued = self.issued.iter();
        issued
            .find(|(id, _)| *id == job.id)
            .map_or(job.received, |(_, at)| *at)
    }

    /// Removes a job by its place.
    pub(super) fn take(&mut self, at: usize) -> Arc<Job> {
        let live = self.live.remove(at);
        self.remember(&live);
        live.job
    }

    fn remember(&mut self, live: &Live) {
        if live.issued > live.job.received {
            if self.issued.len() == REMEMBERED {
                self.issued.pop_front();
            }
            self.issued.push_back((live.job.id, live.issued));
        }
    }

    fn take_if(&mut self, mut leaves: impl FnMut(&Live) -> bool) -> Vec<Arc<Job>> {
        let taken: Vec<_> = self.live.extract_if(.., |live| leaves(live)).collect();
        for live in &taken {
            self.remember(live);
        }
        taken.into_iter().map(|live| live.job).collect()
    }

    pub(super) fn take_id(&mut self, id: JobId) -> Option<Arc<Job>> {
        let at = self.live.iter().position(|live| live.job.id == id)?;
        Some(self.take(at))
    }

    pub(super) fn take_on(&mut self, node: NodeId, chain: ChainId) -> Option<Arc<Job>> {
        self.position(node, chain).map(|at| self.take(at))
    }

    /// Removes the job with the same parent as this one.
    pub(super) fn take_sibling(&mut self, job: &Job) -> Option<Arc<Job>> {
        let at = self.position(job.node, job.chain())?;
        let is_sibling = self.live[at].job.work.header().parent() == job.work.header().parent();
        is_sibling.then(|| self.take(at))
    }

    pub(super) fn take_node(&mut self, node: NodeId) -> Vec<Arc<Job>> {
        self.take_if(|live| live.job.node == node)
    }

    pub(super) fn take_unless(&mut self, is_wanted: impl Fn(ChainId) -> bool) -> Vec<Arc<Job>> {
        self.take_if(|live| !is_wanted(live.job.chain()))
    }

    pub(super) fn take_all(&mut self) -> Vec<Arc<Job>> {
        self.take_if(|_| true)
    }

    /// Removes the jobs whose payload the node must have discarded by now.
    pub(super) fn take_expired(&mut self, now: Instant, timing: &Timing) -> Vec<Arc<Job>> {
        self.take_if(|live| live.issued + timing.payload_lifetime <= now)
    }

    /// When a job is due or expires.
    pub(super) fn wakeups(&self, timing: &Timing) -> impl Iterator<Item = Instant> {
        let lifetime = timing.payload_lifetime;
        let jobs = self.live.iter();
        jobs.flat_map(move |live| [live.due, live.issued + lifetime])
    }

    /// Whether `jobs` are the live jobs.
    pub(super) fn equals(&self, jobs: &Jobs) -> bool {
        let live = self.live.iter().map(|live| live.job.id);
        jobs.iter().map(|job| job.id).eq(live)
    }

    pub(super) fn jobs(&self) -> Vec<Arc<Job>> {
        self.live.iter().map(|live| Arc::clone(&live.job)).collect()
    }
}
