//! The life of a solution: check, submission, retries, and the final answer of the node.
//!
//! Solutions are checked before they are submitted: a wrong one costs the node the payload of the
//! work, and one from the node's future can stall a chain. Only the proof of work is left to the
//! node if the worker does none.

use std::sync::Arc;
use std::time::Duration;

use chainweb::{Work, WorkHeader};
use node::{Error, Mined, Refusal, Retry};

use super::action::{Action, Connection, Request};
use super::event::Seq;
use super::freshness::Freshness;
use super::node_state::Suspicion;
use super::state::Coordinator;
use super::submissions::Submission;
use super::tracked_block::{NewBlock, Status};
use crate::history::Fate;
use crate::job::{Job, JobId, NodeId, Outdated, Proof, Solution};
use crate::telemetry::Event;
use crate::telemetry::event::{
    BlockEvent, BlockRef, JobRef, NodeEvent, Retirement, SolutionDiscarded, Untracked,
};
use crate::timing::Timing;

/// The most submissions of a solution whose payload is unknown: within two seconds, since a node
/// that was restarted unnoticed is found out only after them. If each reaches one of two nodes by
/// chance, one solution in 60,000 does not reach the right one.
const MAX_TRIES_ELSEWHERE: u32 = 16;
/// The refusals in a row of verified proofs after which the node's network has other rules. A
/// single solution may have been changed on the way.
const MAX_REFUSED_PROOFS: u32 = 2;
/// The number of solutions with an unknown payload from which they are reported.
const FEW: u32 = 4;

impl Coordinator {
    pub(super) fn solved(&mut self, solution: &Solution) {
        let header = solution.header();
        let Err(reason) = self.accept(solution, &header) else {
            self.counters.solutions += 1;
            self.submit(solution, header);
            return;
        };
        match reason {
            SolutionDiscarded::TargetMissed | SolutionDiscarded::TimeOutOfRange => {
                self.counters.solutions_rejected += 1;
            }
            SolutionDiscarded::NetworkChanged => self.counters.solutions_stale += 1,
            SolutionDiscarded::Duplicate | SolutionDiscarded::PowRequired => {}
        }
        self.report(Event::SolutionDiscarded {
            job: JobRef::from(&*solution.job),
            found_by: solution.found_by.clone(),
            nonce: solution.nonce,
            creation_time: solution.creation_time,
            reason,
        });
    }

    /// Checks whether a solution is to be submitted, without the worker's kernel. It can differ
    /// from its job in time and nonce only. If it is a valid one, its job counts as solved.
    fn accept(
        &mut self,
        solution: &Solution,
        header: &WorkHeader,
    ) -> Result<(), SolutionDiscarded> {
        let job = &solution.job;
        let times = job.work.header().creation_time()..=job.creation_time_at(self.now);
        let is_verified = self.config.proof == Proof::Verified;
        let node = &self.nodes[job.node.0];
        if !times.contains(&solution.creation_time) {
            Err(SolutionDiscarded::TimeOutOfRange)
        } else if is_verified && !pow::verify(header, &job.work.target()) {
            Err(SolutionDiscarded::TargetMissed)
        } else if !self.submissions.mark_solved(job, self.seq) {
            Err(SolutionDiscarded::Duplicate)
        } else if !node.serves(job) {
            Err(SolutionDiscarded::NetworkChanged)
        } else if node.is_paused(self.now) {
            Err(SolutionDiscarded::PowRequired)
        } else {
            Ok(())
        }
    }

