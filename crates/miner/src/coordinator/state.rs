//! The state of the coordinator, and the way of an event through it.
//!
//! The handlers of the events are in files of their own: `identity`, `work`, `cut`, `updates`,
//! `solution` and `demand`. After each event, `requests` works out what is missing.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainId, WorkHeader};

use super::action::Action;
use super::config::Config;
use super::event::{Event, Purpose, Seq};
use super::live::{Live, LiveJobs};
use super::node_state::NodeState;
use super::submissions::Submissions;
use super::tracker::{BlockTracker, Form};
use super::upstreams::Upstreams;
use crate::demand::Demand;
use crate::job::{Job, Jobs, NodeId};
use crate::telemetry::event::{BlockEvent, BlockRef, JobEvent, JobRef, NodeEvent, Retirement};
use crate::telemetry::{self, Counters};

/// The state machine between the nodes and the worker.
#[derive(Debug)]
pub(crate) struct Coordinator {
    pub(super) config: Config,
    pub(super) nodes: Vec<NodeState>,
    pub(super) upstreams: Upstreams,
    pub(super) live: LiveJobs,
    pub(super) submissions: Submissions,
    pub(super) tracker: BlockTracker,
    pub(super) counters: Counters,
    /// The number of the present event, then of the requests after it.
    pub(super) seq: Seq,
    /// The time of the present event.
    pub(super) now: Instant,
    published: Arc<Jobs>,
    /// Since when there is no live job though the worker wants some.
    idle_since: Option<Instant>,
    /// What the worker wants.
    pub(super) demand: Demand,
    /// When the worker last changed its demand.
    pub(super) demanded: Seq,
    /// The wanted chain in the last request for work.
    pub(super) hinted: Option<ChainId>,
    pub(super) actions: Vec<Action>,
    pub(super) is_stopping: bool,
}

impl Coordinator {
    /// Returns a coordinator without any requests. The first event should be [`Event::Tick`].
    pub(crate) fn new(now: Instant, config: Config) -> Self {
        Self {
            nodes: (0..config.nodes).map(|_| NodeState::default()).collect(),
            upstreams: Upstreams::default(),
            live: LiveJobs::default(),
            submissions: Submissions::default(),
            tracker: BlockTracker::new(&config.timing, config.nodes, config.confirmations),
            counters: Counters::default(),
            seq: Seq::default(),
            now,
            published: Arc::default(),
            idle_since: None,
            demand: Demand::default(),
            demanded: Seq::default(),
            hinted: None,
            actions: Vec::new(),
            is_stopping: false,
            config,
        }
    }

