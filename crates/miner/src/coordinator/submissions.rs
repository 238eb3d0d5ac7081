//! Solutions on their way to the node of their job.
//!
//! A solution is submitted at once, and again while no answer comes and the node could still take
//! it. A job is submitted once: after the first solution the node has discarded its payload.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{ChainId, WorkHeader};
use node::{Error, Refusal, Retry};

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
    /// Whether its chain was known to have a new tip when it was found.
    pub(super) was_late: bool,
    /// Whether the issuer has a new tip on the chain, which makes another try there useless.
    pub(super) is_outdated: bool,
    /// When to submit it; `None` while a request is in flight.
    pub(super) due: Option<Instant>,
    /// When it was last submitted.
    pub(super) sent: Option<Instant>,
    /// The other nodes that hold its payload and may still take it.
    pub(super) twins: Vec<Twin>,
    /// Whether they get it as well: the issuer did not take it, or does not answer.
    pub(super) is_hastened: bool,
    /// The last answer of the issuer, if that was no or missing and the answers of others are
    /// missing.
    pub(super) refused: Option<Error>,
}

/// A node besides the issuer that holds the payload of a solution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Twin {
    pub(super) node: NodeId,
    /// The number of submissions so far.
    pub(super) attempts: u32,
    /// When to submit it; `None` while a request is in flight.
    pub(super) due: Option<Instant>,
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
        let pause = pause(timing, self.attempts, error);
        self.due = Some(now + pause);
        Some(pause)
    }

    /// Another node did not take it. It is tried again, unless the answer is definite or it is too
    /// late.
    pub(super) fn retry_twin(
        &mut self,
        now: Instant,
        timing: &Timing,
        node: NodeId,
        error: &Error,
    ) {
        let is_over = error.retry() == Retry::Never || self.expires <= now;
        self.twins.retain(|twin| twin.node != node || !is_over);
        for twin in self.twins.iter_mut().filter(|twin| twin.node == node) {
            twin.due = Some(now + pause(timing, twin.attempts, error));
        }
    }

    /// Whether its issuer refused it and no other node will take it.
    fn is_hopeless(&self, now: Instant, is_passed: impl Fn(&Job) -> bool) -> bool {
        let is_late = self.expires <= now || is_passed(&self.job);
        let mut twins = self.twins.iter();
        self.refused.is_some() && twins.all(|twin| is_late && twin.due.is_some())
    }
}

/// Returns the pause after a failed submission.
fn pause(timing: &Timing, attempts: u32, error: &Error) -> Duration {
    // A longer pause would outlast most parents.
    let asked = error.retry_after().unwrap_or_default();
    let asked = asked.min(timing.retry_max * 5);
    timing.backoff(attempts).max(asked)
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

    /// The node serves another network: it is submitted nothing again. Removes and returns the
    /// submissions without a request in flight and without other nodes to take them.
    pub(super) fn network_changed(&mut self, node: NodeId) -> Vec<Submission> {
        self.later.retain(|later| later.node != node);
        for open in self.open.values_mut() {
            open.twins.retain(|twin| twin.node != node);
        }
        let of_node = self.open.values_mut().filter(|open| open.job.node == node);
        for open in of_node {
            open.is_outdated = true;
            open.is_hastened = true;
            if open.due.take().is_some() {
                open.refused = Some(Refusal::Stale.into());
            }
        }
        let ended = self.open.extract_if(.., |_, open| {
            open.job.node == node && open.refused.is_some() && open.twins.is_empty()
        });
        ended.map(|(_, submission)| submission).collect()
    }

    /// Returns the solved jobs whose issuer refused the solution and no other node will take it: it
    /// is too late, or another good node shows a block in its place.
    pub(super) fn hopeless(&self, now: Instant, is_passed: impl Fn(&Job) -> bool) -> Vec<JobId> {
        let open = self.open.values();
        let open = open.filter(|open| open.is_hopeless(now, &is_passed));
        open.map(|open| open.job.id).collect()
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
        let open = self.open.values().flat_map(|open| {
            let twins = open.twins.iter().filter(|_| open.is_hastened);
            let end = open.refused.as_ref().map(|_| open.expires);
            open.due
                .into_iter()
                .chain(twins.filter_map(|twin| twin.due))
                .chain(end)
        });
        open.chain(self.later.iter().map(|later| later.due))
    }
}