    fn submit(&mut self, solution: &Solution, header: WorkHeader) {
        let job = &solution.job;
        let streams = &self.nodes[job.node.0].streams;
        let freshness = streams.freshness(&header, Seq::of(job), self.seq);
        let twins = self.twins_of(job);
        self.retire(Retirement::Solved, |live| live.job.id == job.id);
        // Work with a refreshed payload may have replaced the job.
        self.retire_siblings(&header);
        let is_outdated = freshness == Freshness::Outdated;
        let submission = Submission {
            job: Arc::clone(job),
            header,
            attempts: 0,
            unknown: 0,
            expires: self.live.last_issued(job) + self.config.timing.payload_lifetime,
            was_late: is_outdated || self.has_several_nodes() && self.is_job_passed(job),
            is_outdated,
            due: Some(self.now),
            sent: None,
            twins,
            is_hastened: false,
            refused: None,
        };
        let event = BlockEvent::Found {
            found_by: solution.found_by.clone(),
            after: self.now.saturating_duration_since(job.received),
            header: submission.header.clone(),
            issued: self.live.last_issued(job),
            proof: self.config.proof,
        };
        self.report_block(submission.block(), event);
        self.submissions.open.insert(job.id, submission);
    }

    /// Retires the jobs on the parent of a solved header.
    fn retire_siblings(&mut self, solved: &WorkHeader) {
        let (chain, parent) = (solved.chain(), solved.parent());
        self.retire(Retirement::ParentSolved, |live| {
            live.job.chain() == chain && live.job.work.header().parent() == parent
        });
    }

    /// Submits a block of an earlier run, if the node may still take it, or looks it up.
    pub(super) fn restored(
        &mut self,
        node: NodeId,
        (row, fate): (i64, Fate),
        work: Work,
        left: Option<Duration>,
    ) {
        let header = work.header().clone();
        let job = Arc::new(Job {
            id: JobId(self.seq.0),
            node,
            work,
            received: self.now,
            outdated: Outdated::default(),
        });
        let block = BlockRef::new(&job, &header);
        self.counters.solutions += 1;
        self.report_block(block, BlockEvent::Restored { row, fate });
        let Some(left) = left else {
            let new = NewBlock {
                block,
                mined: Mined::from(&header),
                status: Status::of(fate),
                taken_by: node,
                is_late: false,
            };
            self.tracker.track(self.now, new);
            return;
        };
        self.submissions.mark_solved(&job, self.seq);
        self.retire_siblings(&header);
        let submission = Submission {
            header,
            // The earlier run may have submitted it.
            attempts: 1,
            unknown: 0,
            expires: self.now + left,
            was_late: false,
            is_outdated: false,
            due: Some(self.now),
            sent: None,
            twins: Vec::new(),
            is_hastened: false,
            refused: None,
            job,
        };
        self.submissions.open.insert(submission.job.id, submission);
    }

    /// Submits what is due.
    pub(super) fn submit_due(&mut self) {
        let due = self.submissions.due(self.now).map(|due| {
            let connection = match due.unknown {
                0 => Connection::Any,
                _ => Connection::New,
            };
            (due.job.node, due.job.id, due.header.clone(), connection)
        });
        for (node, job, header, connection) in due.collect::<Vec<_>>() {
            self.submit_to(node, job, header, connection);
        }
    }

    pub(super) fn submit_to(
        &mut self,
        node: NodeId,
        job: JobId,
        header: WorkHeader,
        connection: Connection,
    ) {
        let request = Request::Submit {
            version: self.nodes[node.0].version(),
            job,
            header,
            connection,
        };
        self.actions.push(Action::Request { node, request });
    }

    pub(super) fn submitted(&mut self, node: NodeId, id: JobId, result: Result<(), Error>) {
        let open = self.submissions.open.get(&id);
        if open.is_none_or(|open| open.job.node != node) {
            self.twin_answered(node, id, &result);
            return;
        }
        let error = result.err();
        let are_twins_out = error.is_some() && self.send_twins(id);
        let is_tried_again = error.as_ref().is_some_and(|error| match error {
            Error::Refused(Refusal::Stale) => self.is_retried_elsewhere(id, error),
            error => error.retry() != Retry::Never && self.is_retried(id, error),
        });
        if is_tried_again {
            return;
        }
        if are_twins_out && let Some(open) = self.submissions.open.get_mut(&id) {
            open.refused = error;
        } else if let Some(submission) = self.submissions.end(id, self.seq) {
            self.node_changed(submission.job.node);
            match error {
                None => {
                    self.send_twins_later(&submission);
                    self.taken(node, &submission);
                }
                Some(error) => self.given_up(&submission, &error),
            }
        }
    }

