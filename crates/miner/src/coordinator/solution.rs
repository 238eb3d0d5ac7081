//! The life of a solution: check, submission, retries, and the final answer of the node.
//!
//! Solutions are checked before they are submitted: a wrong one costs the node the payload of the
//! work, and one from the node's future can stall a chain. Only the proof of work is left to the
//! node if the worker does none.

use std::time::Instant;

use chainweb::WorkHeader;
use node::{Error, Refusal, Retry};

use super::action::{Action, Request};
use super::event::SubmissionId;
use super::node_state::Suspicion;
use super::seq::Seq;
use super::state::Coordinator;
use super::submissions::{Submission, Unanswered};
use crate::demand::Demand;
use crate::job::{NodeId, Proof, Solution};
use crate::telemetry::Event;
use crate::telemetry::event::{
    BlockEvent, JobRef, NodeEvent, Retirement, SolutionDiscarded, Untracked,
};

impl Coordinator {
    pub(super) fn solved(&mut self, now: Instant, solution: &Solution) {
        let header = solution.header();
        let seq = self.newest_seq.advance();
        if let Err(reason) = self.accept(now, solution, &header, seq) {
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
            return;
        }
        self.counters.solutions += 1;
        self.submit(now, solution, header, seq);
    }

    /// Checks whether a solution is to be submitted. If it is a valid one, its job counts as
    /// solved.
    fn accept(
        &mut self,
        now: Instant,
        solution: &Solution,
        header: &WorkHeader,
        seq: Seq,
    ) -> Result<(), SolutionDiscarded> {
        let job = &solution.job;
        check(now, solution, header, self.config.proof)?;
        if !self.submissions.mark_solved(job, seq) {
            return Err(SolutionDiscarded::Duplicate);
        }
        let node = &self.nodes[job.node.0];
        if !node.serves(job) {
            return Err(SolutionDiscarded::NetworkChanged);
        }
        if node.pow.is_paused(now) {
            return Err(SolutionDiscarded::PowRequired);
        }
        Ok(())
    }

    fn submit(&mut self, now: Instant, solution: &Solution, header: WorkHeader, seq: Seq) {
        let job = &solution.job;
        let streams = &self.nodes[job.node.0].streams;
        let freshness = streams.freshness(&header, Seq::of(job), seq);
        if let Some(job) = self.live.take_id(job.id) {
            self.retired(&job, Retirement::Solved);
        }
        // Work with a refreshed payload may have replaced the job.
        if let Some(sibling) = self.live.take_sibling(job) {
            self.retired(&sibling, Retirement::ParentSolved);
        }
        let expires = self.live.last_issued(job) + self.config.timing.payload_lifetime;
        let submission = Submission::new(job, header.clone(), expires, freshness);
        let event = BlockEvent::Found {
            found_by: solution.found_by.clone(),
            after: now.saturating_duration_since(job.received),
            proof: self.config.proof,
        };
        self.report_block(submission.block(), event);
        let id = self.submissions.begin(submission);
        self.request_submission(id, job.node, header);
    }

    fn request_submission(&mut self, submission: SubmissionId, node: NodeId, header: WorkHeader) {
        let identity = self.nodes[node.0].identity.as_ref();
        let version = identity
            .expect("a node that issued work is identified")
            .version
            .clone();
        let request = Request::Submit {
            version,
            submission,
            header,
        };
        self.actions.push(Action::Request { node, request });
    }

    /// Submits again what is due.
    pub(super) fn submit_due(&mut self, now: Instant) {
        for (submission, node, header) in self.submissions.due(now) {
            self.request_submission(submission, node, header);
        }
    }

    pub(super) fn submitted(&mut self, now: Instant, id: SubmissionId, result: Result<(), Error>) {
        let seq = self.newest_seq.advance();
        let answer = match result {
            Err(error) if error.retry() != Retry::Never => {
                self.unanswered(now, id, seq, &error);
                return;
            }
            answer => answer,
        };
        if let Some(submission) = self.submissions.end(id, seq) {
            let node = &mut self.nodes[submission.job.node.0];
            node.work.release();
            if self.demand != Demand::Any {
                node.cut_changed(seq);
            }
            match answer {
                Ok(()) => self.taken(now, &submission),
                Err(error) => self.refused(now, &submission, &error),
            }
        }
    }

