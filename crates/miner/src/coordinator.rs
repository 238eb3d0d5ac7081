//! Decides what is mined: the state machine between the nodes and the worker.
//!
//! One event goes in with the time it happened, the actions to take come out; what is missing is worked out anew
//! after every event, so that no request is forgotten and none is made twice. The invariant: a published job is one
//! that its node could still take a solution of, as far as anything that arrived here tells.
//!
//! It knows no socket, no clock, no task and no randomness. Requests carry a [`Ticket`] from one count of everything
//! that happens, which is how it tells an update that came before a request from one that came during it.

mod action;
mod chains;
mod counters;
mod event;
mod fate;
mod gate;
mod live;
mod submission;
mod upstream;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainId, Work};
use node::{Cut, Error, Refusal, Retry, UpdateEvent};
use tracing::{debug, error, info, warn};

pub use self::action::{Action, Request};
pub use self::counters::Counters;
pub use self::event::{Event, Identity, SubmissionId, Ticket};

use self::fate::Fates;
use self::live::{LiveJobs, Offered, Retired};
use self::submission::{Submissions, Unanswered};
use self::upstream::Upstream;
use crate::job::{Job, JobId, Jobs, NodeId, Solution};
use crate::timing::Timing;

/// What a solution has to show before it is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SolutionCheck {
    /// Its hash meets the target of its work, computed without the worker's kernel.
    ProofOfWork,
}

/// The choices of the coordinator.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How many nodes there are; they are numbered from 0 in the order of preference.
    pub nodes: usize,
    /// How many jobs are held, each on a chain of its own; at least 1.
    pub work_slots: usize,
    /// What a solution has to show.
    pub check: SolutionCheck,
    /// All durations.
    pub timing: Timing,
}

/// The state machine.
#[derive(Debug)]
pub struct Coordinator {
    config: Config,
    nodes: Vec<Upstream>,
    live: LiveJobs,
    submissions: Submissions,
    fates: Fates,
    counters: Counters,
    newest_ticket: Ticket,
    published: Arc<Jobs>,
    actions: Vec<Action>,
    stopping: bool,
}

impl Coordinator {
    /// A coordinator that has not asked for anything yet; its first event, a [`Event::Tick`], makes it begin.
    pub fn new(config: Config) -> Self {
        Self {
            nodes: (0..config.nodes).map(|_| Upstream::default()).collect(),
            live: LiveJobs::default(),
            submissions: Submissions::default(),
            fates: Fates::default(),
            counters: Counters::default(),
            newest_ticket: Ticket::default(),
            published: Arc::default(),
            actions: Vec::new(),
            stopping: false,
            config,
        }
    }

