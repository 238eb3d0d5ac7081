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
    /// When the node must have forgotten the payload.
    forgotten: Instant,
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

impl Submission {
    /// Whether the chain is known to have moved on.
    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }
}

/// All solutions on their way.
#[derive(Debug, Default)]
pub(super) struct Submissions {
    open: BTreeMap<SubmissionId, Submission>,
    newest: SubmissionId,
    solved: VecDeque<JobId>,
}

impl Submissions {
    /// Whether this is the job's first solution; from now on it is solved.
    pub(super) fn is_first(&mut self, job: JobId) -> bool {
        if self.solved.contains(&job) {
            return false;
        }
        if self.solved.len() == REMEMBERED {
            self.solved.pop_front();
        }
        self.solved.push_back(job);
        true
    }

    /// Begins to hand a solution in; the first attempt is the caller's.
    pub(super) fn begin(
        &mut self,
        job: &Arc<Job>,
        header: WorkHeader,
        forgotten: Instant,
        stale: bool,
    ) -> SubmissionId {
        self.newest.0 += 1;
        let submission = Submission {
            job: Arc::clone(job),
            header,
            attempts: 1,
            forgotten,
            stale,
            next: Next::Answer,
        };
        self.open.insert(self.newest, submission);
        self.newest
    }

    /// Whether a block on top of this one is being handed in to the node: another is not worth hashing.
    pub(super) fn extends(&self, node: NodeId, header: &WorkHeader) -> bool {
        self.open.values().any(|open| {
            open.job.node == node
                && open.header.chain() == header.chain()
                && open.header.parent() == header.parent()
        })
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
        if submission.stale || submission.forgotten <= now {
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

    /// The node serves another network: nothing is handed in again. Gives what only waited for that.
    pub(super) fn network_changed(&mut self, node: NodeId) -> Vec<Submission> {
        for submission in self.open.values_mut() {
            submission.stale |= submission.job.node == node;
        }
        self.open
            .extract_if(.., |_, open| {
                open.job.node == node && matches!(open.next, Next::Attempt(_))
            })
            .map(|(_, submission)| submission)
            .collect()
    }

    /// The solutions to be handed in again now; each counts as on its way.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(SubmissionId, NodeId, WorkHeader)> {
        let mut due = Vec::new();
        for (id, submission) in &mut self.open {
            if matches!(submission.next, Next::Attempt(at) if at <= now) {
                submission.next = Next::Answer;
                submission.attempts = submission.attempts.saturating_add(1);
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