    fn taken(&mut self, now: Instant, submission: &Submission) {
        self.counters.solutions_submitted += 1;
        let attempts = submission.attempts;
        self.report_block(submission.block(), BlockEvent::Submitted { attempts });
        let node = submission.job.node;
        if self.nodes[node.0].pow.accepted() {
            self.report_node(node, NodeEvent::PowNotRequired);
        }
        self.track(now, submission);
    }

    fn refused(&mut self, now: Instant, submission: &Submission, error: &Error) {
        let node = submission.job.node;
        let is_without_proof = self.config.proof == Proof::None;
        match error {
            Error::Refused(Refusal::Stale) if submission.attempts > 1 => {
                // An attempt without an answer may have succeeded.
                self.uncertain(now, submission, error);
            }
            Error::Refused(Refusal::Stale) => {
                self.counters.solutions_stale += 1;
                self.report_block(submission.block(), BlockEvent::Stale);
                if !submission.is_outdated() {
                    // The parent is still the tip, so the node must have lost its payloads.
                    self.nodes[node.0].suspect(Suspicion::Restart);
                }
            }
            Error::Refused(Refusal::InvalidPow { .. }) if is_without_proof => {
                self.counters.solutions_rejected += 1;
                self.report_block(submission.block(), BlockEvent::RejectedWithoutPow);
                self.pow_required(now, node, error);
            }
            error => {
                self.counters.solutions_rejected += 1;
                let event = BlockEvent::Rejected {
                    error: error.to_string(),
                    header: submission.header.clone(),
                };
                self.report_block(submission.block(), event);
            }
        }
    }

    /// The node checks proof of work, which the worker does not do. Retires all jobs of the node,
    /// whose blocks would be rejected as well.
    fn pow_required(&mut self, now: Instant, id: NodeId, error: &Error) {
        let timing = self.config.timing;
        if self.nodes[id.0].pow.rejected(now, &timing) {
            let event = NodeEvent::PowRequired {
                error: error.to_string(),
                retry_in: timing.misconfigured_retry,
            };
            self.report_node(id, event);
        }
        for job in self.live.take_node(id) {
            self.retired(&job, Retirement::PowRequired);
        }
    }

    /// Whether the node has read the solution is unknown.
    fn unanswered(&mut self, now: Instant, id: SubmissionId, seq: Seq, error: &Error) {
        let timing = self.config.timing;
        let Some(submission) = self.submissions.get(id) else {
            return;
        };
        self.nodes[submission.job.node.0].suspect_after(error);
        let (block, attempts) = (submission.block(), submission.attempts);
        match self.submissions.unanswered(now, &timing, id, seq) {
            // Reported more and more rarely.
            Some(Unanswered::Retry { pause }) if attempts.is_power_of_two() => {
                let event = BlockEvent::SubmissionFailed {
                    attempts,
                    error: error.to_string(),
                    retry_in: pause,
                };
                self.report_block(block, event);
            }
            Some(Unanswered::Retry { .. }) | None => {}
            Some(Unanswered::GiveUp(submission)) => self.uncertain(now, &submission, error),
        }
    }

    fn uncertain(&mut self, now: Instant, submission: &Submission, error: &Error) {
        let event = BlockEvent::SubmissionUncertain {
            attempts: submission.attempts,
            error: error.to_string(),
        };
        self.report_block(submission.block(), event);
        self.track(now, submission);
    }

    /// Tracks a block the node may have accepted.
    fn track(&mut self, now: Instant, submission: &Submission) {
        let (job, block) = (&submission.job, submission.block());
        if self.nodes[job.node.0].serves(job) {
            self.tracker.track(now, &self.config.timing, block);
        } else {
            self.tracker.count_unknown(block, Untracked::NetworkChanged);
        }
    }
}

/// Checks a solution without the worker's kernel. It can differ from its job in time and nonce
/// only.
///
/// # Errors
///
/// The creation time lies outside the times the job has had, or the hash misses the target.
fn check(
    now: Instant,
    solution: &Solution,
    header: &WorkHeader,
    proof: Proof,
) -> Result<(), SolutionDiscarded> {
    let job = &solution.job;
    let times = job.work.header().creation_time()..=job.creation_time_at(now);
    if !times.contains(&solution.creation_time) {
        return Err(SolutionDiscarded::TimeOutOfRange);
    }
    match proof {
        Proof::Verified if !pow::verify(header, &job.work.target()) => {
            Err(SolutionDiscarded::TargetMissed)
        }
        Proof::Verified | Proof::None => Ok(()),
    }
}
