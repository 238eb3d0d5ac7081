//! The live jobs: at most one per chain, newest first, and the standby job of another node.
//!
//! A job leaves when its chain has a new tip, when it is solved, when newer work replaces it, or
//! when the node must have discarded its payload. It never leaves for the sake of a request: the
//! worker always has something to do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use chainweb::ChainId;

use super::event::Seq;
use super::freshness::{Freshness, Refresh, adjacents};
use crate::job::{Job, JobId, NodeId};

/// The number of remembered retired jobs: a solution may arrive after its job was retired.
const REMEMBERED: usize = 256;

/// The live jobs.
#[derive(Debug, Default)]
pub(super) struct LiveJobs {
    pub(super) jobs: Vec<Live>,
    /// Retired jobs whose work the node issued more than once, and when it last did.
    issued: VecDeque<(JobId, Instant)>,
    /// The other nodes that hold the payload of each job, also of retired ones.
    pub(super) insured: BTreeMap<JobId, BTreeSet<NodeId>>,
}

/// A live job.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) job: Arc<Job>,
    /// When the last answer with this work arrived.
    pub(super) issued: Instant,
    /// When the node may have discarded the payload of that answer, however long it took.
    pub(super) expires: Instant,
    /// When to fetch new work for the chain.
    pub(super) due: Instant,
    /// The first refresh not included in the job.
    pub(super) refresh: Option<Refresh>,
    pub(super) freshness: Freshness,
    /// Whether it waits to take over from the jobs of another node, unknown to the worker.
    pub(super) is_standby: bool,
    /// When other nodes were last asked for work on its chain, and how often without any.
    pub(super) asked: BTreeMap<NodeId, (Instant, u32)>,
}

impl Live {
    pub(super) fn is_of(&self, node: NodeId, chain: ChainId) -> bool {
        self.job.node == node && self.job.chain() == chain
    }

    pub(super) fn is_unconfirmed(&self) -> bool {
        self.freshness != Freshness::Current
    }

    /// An update may have been missed until `since`.
    pub(super) fn suspect(&mut self, since: Seq) {
        self.freshness = Freshness::Unconfirmed { since };
    }
}

impl LiveJobs {
    /// Returns the jobs of the worker.
    pub(super) fn published(&self) -> impl Iterator<Item = &Live> {
        self.jobs.iter().filter(|live| !live.is_standby)
    }

    /// Returns the standby job.
    pub(super) fn standby(&self) -> Option<&Live> {
        self.jobs.iter().find(|live| live.is_standby)
    }

    /// Passes the standby job to the worker, as the newest, unless it is lost or its chain has
    /// another job that is not.
    pub(super) fn promote(&mut self, is_lost: impl Fn(&Live) -> bool) {
        let is_held = |chain| {
            let mut published = self.published();
            published.any(|live| live.job.chain() == chain && !is_lost(live))
        };
        let standby = self.jobs.iter().position(|live| live.is_standby);
        if let Some(at) = standby
            && !is_lost(&self.jobs[at])
            && !is_held(self.jobs[at].job.chain())
        {
            let mut live = self.jobs.remove(at);
            live.is_standby = false;
            self.jobs.insert(0, live);
        }
    }

    /// Whether a job of any node is on the chain.
    pub(super) fn holds(&self, chain: ChainId) -> bool {
        self.published().any(|live| live.job.chain() == chain)
    }

    pub(super) fn find(&mut self, node: NodeId, chain: ChainId) -> Option<&mut Live> {
        self.jobs.iter_mut().find(|live| live.is_of(node, chain))
    }

    pub(super) fn of(&mut self, node: NodeId) -> impl Iterator<Item = &mut Live> {
        let live = self.jobs.iter_mut();
        live.filter(move |live| live.job.node == node)
    }

    /// A chain has a new tip, perhaps in place of an adjacent block of jobs.
    pub(super) fn suspect_adjacent(&mut self, node: NodeId, changed: ChainId, since: Seq) {
        for live in self.of(node) {
            if adjacents(live.job.work.header()).any(|(chain, _)| chain == changed) {
                live.suspect(since);
            }
        }
    }

    /// A node has discarded its payloads, and may issue the same again.
    pub(super) fn forget_insurer(&mut self, node: NodeId) {
        for live in &mut self.jobs {
            live.asked.remove(&node);
        }
        for by in self.insured.values_mut() {
            by.remove(&node);
        }
    }

    /// Returns when the node last issued the work of a retired job.
    pub(super) fn last_issued(&self, job: &Job) -> Instant {
        let again = self.issued.iter().find(|(id, _)| *id == job.id);
        again.map_or(job.received, |(_, at)| *at)
    }

    /// Removes jobs.
    pub(super) fn take(&mut self, leaves: impl Fn(&Live) -> bool) -> Vec<Arc<Job>> {
        let mut taken = Vec::new();
        for live in self.jobs.extract_if(.., |live| leaves(live)) {
            if live.issued > live.job.received {
                if self.issued.len() == REMEMBERED {
                    self.issued.pop_front();
                }
                self.issued.push_back((live.job.id, live.issued));
            }
            taken.push(live.job);
        }
        let live: Vec<_> = self.jobs.iter().map(|live| live.job.id).collect();
        while self.insured.len() > REMEMBERED {
            let mut retired = self.insured.keys().filter(|id| !live.contains(id));
            let Some(oldest) = retired.next().copied() else {
                break;
            };
            self.insured.remove(&oldest);
        }
        taken
    }

    /// When a job is due or expires.
    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> {
        let jobs = self.jobs.iter();
        jobs.flat_map(|live| [live.due, live.expires])
    }
}
