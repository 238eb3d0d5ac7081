//! Solutions on their way to the node of their job.
//!
//! A solution is submitted at once, and again while no answer comes and the node could still take
//! it. A job is submitted once: after the first solution the node has discarded its payload.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{ChainId, WorkHeader};
use node::{Error, Refusal};

use super::event::Seq;
use super::freshness::Freshness;
use crate::job::{Job, JobId, NodeId};
use crate::telemetry::event::BlockRef;
use crate::timing::Timing;

/// The number of remembered solved jobs, to recognise a second solution: more than a worker has at
/// a time.
const REMEMBERED: usize = 256;

/// A solution with a submission under way.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) job: Arc<Job>,
    pub(super) header: WorkHeader,
    /// The number of submissions so far.
    pub(super) attempts: u32,
    /// The number of answers that the payload is unknown.
    pub(super) unknown: u32,
    /// When the node must have discarded the payload.
    pub(super) expires: Instant,
    /// Whether the chain has a new tip, which makes another try useless.
    pub(super) is_outdated: bool,
    /// When to submit it; `None` while a request is in flight.
    pub(super) due: Option<Instant>,
    /// When it was last submitted.
    pub(super) sent: Option<Instant>,
    /// The other nodes that hold its payload and have not answered.
    pub(super) twins: Vec<Twin>,
    /// The last answer of the issuer, if that was no or missing and the answers of others are
    /// missing.
    pub(super) refused: Option<Error>,
}

/// A node besides the issuer that holds the payload of a solution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Twin {
    pub(super) node: NodeId,
    /// Whether it was sent the solution and has not answered yet.
    pub(super) is_sent: bool,
}

/// A solution that the issuer took, for another node.
#[derive(Debug)]
pub(super) struct Later {
    pub(super) job: JobId,
    pub(super) header: WorkHeader,
    pub(super) node: NodeId,
    pub(super) due: Instant,
}

impl Submission {
    pub(super) fn block(&self) -> BlockRef {
        BlockRef::new(&self.job, &self.header)
    }

    /// Whether a submission before the last one, which got this error, may have been accepted: not
    /// all of them were refused.
    pub(super) fn may_be_taken(&self, last: &Error) -> bool {
        let is_counted = matches!(last, Error::Refused(Refusal::Stale));
        self.unknown + u32::from(!is_counted) < self.attempts
    }

    /// Schedules another try. Returns the pause before it; `None` if it is too late for one.
    pub(super) fn retry(
        &mut self,
        now: Instant,
        timing: &Timing,
        error: &Error,
    ) -> Option<Duration> {
        if self.is_outdated || self.expires <= now {
            return None;
        }
        // A longer pause would outlast most parents.
        let asked = error.retry_after().unwrap_or_default();
        let asked = asked.min(timing.retry_max * 5);
        let pause = timing.backoff(self.attempts).max(asked);
        self.due = Some(now + pause);
        Some(pause)
    }
}

/// All submissions under way.
#[derive(Debug, Default)]
pub(super) struct Submissions {
    /// By the id of the solved job.
    pub(super) open: BTreeMap<JobId, Submission>,
    /// Solved jobs, and when each was first submitted, or answered. Work requested before may have
    /// the same parent.
    solved: VecDeque<(Arc<Job>, Seq)>,
    /// What the issuer took, for other nodes.
    pub(super) later: VecDeque<Later>,
}

impl Submissions {
    /// Marks the job as solved. Returns whether this is its first solution.
    pub(super) fn mark_solved(&mut self, job: &Arc<Job>, now: Seq) -> bool {
        let is_known = self.solved.iter().any(|(solved, _)| solved.id == job.id);
        if is_known || self.open.contains_key(&job.id) {
            return false;
        }
        if self.solved.len() == REMEMBERED {
            self.solved.pop_front();
        }
        self.solved.push_back((Arc::clone(job), now));
        true
    }

    /// Returns how current work requested at `requested` is, judged by solutions on its parent.
    pub(super) fn freshness(&self, work: &WorkHeader, requested: Seq) -> Freshness {
        let is_sibling =
            |job: &Job| job.chain() == work.chain() && job.work.header().parent() == work.parent();
        let mut solved = self.solved.iter();
        if solved.any(|(job, known)| requested < *known && is_sibling(job)) {
            Freshness::Outdated
        } else if self.open.values().any(|open| is_sibling(&open.job)) {
            Freshness::Contested
        } else {
            Freshness::Current
        }
    }

    /// Removes and returns a finished submission.
    pub(super) fn end(&mut self, id: JobId, now: Seq) -> Option<Submission> {
        let submission = self.open.remove(&id)?;
        let mut solved = self.solved.iter_mut();
        if let Some((_, known)) = solved.find(|(job, _)| job.id == submission.job.id) {
            *known = now;
        }
        Some(submission)
    }

    /// The chain has a new tip.
    pub(super) fn tip_changed(&mut self, node: NodeId, chain: ChainId) {
        for open in self.open.values_mut() {
            open.is_outdated |= open.job.node == node && open.job.chain() == chain;
        }
    }

    /// A chain has a block at this height: it is too late for others.
    pub(super) fn passed(&mut self, chain: ChainId, height: u64) {
        for open in self.open.values_mut() {
            open.is_outdated |= open.job.chain() == chain && open.header.height() <= height;
        }
    }

    /// The node serves another network: nothing is submitted again. Removes and returns the
    /// submissions without a request in flight.
    pub(super) fn network_changed(&mut self, node: NodeId) -> Vec<Submission> {
        for open in self.open.values_mut() {
            open.is_outdated |= open.job.node == node;
        }
        let ended = self
            .open
            .extract_if(.., |_, open| open.job.node == node && open.due.is_some());
        ended.map(|(_, submission)| submission).collect()
    }

    /// Returns what is to be submitted now; each counts as in flight.
    pub(super) fn due(&mut self, now: Instant) -> impl Iterator<Item = &Submission> {
        self.open.values_mut().filter_map(move |open| {
            open.due.take_if(|at| *at <= now)?;
            open.sent = Some(now);
            open.attempts = open.attempts.saturating_add(1);
            Some(&*open)
        })
    }

    /// When a solution is to be submitted.
    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> + '_ {
        let open = self.open.values().filter_map(|open| open.due);
        open.chain(self.later.iter().map(|later| later.due))
    }
}