    /// The node does not have the payload of a solution. If it must have it, another node may have
    /// answered: a load balancer without sticky sessions leads the request for work and the
    /// solution to different nodes. Schedules a few more tries and returns whether there is one.
    fn is_retried_elsewhere(&mut self, id: JobId, error: &Error) -> bool {
        let (now, timing) = (self.now, &self.config.timing);
        let Some(submission) = self.submissions.open.get_mut(&id) else {
            return false;
        };
        submission.unknown = submission.unknown.saturating_add(1);
        let of = submission.job.node;
        let node = &self.nodes[of.0];
        // The payload of younger work is lost by a restart only.
        let issued = self.live.last_issued(&submission.job);
        let is_young = now < issued + timing.refetch_age;
        let is_restarted = node.suspicion == Some(Suspicion::Restart)
            || node.restarted.is_some_and(|at| issued <= at);
        // The report of the last block may come late, from a node behind the load balancer.
        let is_outdated = submission.is_outdated && node.unknown_payloads == 0;
        if !is_young || is_restarted || submission.may_be_taken(error) || is_outdated {
            return false;
        }
        if submission.attempts >= MAX_TRIES_ELSEWHERE {
            if !submission.is_outdated {
                self.payload_unknown(of);
            }
            return false;
        }
        let is_in_time = submission.expires > now;
        submission.due = is_in_time.then(|| now + pause_elsewhere(submission, timing));
        is_in_time
    }

    /// Another node than the one that issued the work answered a solution.
    fn payload_unknown(&mut self, id: NodeId) {
        let times = &mut self.nodes[id.0].unknown_payloads;
        *times = times.saturating_add(1);
        let times = *times;
        // Reported more and more rarely.
        if times >= FEW && times.is_power_of_two() {
            self.report_node(id, NodeEvent::PayloadsUnknown { times });
        }
    }

    /// A node took a solution, as the first one.
    pub(super) fn taken(&mut self, by: NodeId, submission: &Submission) {
        self.counters.solutions_submitted += 1;
        self.nodes[by.0].counts.blocks_taken += 1;
        let attempts = submission.attempts;
        self.report_block(submission.block(), BlockEvent::Submitted { attempts });
        let id = submission.job.node;
        if let Some(known) = &mut self.nodes[id.0].heights_of_work {
            let block = submission.block();
            known.accepted(self.now, block.chain, block.height);
            self.show_heights_of_work(id);
        }
        if by == id && submission.unknown > 0 {
            self.payload_unknown(id);
        }
        self.nodes[by.0].refused_proofs = 0;
        if self.nodes[by.0].pow_required_until.take().is_some() {
            self.report_node(
                by,
                match self.config.proof {
                    Proof::None => NodeEvent::PowNotRequired,
                    Proof::Verified => NodeEvent::ProofsAccepted,
                },
            );
        }
        self.track(by, submission);
    }

    fn refused(&mut self, submission: &Submission, error: &Error) {
        let (node, block) = (submission.job.node, submission.block());
        match error {
            Error::Refused(Refusal::InvalidPow { .. }) if self.config.proof == Proof::None => {
                self.counters.solutions_rejected += 1;
                self.report_block(block, BlockEvent::RejectedWithoutPow);
                self.pow_required(node, error);
            }
            error if submission.may_be_taken(error) => self.uncertain(submission, error),
            Error::Refused(Refusal::Stale) => {
                self.counters.solutions_stale += 1;
                self.report_block(block, BlockEvent::Stale);
                if !submission.is_outdated {
                    // The parent is still the tip, so the node must have lost its payloads.
                    self.nodes[node.0].suspect(Suspicion::Restart);
                }
            }
            Error::Refused(Refusal::InvalidPow { .. }) => {
                let times = &mut self.nodes[node.0].refused_proofs;
                *times = times.saturating_add(1);
                let times = *times;
                if times > MAX_REFUSED_PROOFS {
                    self.counters.solutions_rejected += 1;
                    self.report_block(block, BlockEvent::RejectedLikeAll);
                } else {
                    self.rejected(submission, error);
                }
                if times >= MAX_REFUSED_PROOFS {
                    self.pow_required(node, error);
                }
            }
            error => self.rejected(submission, error),
        }
    }

