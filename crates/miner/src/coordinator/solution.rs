//! The way of a solution from the worker's hand to the node's last word on it.
//!
//! What the worker found is checked before it is handed in: a wrong solution costs the node the payload of the work,
//! and one from the node's future can stall a chain. Only the proof of work can be left to a node that does not ask for
//! one, and where the node does it is told what to set.

use std::time::Instant;

use chainweb::WorkHeader;
use node::{Error, Refusal, Retry};
use tracing::{debug, error, info, warn};

use super::live::Retired;
use super::submission::{Chain, Submission, Unanswered};
use super::unsolved::Answer;
use super::upstream::Doubt;
use super::{Action, Coordinator, Request, SubmissionId, Ticket};
use crate::demand::Demand;
use crate::job::{NodeId, Proof, Solution};
use crate::units::About;

impl Coordinator {
    pub(super) fn solved(&mut self, now: Instant, solution: &Solution) {
        let job = &solution.job;
        let header = solution.header();
        let (chain, height) = (job.chain(), header.height());
        if let Some(fault) = fault(now, solution, &header, self.config.proof) {
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
        if node.unsolved.is_paused(now) {
            debug!(job = %job.id, %chain, height, "not handed in: the node takes no unsolved work");
            return;
        }
        self.counters.solutions += 1;
        let block = block_name(&header);
        let after = About(now.saturating_duration_since(job.received));
        match self.config.proof {
            Proof::Verified => info!(%chain, height, %block, %after, "solved a block"),
            Proof::None => info!(%chain, height, %block, %after, "handing work in unsolved"),
        }
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
                let node = submission.job.node;
                if self.nodes[node.0].unsolved.take() == Answer::News {
                    info!(node = node.0, "the node takes unsolved work now");
                }
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
            Err(error @ Error::Refused(Refusal::InvalidPow { .. }))
                if self.config.proof == Proof::None =>
            {
                self.counters.solutions_rejected += 1;
                debug!(%chain, height, %block, "the node refused unsolved work");
                self.unsolved_refused(now, submission.job.node, &error);
            }
            Err(error) => {
                self.counters.solutions_rejected += 1;
                let header = const_hex::encode(submission.header.as_bytes());
                error!(%chain, height, %block, %error, header, "the node refused the solution");
            }
        }
    }

    /// The node checks what the worker does not do. All work of the node is dropped, so that no more of it is refused.
    fn unsolved_refused(&mut self, now: Instant, id: NodeId, error: &Error) {
        let timing = self.config.timing;
        if self.nodes[id.0].unsolved.refuse(now, &timing) == Answer::News {
            error!(
                node = id.0, %error, again_in = %About(timing.misconfigured_retry),
                "the node checks proof of work, and the workers simulation, constant-delay and on-demand hand work in \
                 unsolved: start the node, of a development network, with --disable-pow (since chainweb-node 2.19.2 the \
                 environment variable DISABLE_POW_VALIDATION does nothing), or hash with --worker cpu or stratum"
            );
        }
        for job in self.live.retire_of(id) {
            self.retired(&job, Retired::ProofRequired);
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
fn fault(
    now: Instant,
    solution: &Solution,
    header: &WorkHeader,
    proof: Proof,
) -> Option<&'static str> {
    let job = &solution.job;
    let held = job.work.header().creation_time()..=job.creation_time_at(now);
    if !held.contains(&solution.creation_time) {
        return Some("its time lies outside that for which the job has been held");
    }
    match proof {
        Proof::None => None,
        Proof::Verified => (!pow::verify(header, &job.work.target()))
            .then_some("its hash does not meet the target"),
    }
}
