//! Solutions on their way to the node that gave their work.
//!
//! Handed in at once, and again while no answer comes and the node could still take them. A job is handed in once:
//! after the first solution the node has forgotten its payload.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{ChainId, WorkHeader};

use super::{SubmissionId, Ticket};
use crate::job::{Job, NodeId};
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

/// What the chain of a job has done since the job came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chain {
    Stands,
    Moved,
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
    solved: VecDeque<Solved>,
}

/// A job that was solved, and when its solution was handed in.
#[derive(Debug)]
struct Solved {
    job: Arc<Job>,
    /// When its solution was handed in first, or answered: what was asked for before may be older than it.
    told: Ticket,
}

/// What is known of a block that work would extend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing that speaks against the work.
    Free,
    /// Another block on top of it is being handed in: which it will be is open.
    Contested,
    /// Another block on top of it was handed in after the work was asked for, so that the node may not have known.
    Taken,
}

impl Submissions {
    /// Whether this is the job's first solution; from now on it is solved.
    pub(super) fn is_first(&mut self, job: &Arc<Job>, now: Ticket) -> bool {
        if self.solved.iter().any(|solved| solved.job.id == job.id) {
            return false;
        }
        if self.solved.len() == REMEMBERED {
            self.solved.pop_front();
        }
        self.solved.push_back(Solved {
            job: Arc::clone(job),
            told: now,
        });
        true
    }

    /// Begins to hand a solution in; the first attempt is the caller's.
    pub(super) fn begin(
        &mut self,
        job: &Arc<Job>,
        header: WorkHeader,
        forgotten: Instant,
        chain: Chain,
    ) -> SubmissionId {
        self.newest.0 += 1;
        let submission = Submission {
            job: Arc::clone(job),
            header,
            attempts: 1,
            forgotten,
            stale: chain == Chain::Moved,
            next: Next::Answer,
        };
        self.open.insert(self.newest, submission);
        self.newest
    }

    /// Whether the place of work, asked for at that moment, is free.
    pub(super) fn place(&self, node: NodeId, work: &WorkHeader, asked: Ticket) -> Place {
        let is_same = |job: &Job| {
            job.node == node
                && job.chain() == work.chain()
                && job.work.header().parent() == work.parent()
        };
        let mut solved = self.solved.iter();
        if solved.any(|solved| asked < solved.told && is_same(&solved.job)) {
            Place::Taken
        } else if self.open.values().any(|open| is_same(&open.job)) {
            Place::Contested
        } else {
            Place::Free
        }
    }

    pub(super) fn get(&self, id: SubmissionId) -> Option<&Submission> {
        self.open.get(&id)
    }

    /// The solution is not handed in any more.
    pub(super) fn end(&mut self, id: SubmissionId, now: Ticket) -> Option<Submission> {
        let submission = self.open.remove(&id)?;
        for solved in &mut self.solved {
            if solved.job.id == submission.job.id {
                solved.told = now;
            }
        }
        Some(submission)
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
        ticket: Ticket,
    ) -> Option<Unanswered> {
        let submission = self.open.get_mut(&id)?;
        if submission.stale || submission.forgotten <= now {
            return self.end(id, ticket).map(Unanswered::TooLate);
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