    fn rejected(&mut self, submission: &Submission, error: &Error) {
        self.counters.solutions_rejected += 1;
        let event = BlockEvent::Rejected {
            error: error.to_string(),
            header: submission.header.clone(),
        };
        self.report_block(submission.block(), event);
    }

    /// The node checks proof of work, which the worker does not do, or has other rules for it. It
    /// gets neither requests for work nor submissions until a pause is over or the node is
    /// restarted. Retires all its jobs, whose blocks would be rejected as well.
    fn pow_required(&mut self, id: NodeId, error: &Error) {
        let retry_in = self.config.timing.misconfigured_retry;
        let until = self.now + retry_in;
        let is_known = self.nodes[id.0].pow_required_until.replace(until).is_some();
        if !is_known {
            let error = error.to_string();
            self.report_node(
                id,
                match self.config.proof {
                    Proof::None => NodeEvent::PowRequired { error, retry_in },
                    Proof::Verified => NodeEvent::ProofsRefused { error, retry_in },
                },
            );
        }
        self.retire(Retirement::PowRequired, |live| live.job.node == id);
    }

    /// No node will take a solution, or it is not known to have been taken. This is the last answer
    /// of its issuer.
    pub(super) fn given_up(&mut self, submission: &Submission, error: &Error) {
        match error.retry() {
            Retry::Never => self.refused(submission, error),
            _ => self.uncertain(submission, error),
        }
    }

    /// Whether the node has read the solution is unknown. Schedules another try and returns whether
    /// there is one.
    fn is_retried(&mut self, id: JobId, error: &Error) -> bool {
        let Some(submission) = self.submissions.open.get_mut(&id) else {
            return false;
        };
        self.nodes[submission.job.node.0].suspect_after(error);
        let (block, attempts) = (submission.block(), submission.attempts);
        let Some(retry_in) = submission.retry(self.now, &self.config.timing, error) else {
            return false;
        };
        // Reported more and more rarely.
        if attempts.is_power_of_two() {
            let event = BlockEvent::SubmissionFailed {
                attempts,
                error: error.to_string(),
                retry_in,
            };
            self.report_block(block, event);
        }
        true
    }

    /// The node may have accepted the block, and it is too late for another try.
    fn uncertain(&mut self, submission: &Submission, error: &Error) {
        let event = BlockEvent::SubmissionUncertain {
            attempts: submission.attempts,
            error: error.to_string(),
            header: submission.header.clone(),
        };
        self.report_block(submission.block(), event);
        self.track(submission.job.node, submission);
    }

    /// Tracks a block that a node may have accepted.
    fn track(&mut self, by: NodeId, submission: &Submission) {
        let (job, block) = (&submission.job, submission.block());
        let is_of_network = if by == job.node {
            self.nodes[by.0].serves(job)
        } else {
            // It is no twin of a network that it has left.
            submission.twins.iter().any(|twin| twin.node == by)
        };
        if is_of_network {
            let new = NewBlock {
                block,
                mined: Mined::from(&submission.header),
                status: Status::Pending,
                taken_by: by,
                is_late: submission.was_late,
            };
            self.tracker.track(self.now, new);
        } else {
            self.tracker.count_unknown(block, Untracked::NetworkChanged);
        }
    }
}

/// Returns a pause that is short or long, by the bits of the payload hash: solutions that are tried
/// again with equal pauses get to the nodes in turn, and each to the same node every time.
fn pause_elsewhere(submission: &Submission, timing: &Timing) -> Duration {
    let hash = submission.header.payload_hash();
    let [first, second, ..] = *hash.as_bytes();
    let bits = u16::from_le_bytes([first, second]);
    let is_short = bits >> (submission.attempts % u16::BITS) & 1 == 1;
    timing.retry_min / 2 * if is_short { 1 } else { 3 }
}