    /// Handles an event and returns the actions due after it.
    pub(crate) fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        self.now = now;
        self.seq.0 += 1;
        match event {
            Event::Identified { node, result } => self.identified(node, result),
            Event::Work { node, seq, result } => self.work(node, seq, result),
            Event::Cut { node, seq, result } => self.cut(node, seq, result),
            Event::Update {
                node,
                subscription,
                chain,
                update,
            } => self.update(node, subscription, chain, &update),
            Event::Solved(solution) => self.solved(&solution),
            Event::Restored {
                node,
                row,
                fate,
                work,
                left,
            } => self.restored(node, (row, fate), work, left),
            Event::Demand(demand) => self.demand(demand),
            Event::Submitted { node, job, result } => self.submitted(node, job, result),
            Event::Ancestors {
                node,
                seq,
                chain,
                tip_height,
                purpose,
                result,
            } => {
                if let Err(error) = &result {
                    self.nodes[node.0].suspect_after(error);
                }
                match purpose {
                    Purpose::Lookup => {
                        self.branch(node, seq, (chain, tip_height), (Form::Hashes, result));
                    }
                    Purpose::Comparison => self.compared_block(node, seq, result),
                }
            }
            Event::Headers {
                node,
                seq,
                chain,
                tip_height,
                result,
            } => {
                if let Err(error) = &result {
                    self.nodes[node.0].suspect_after(error);
                }
                self.headers(node, seq, (chain, tip_height), result);
            }
            Event::Siblings { node, job, result } => self.siblings(node, job, result),
            Event::Tick => {}
            Event::Stop => self.stop(),
        }
        self.judge_nodes();
        self.judge_orphans();
        self.request_missing();
        for event in self.tracker.take_events() {
            self.report(event);
        }
        std::mem::take(&mut self.actions)
    }

    /// Returns the totals so far.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.counters.clone();
        counters.blocks = self.tracker.counts();
        if self.nodes.iter().all(|node| node.heights_of_work.is_some()) {
            // No node shows its cut.
            let blocks = &mut counters.blocks;
            blocks.unknown += std::mem::take(&mut blocks.pending);
        }
        counters.solutions_open = self.submissions.open.len() as u64;
        counters.nodes = self.nodes.iter().map(NodeState::counts).collect();
        let pending = self.live.published().filter(|live| live.refresh.is_some());
        let refreshes = &mut counters.refreshes;
        refreshes.pending = pending.count() as u64;
        let known = refreshes.preempted + refreshes.identical + refreshes.pending;
        refreshes.skipped = refreshes.received.saturating_sub(known);
        counters
    }

    /// Returns the live jobs as last published.
    #[cfg(test)]
    pub(crate) fn jobs(&self) -> &Arc<Jobs> {
        &self.published
    }

    /// Whether the program is stopping.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// Whether submissions wait for an answer.
    pub(crate) fn is_submitting(&self) -> bool {
        !self.submissions.open.is_empty()
    }

    /// Returns the solved blocks that the node has not taken, with their headers.
    pub(crate) fn open_submissions(&self) -> impl Iterator<Item = (BlockRef, &WorkHeader)> {
        let open = self.submissions.open.values();
        open.map(|submission| (submission.block(), &submission.header))
    }

    /// Whether, after [`Event::Stop`], nothing is left to wait for.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_stopping
            && !self.is_submitting()
            && !self
                .ids()
                .any(|id| self.votes(id) && self.tracker.is_final_lookup_due(id))
    }

    /// Returns when to send [`Event::Tick`] if nothing happens before: after the last event, but
    /// not necessarily in the future.
    pub(crate) fn next_wakeup(&self) -> Option<Instant> {
        let nodes = self.nodes.iter().flat_map(NodeState::wakeups);
        nodes
            .chain(self.live.wakeups())
            .chain(self.submissions.wakeups())
            .chain(self.tracker.wakeups())
            .chain(self.wakeups_of_nodes())
            .chain(self.live.jobs.iter().filter_map(|live| {
                let (node, chain) = (&self.nodes[live.job.node.0], live.job.chain());
                node.silence_check(&self.config.timing, chain)
            }))
            // Earlier times were handled with the last event, or wait for an answer.
            .filter(|at| *at > self.now)
            .min()
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        self.retire(Retirement::Stopping, |_| true);
        self.tracker.start_final_lookups(self.now);
        for node in &mut self.nodes {
            node.cut.clear();
        }
    }

    /// Publishes the live jobs if they have changed.
    pub(super) fn publish(&mut self) {
        let live = self.live.published();
        let jobs: Vec<_> = live.map(|live| Arc::clone(&live.job)).collect();
        if !self.published.iter().eq(&jobs) {
            if let Some(since) = self.idle_since.take() {
                self.counters.without_jobs += self.now.saturating_duration_since(since);
            }
            let is_idle = jobs.is_empty() && self.demand != Demand::Nothing && !self.is_stopping;
            self.idle_since = is_idle.then_some(self.now);
            let first = self.nodes.iter().find_map(|node| node.info.as_ref());
            let info = self.upstreams.network.as_ref().or(first);
            let chains = info.and_then(|info| NonZeroUsize::new(info.chains.len()));
            self.published = Arc::new(Jobs::new(jobs).on_chains(chains).since(self.now));
            let action = Action::Publish(Arc::clone(&self.published));
            self.actions.push(action);
        }
    }

    /// Removes live jobs, counts and reports them, and returns them.
    pub(super) fn retire(
        &mut self,
        reason: Retirement,
        leaves: impl Fn(&Live) -> bool,
    ) -> Vec<Arc<Job>> {
        let retired = self.live.take(leaves);
        for job in &retired {
            job.outdate(self.now);
            self.counters.jobs_retired.count(reason);
            let age = self.now.saturating_duration_since(job.received);
            self.counters.job_age.add(age);
            self.report_job(job, JobEvent::Retired { reason });
        }
        retired
    }

    pub(super) fn report(&mut self, event: telemetry::Event) {
        self.actions.push(Action::Report(event));
    }

    pub(super) fn report_job(&mut self, job: &Job, event: JobEvent) {
        self.report(telemetry::Event::Job(JobRef::from(job), event));
    }

    pub(super) fn report_node(&mut self, node: NodeId, event: NodeEvent) {
        self.report(telemetry::Event::Node(node, event));
    }

    pub(super) fn report_block(&mut self, block: BlockRef, event: BlockEvent) {
        self.report(telemetry::Event::Block(block, event));
    }
}
