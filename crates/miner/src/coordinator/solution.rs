//! The way of a solution from the worker's hand to the node's last word on it.
//!
//! What the worker found is checked before it is handed in: a wrong solution costs the node the payload of the work,
//! and one from the node's future can stall a chain.

use std::time::Instant;

use chainweb::WorkHeader;
use node::{Error, Refusal, Retry};
use tracing::{debug, error, info, warn};

use super::live::Retired;
use super::submission::{Chain, Submission, Unanswered};
use super::upstream::Doubt;
use super::{Action, Coordinator, Request, SubmissionId, Ticket};
use crate::demand::Demand;
use crate::job::Solution;
use crate::units::About;

impl Coordinator {
    pub(super) fn solved(&mut self, now: Instant, solution: &Solution) {
        let job = &solution.job;
        let header = solution.header();
        let (chain, height) = (job.chain(), header.height());
        if let Some(fault) = fault(now, solution, &header) {
            self.counters.solutions_rejected += 1;
            error!(
                job = %job.id, %chain, height, nonce = %solution.nonce,
                time = solution.creation_time.as_micros(), fault, "the worker's solution is wrong; not handed in"
            );
            return;
        }
        let ticket = self.ticket();
        if !self.submissions.is_first(job, ticket) {
            debug!(job = %job.id, "the job is solved already");
            return;
        }
        let node = &mut self.nodes[job.node.0];
        let Some(identity) = node.identity.as_ref().filter(|_| node.serves(job)) else {
            self.counters.solutions_stale += 1;
            info!(%chain, height, "the solution is of another network than the node serves now");
            return;
        };
        self.counters.solutions += 1;
        info!(
            %chain, height, block = %block_name(&header),
            after = %About(now.saturating_duration_since(job.received)), "solved a block"
        );
        let version = identity.version.clone();
        self.live.remove(job.id);
        let given = self.live.last_given(job);
        let since = if node.chains.moved_since(chain, Ticket::of(job)) {
            Chain::Moved
        } else {
            Chain::Stands
        };
        // A refresh may have put other work on the same block in the job's place.
        if let Some(sibling) = self.live.retire_beside(job) {
            self.retired(&sibling, Retired::Solved);
        }
        let submission = self.submissions.begin(
            job,
            header.clone(),
            given + self.config.timing.payload_lifetime,
            since,
        );
        let request = Request::Submit {
            version,
            submission,
            header,
        };
        self.actions.push(Action::Request {
            node: job.node,
            request,
        });
    }

    pub(super) fn submitted(&mut self, now: Instant, id: SubmissionId, result: Result<(), Error>) {
        match result {
            Err(error) if error.retry() != Retry::Never => self.unanswered(now, id, &error),
            answer => {
                let ticket = self.ticket();
                if let Some(submission) = self.submissions.end(id, ticket) {
                    let node = &mut self.nodes[submission.job.node.0];
                    node.work.resume();
                    if self.demand != Demand::Any {
                        node.stirred(ticket);
                    }
                    self.answered(now, &submission, answer);
                }
            }
        }
    }

    fn answered(&mut self, now: Instant, submission: &Submission, answer: Result<(), Error>) {
        let (chain, height) = (submission.job.chain(), submission.header.height());
        let block = block_name(&submission.header);
        let attempts = submission.attempts;
        match answer {
            Ok(()) => {
                self.counters.solutions_taken += 1;
                debug!(%chain, height, %block, attempts, "the node took the solution");
                self.follow(now, submission);
            }
            Err(Error::Refused(Refusal::Stale)) if attempts > 1 => {
                info!(%chain, height, %block, attempts, "the node knows the solution no more; it may have taken it before");
                self.follow(now, submission);
            }
            Err(Error::Refused(Refusal::Stale)) => {
                self.counters.solutions_stale += 1;
                info!(%chain, height, %block, "the solution came too late");
                if !submission.is_stale() {
                    // Nothing else tells that the place is taken: the node may have forgotten its payloads.
                    self.nodes[submission.job.node.0].suspect(Doubt::Restart);
                }
            }
            Err(error) => {
                self.counters.solutions_rejected += 1;
                let header = const_hex::encode(submission.header.as_bytes());
                error!(%chain, height, %block, %error, header, "the node refused the solution");
            }
        }
    }

    /// Nobody knows whether the node has read the solution.
    fn unanswered(&mut self, now: Instant, id: SubmissionId, error: &Error) {
        let timing = self.config.timing;
        let ticket = self.ticket();
        let Some(submission) = self.submissions.get(id) else {
            return;
        };
        self.nodes[submission.job.node.0].doubt_after(error);
        let (chain, height) = (submission.job.chain(), submission.header.height());
        let block = block_name(&submission.header);
        let attempts = submission.attempts;
        match self.submissions.unanswered(now, &timing, id, ticket) {
            // Told more and more rarely.
            Some(Unanswered::Again { pause }) if attempts.is_power_of_two() => {
                warn!(
                    %chain, height, %block, %error, attempts, again_in = %About(pause),
                    "no answer to the solution; handing it in again"
                );
            }
            Some(Unanswered::Again { .. }) | None => {}
            Some(Unanswered::TooLate(submission)) => {
                warn!(%chain, height, %block, %error, attempts, "no answer to the solution, and it is too late for another try");
                self.follow(now, &submission);
            }
        }
    }

    /// Hands in again what is due for it.
    pub(super) fn submit_again(&mut self, now: Instant) {
        for (submission, node, header) in self.submissions.due(now) {
            let identity = self.nodes[node.0].identity.as_ref();
            let version = identity
                .expect("a node that gave work has told its network")
                .version
                .clone();
            let request = Request::Submit {
                version,
                submission,
                header,
            };
            self.actions.push(Action::Request { node, request });
        }
    }

    /// Finds out later what became of a solution that the node has taken, or may have.
    fn follow(&mut self, now: Instant, submission: &Submission) {
        let job = &submission.job;
        if self.nodes[job.node.0].serves(job) {
            self.fates
                .follow(now, &self.config.timing, job, &submission.header);
        } else {
            self.fates.lose_sight();
        }
    }

    /// The node's network is not the solution's any more, and its answer never came.
    pub(super) fn lost(&mut self, submission: &Submission) {
        let (chain, height) = (submission.job.chain(), submission.header.height());
        info!(
            %chain, height, block = %block_name(&submission.header), attempts = submission.attempts,
            "the solution is of another network than the node serves now"
        );
        self.fates.lose_sight();
    }
}

/// The hash of the block that a header makes, as far as it can be known.
fn block_name(header: &WorkHeader) -> String {
    header.block_hash().map_or_else(
        || "(known to the node only)".to_owned(),
        |hash| hash.to_string(),
    )
}

/// What is wrong with a solution, by a computation without the worker's kernel. Only time and nonce can differ from the
/// job: it holds nothing else.
fn fault(now: Instant, solution: &Solution, header: &WorkHeader) -> Option<&'static str> {
    let job = &solution.job;
    let held = job.work.header().creation_time()..=job.creation_time_at(now);
    if !held.contains(&solution.creation_time) {
        return Some("its time lies outside that for which the job has been held");
    }
    (!pow::verify(header, &job.work.target())).then_some("its hash does not meet the target")
}
