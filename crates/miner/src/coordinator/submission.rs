//! Solutions on their way to the node that gave their work.
//!
//! Handed in at once, and again while no answer comes and the node could still take them. A job is handed in once:
//! after the first solution the node has forgotten its payload.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{ChainId, WorkHeader};

use super::SubmissionId;
use crate::job::{Job, JobId, NodeId};
use crate::timing::Timing;

/// How many solved jobs are remembered, to know a second solution by: more than a worker can have in hand.
const REMEMBERED: usize = 256;

/// A solution that is being handed in.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) job: Arc<Job>,
    pub(super) header: WorkHeader,
    pub(super) attempts: u32,
    /// Whether the chain has moved on: no use in handing it in again.
    stale: bool,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Answer,
    Attempt(Instant),
}

/// What follows when a solution got no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// It is handed in again after a pause.
    Again { pause: Duration },
    /// The node can no longer take it; it may have taken it without an answer.
    TooLate(Submission),
}

/// All solutions on their way.
#[derive(Debug, Default)]
pub(super) struct Submissions {
    open: BTreeMap<SubmissionId, Submission>,
    newest: SubmissionId,
    solved: VecDeque<JobId>,
}

impl Submissions {
    /// Begins to hand a solution in; the first attempt is the caller's. `None` if its job is solved already.
    pub(super) fn begin(
        &mut self,
        job: &Arc<Job>,
        header: WorkHeader,
        stale: bool,
    ) -> Option<SubmissionId> {
        if self.solved.contains(&job.id) {
            return None;
        }
        if self.solved.len() == REMEMBERED {
            self.solved.pop_front();
        }
        self.solved.push_back(job.id);
        self.newest.0 += 1;
        let submission = Submission {
            job: Arc::clone(job),
            header,
            attempts: 1,
            stale,
            next: Next::Answer,
        };
        self.open.insert(self.newest, submission);
        Some(self.newest)
    }

    pub(super) fn get(&self, id: SubmissionId) -> Option<&Submission> {
        self.open.get(&id)
    }

    pub(super) fn end(&mut self, id: SubmissionId) -> Option<Submission> {
        self.open.remove(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// No answer came, or one that says nothing about the solution.
    pub(super) fn unanswered(
        &mut self,
        now: Instant,
        timing: &Timing,
        id: SubmissionId,
    ) -> Option<Unanswered> {
        let submission = self.open.get_mut(&id)?;
        if submission.is_too_late(now, timing) {
            return self.open.remove(&id).map(Unanswered::TooLate);
        }
        let pause = timing.backoff(submission.attempts);
        submission.next = Next::Attempt(now + pause);
        Some(Unanswered::Again { pause })
    }

    /// The chain got another cut.
    pub(super) fn chain_moved(&mut self, node: NodeId, chain: ChainId) {
        for submission in self.open.values_mut() {
            submission.stale |= submission.job.node == node && submission.job.chain() == chain;
        }
    }

    /// The node serves another network.
    pub(super) fn network_changed(&mut self, node: NodeId) {
        for submission in self.open.values_mut() {
            submission.stale |= submission.job.node == node;
        }
    }

    /// The solutions to be handed in again now; each counts as on its way.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(SubmissionId, NodeId, WorkHeader)> {
        let mut due = Vec::new();
        for (id, submission) in &mut self.open {
            if matches!(submission.next, Next::Attempt(at) if at <= now) {
                submission.next = Next::Answer;
                submission.attempts += 1;
                due.push((*id, submission.job.node, submission.header.clone()));
            }
        }
        due
    }

    /// When a solution is to be handed in again.
    pub(super) fn wakeups(&self) -> impl Iterator<Item = Instant> + '_ {
        self.open
            .values()
            .filter_map(|submission| match submission.next {
                Next::Answer => None,
                Next::Attempt(at) => Some(at),
            })
    }
}

impl Submission {
    fn is_too_late(&self, now: Instant, timing: &Timing) -> bool {
        self.stale || now.saturating_duration_since(self.job.received) >= timing.payload_lifetime
    }
}