    /// Takes an event in and gives the actions that follow from it and from the time.
    pub fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        match event {
            Event::Identified { node, result } => self.identified(now, node, result),
            Event::Work {
                node,
                ticket,
                result,
            } => self.work(now, node, ticket, result),
            Event::Cut {
                node,
                ticket,
                result,
            } => self.cut(now, node, ticket, result),
            Event::Update {
                node,
                subscription,
                chain,
                update,
            } => {
                self.update(node, subscription, chain, update);
            }
            Event::Solved(solution) => self.solved(now, &solution),
            Event::Submitted { submission, result } => self.submitted(now, submission, result),
            Event::Ancestors {
                node,
                chain,
                tip_height,
                result,
            } => {
                let timing = &self.config.timing;
                match result {
                    Ok(hashes) => {
                        self.fates
                            .ancestors(now, timing, node, chain, tip_height, &hashes);
                    }
                    Err(error) => {
                        debug!(%chain, %error, "the fate of blocks could not be looked up");
                        self.fates.lookup_failed(now, timing, node, chain);
                    }
                }
            }
            Event::Tick => {}
            Event::Stop => self.stop(now),
        }
        self.settle(now);
        std::mem::take(&mut self.actions)
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        Counters {
            blocks: self.fates.tally(),
            ..self.counters.clone()
        }
    }

    /// The live jobs as last published.
    pub fn jobs(&self) -> &Arc<Jobs> {
        &self.published
    }

    /// Whether, after [`Event::Stop`], nothing is left to wait for.
    pub fn is_finished(&self) -> bool {
        self.stopping && self.submissions.is_empty() && !self.fates.any_final_look_due()
    }

    /// When to call with [`Event::Tick`] if nothing happens before.
    pub fn next_wakeup(&self, now: Instant) -> Option<Instant> {
        let nodes = self.nodes.iter().flat_map(Upstream::wakeups);
        let timing = &self.config.timing;
        nodes
            .chain(self.live.wakeups(timing))
            .chain(self.submissions.wakeups())
            .chain(self.fates.wakeups())
            .filter(|at| *at > now)
            .min()
    }

    fn ticket(&mut self) -> Ticket {
        self.newest_ticket.0 += 1;
        self.newest_ticket
    }

    fn identified(&mut self, now: Instant, id: NodeId, result: Result<Identity, Error>) {
        let ticket = self.ticket();
        let node = &mut self.nodes[id.0];
        let identity = match result {
            Ok(identity) => identity,
            Err(error) => {
                if let Some(pause) = node.info.fail(now, &self.config.timing, &error) {
                    warn!(node = id.0, %error, ?pause, "the node does not say what it is; asking again");
                }
                return;
            }
        };
        if let Some(outage) = node.info.succeed(now) {
            info!(node = id.0, version = %identity.version, ?outage, "the node answers again");
        }
        node.needs_info = false;
        if node.identity.as_ref() == Some(&identity) {
            // It may have been restarted, and then has forgotten the payloads of all work.
            self.live.doubt(now, id);
            return;
        }
        info!(node = id.0, version = %identity.version, chains = identity.chains.len(), "mining for a network");
        let chains = identity.chains.clone();
        node.begin(ticket, identity);
        self.actions.push(Action::Unsubscribe { node: id });
        for chain in chains {
            self.subscribe(id, chain);
        }
        for job in self.live.retire_of(id) {
            self.retired(&job, Retired::OtherNetwork);
        }
        self.submissions.network_changed(id);
    }

    fn subscribe(&mut self, id: NodeId, chain: ChainId) {
        let node = &mut self.nodes[id.0];
        let Some(identity) = &node.identity else {
            return;
        };
        if node.chains.watch(chain) {
            self.actions.push(Action::Subscribe {
                node: id,
                version: identity.version.clone(),
                subscription: node.since,
                chain,
            });
        }
    }

    fn work(&mut self, now: Instant, id: NodeId, ticket: Ticket, result: Result<Work, Error>) {
        let timing = self.config.timing;
        let node = &mut self.nodes[id.0];
        let work = match result {
            Ok(work) => work,
            Err(error) => {
                node.doubt_after(&error);
                if let Some(pause) = node.work.fail(now, &timing, &error) {
                    warn!(node = id.0, %error, ?pause, "no work; asking again");
                }
                return;
            }
        };
        if let Some(outage) = node.work.succeed(now) {
            info!(node = id.0, ?outage, "the node gives work again");
        }
        if self.stopping || ticket < node.since {
            return;
        }
        let chain = work.chain();
        if node.chains.moved_since(chain, ticket) {
            debug!(%chain, "the chain moved while its work was on the way");
            return;
        }
        let covered = node.chains.covers(chain, ticket);
        self.subscribe(id, chain);
        let arrived = self.ticket();
        let job = Arc::new(Job {
            id: JobId(arrived.0),
            node: id,
            work,
            received: now,
        });
        let outcome = self
            .live
            .offer(now, &timing, self.config.work_slots, &job, arrived, covered);
        match outcome {
            Offered::Held => {
                self.nodes[id.0].work.pause(now + timing.held_chain_pause);
            }
            Offered::NotNeeded => {}
            Offered::Taken { replaced } => {
                self.counters.jobs += 1;
                self.counters.uncovered_jobs += u64::from(!covered);
                if let Some(old) = replaced {
                    self.retired(&old, Retired::Replaced);
                }
                debug!(
                    job = %job.id, %chain, height = job.work.header().height(), covered,
                    difficulty = %job.work.target().difficulty(), "new job"
                );
            }
        }
    }

    fn cut(&mut self, now: Instant, id: NodeId, ticket: Ticket, result: Result<Cut, Error>) {
        let timing = self.config.timing;
        let node = &mut self.nodes[id.0];
        let cut = match result {
            Ok(cut) => cut,
            Err(error) => {
                node.doubt_after(&error);
                if self.stopping {
                    self.fates.abandon_final_looks(id);
                }
                if let Some(pause) = node.cut.fail(now, &timing, &error) {
                    warn!(node = id.0, %error, ?pause, "no cut to compare work with; asking again");
                }
                return;
            }
        };
        if let Some(outage) = node.cut.succeed(now) {
            info!(node = id.0, ?outage, "the node tells its cut again");
        }
        node.cut.pause(now + timing.cut_check);
        if ticket < node.since {
            return;
        }
        for job in self
            .live
            .compare(id, ticket, &cut, |chain| node.chains.covers(chain, ticket))
        {
            self.submissions.chain_moved(id, job.chain());
            self.retired(&job, Retired::CutMoved);
        }
        let Some(identity) = &self.nodes[id.0].identity else {
            return;
        };
        for lookup in self.fates.cut(now, &timing, id, &cut) {
            let request = Request::Ancestors {
                version: identity.version.clone(),
                chain: lookup.chain,
                tip: lookup.tip,
                heights: lookup.heights,
            };
            self.actions.push(Action::Request { node: id, request });
        }
    }

    fn update(&mut self, id: NodeId, subscription: Ticket, chain: ChainId, update: UpdateEvent) {
        let ticket = self.ticket();
        let node = &mut self.nodes[id.0];
        if subscription != node.since {
            return;
        }
        match update {
            UpdateEvent::Opened => {
                node.chains.opened(chain, ticket);
                // The next look at the cut can cover the job.
                if self.live.is_uncovered_on(id, chain) {
                    node.cut.resume();
                }
            }
            UpdateEvent::NewCut => {
                self.counters.updates_received += 1;
                node.chains.moved(chain, ticket);
                node.work.resume();
                self.submissions.chain_moved(id, chain);
                if let Some(job) = self.live.retire_on(id, chain) {
                    self.retired(&job, Retired::NewCut);
                }
            }
            UpdateEvent::RefreshedBlock => {
                self.counters.updates_received += 1;
                // On nodes of the EVM line this can be the event that makes work available.
                node.work.resume();
                self.live
                    .refresh(id, chain, self.config.timing.refresh_interval);
            }
            UpdateEvent::Lost(lost) => {
                node.chains.lost(chain);
                self.live.uncover(id, chain);
                if let node::Lost::Failed(error) = lost {
                    debug!(%chain, %error, "update stream lost");
                    node.doubt_after(&error);
                }
            }
        }
    }

    fn solved(&mut self, now: Instant, solution: &Solution) {
        let job = Arc::clone(&solution.job);
        let header = solution.header();
        let (chain, height) = (job.chain(), job.work.header().height());
        // Only time and nonce can differ from the job: a solution holds nothing else.
        let stamped = job.work.header().creation_time()..=job.creation_time_at(now);
        if !stamped.contains(&solution.creation_time) {
            self.counters.solutions_rejected += 1;
            error!(
                job = %job.id, %chain, time = solution.creation_time.as_micros(),
                "the worker's solution lies outside the time that its job has been held; not handed in"
            );
            return;
        }
        match self.config.check {
            SolutionCheck::ProofOfWork if !pow::verify(&header, &job.work.target()) => {
                self.counters.solutions_rejected += 1;
                error!(
                    job = %job.id, %chain, nonce = %solution.nonce,
                    "the worker's solution does not meet its target; not handed in"
                );
                return;
            }
            SolutionCheck::ProofOfWork => {}
        }
        let Some(identity) = &self.nodes[job.node.0].identity else {
            return;
        };
        let version = identity.version.clone();
        let was_live = self.live.remove(job.id);
        let Some(id) = self.submissions.begin(&job, header.clone(), !was_live) else {
            debug!(job = %job.id, "the job is solved already");
            return;
        };
        self.counters.solutions += 1;
        info!(
            %chain, height, block = %block_name(&header),
            after = ?now.saturating_duration_since(job.received), "solved a block"
        );
        let request = Request::Submit {
            version,
            submission: id,
            header,
        };
        self.actions.push(Action::Request {
            node: job.node,
            request,
        });
    }

    fn submitted(&mut self, now: Instant, id: SubmissionId, result: Result<(), Error>) {
        let timing = self.config.timing;
        let Some(submission) = self.submissions.get(id) else {
            return;
        };
        let (chain, height) = (
            submission.job.chain(),
            submission.job.work.header().height(),
        );
        let block = block_name(&submission.header);
        let attempts = submission.attempts;
        let node = submission.job.node;
        match result {
            Ok(()) => {
                debug!(%chain, height, %block, attempts, "the node took the solution");
                self.counters.solutions_taken += 1;
                if let Some(submission) = self.submissions.end(id) {
                    self.fates
                        .follow(now, &timing, &submission.job, &submission.header);
                }
            }
            Err(error) if error.retry() == Retry::Never => {
                let stale = matches!(error, Error::Refused(Refusal::Stale));
                let Some(submission) = self.submissions.end(id) else {
                    return;
                };
                if stale && attempts > 1 {
                    info!(%chain, height, %block, attempts, "the node knows the solution no more; it may have taken it before");
                    self.fates
                        .follow(now, &timing, &submission.job, &submission.header);
                } else if stale {
                    self.counters.solutions_stale += 1;
                    info!(%chain, height, %block, "the solution came too late");
                } else {
                    self.counters.solutions_rejected += 1;
                    error!(
                        %chain, height, %block, %error,
                        header = const_hex::encode(submission.header.as_bytes()),
                        "the node refused the solution"
                    );
                }
            }
            Err(error) => {
                self.nodes[node.0].doubt_after(&error);
                match self.submissions.unanswered(now, &timing, id) {
                    None => {}
                    Some(Unanswered::Again { pause }) => {
                        warn!(%chain, height, %block, %error, attempts, ?pause, "the solution got no answer; handing it in again");
                    }
                    Some(Unanswered::TooLate(submission)) => {
                        warn!(%chain, height, %block, %error, attempts, "the solution got no answer, and its chain has moved on");
                        self.counters.solutions_stale += 1;
                        self.fates
                            .follow(now, &timing, &submission.job, &submission.header);
                    }
                }
            }
        }
    }

    fn stop(&mut self, now: Instant) {
        self.stopping = true;
        for job in self.live.retire_all() {
            debug!(job = %job.id, "job dropped: shutting down");
        }
        self.fates.take_final_look(now);
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.cut.resume();
            if !node.is_well() {
                self.fates.abandon_final_looks(NodeId(index));
            }
        }
    }

    fn retired(&mut self, job: &Job, why: Retired) {
        self.counters.preemptions += 1;
        debug!(job = %job.id, chain = %job.chain(), why = why.as_str(), "job retired");
    }

    /// Works out what is missing and asks for it.
    fn settle(&mut self, now: Instant) {
        let timing = self.config.timing;
        for job in self.live.expire(now, &timing) {
            self.retired(&job, Retired::Expired);
        }
        if !self.live.is_published(&self.published) {
            self.published = self.live.publish();
            self.actions
                .push(Action::Publish(Arc::clone(&self.published)));
        }
        for (submission, node, header) in self.submissions.due(now) {
            let Some(identity) = &self.nodes[node.0].identity else {
                continue;
            };
            let version = identity.version.clone();
            let request = Request::Submit {
                version,
                submission,
                header,
            };
            self.actions.push(Action::Request { node, request });
        }
        for index in 0..self.nodes.len() {
            self.settle_node(now, NodeId(index));
        }
    }

    fn settle_node(&mut self, now: Instant, id: NodeId) {
        // A job for each slot is fetched from the first node that is well.
        let chosen = self.nodes.iter().position(Upstream::is_well) == Some(id.0);
        let wanted = self.live.wanted(now, self.config.work_slots);
        let wants_work = chosen && wanted.is_some() && !self.stopping;
        let wants_cut = self.live.is_any_uncovered(id) || self.fates.is_look_due(now, id);
        let ticket = self.ticket();
        let node = &mut self.nodes[id.0];
        node.wants_work = wants_work;
        node.wants_cut = wants_cut;
        if node.needs_info {
            if !self.stopping && node.info.open(now) {
                self.actions.push(Action::Request {
                    node: id,
                    request: Request::Identify,
                });
            }
            return;
        }
        let Some(identity) = &node.identity else {
            return;
        };
        if wants_work && node.work.open(now) {
            let version = identity.version.clone();
            let request = Request::Work {
                version,
                ticket,
                chain: wanted.flatten(),
            };
            self.actions.push(Action::Request { node: id, request });
        }
        if wants_cut && node.cut.open(now) {
            let version = identity.version.clone();
            let request = Request::Cut { version, ticket };
            self.actions.push(Action::Request { node: id, request });
        }
    }
}

/// The hash of the block that a header makes, as far as it can be known.
fn block_name(header: &chainweb::WorkHeader) -> String {
    header.block_hash().map_or_else(
        || "(known to the node only)".to_owned(),
        |hash| hash.to_string(),
    )
}
