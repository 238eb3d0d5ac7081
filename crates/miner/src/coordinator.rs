//! Decides what is mined: the state machine between the nodes and the worker.
//!
//! One event goes in with the time it happened, the actions to take come out; what is missing is worked out anew
//! after every event, so that no request is forgotten and none is made twice. The invariant: a published job is one
//! that its node could still take a solution of, as far as anything that arrived here tells.
//!
//! It knows no socket, no clock, no task and no randomness. Requests carry a [`Ticket`] from one count of everything
//! that happens, which is how it tells an update that came before a request from one that came during it.

mod action;
mod answers;
mod chains;
mod counters;
mod demand;
mod event;
mod fate;
mod gate;
mod live;
mod preemption;
mod solution;
mod submission;
mod unsolved;
mod upstream;

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use chainweb::ChainId;
use node::{Error, Lost, NoAnswer, UpdateEvent};
use tracing::debug;

pub use self::action::{Action, Request};
pub use self::counters::{Counters, RefreshTally};
pub use self::event::{Event, Identity, SubmissionId, Ticket};
pub use self::preemption::Preemption;

use self::fate::Fates;
use self::live::{LiveJobs, Retired};
use self::preemption::Heard;
use self::submission::Submissions;
use self::upstream::{Doubt, Upstream};
use crate::demand::Demand;
use crate::job::{Job, Jobs, NodeId, Proof};
use crate::timing::Timing;

/// The choices of the coordinator.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many nodes there are; they are numbered from 0 in the order of preference.
    pub nodes: usize,
    /// How many jobs are held, each on a chain of its own; at least 1.
    pub work_slots: usize,
    /// When a job makes way for one with a newer payload.
    pub preemption: Preemption,
    /// What a solution must prove before it is handed in.
    pub proof: Proof,
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
    /// When the last event was handled.
    handled: Option<Instant>,
    published: Arc<Jobs>,
    /// What the worker wants.
    demand: Demand,
    /// When it last said so.
    demanded: Ticket,
    /// The wanted chain that was named last in a request for work.
    hinted: Option<ChainId>,
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
            handled: None,
            published: Arc::default(),
            demand: Demand::default(),
            demanded: Ticket::default(),
            hinted: None,
            actions: Vec::new(),
            stopping: false,
            config,
        }
    }

    /// Takes an event in and gives the actions that follow from it and from the time.
    pub fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        self.handled = Some(now);
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
                self.update(now, node, (subscription, chain), &update);
            }
            Event::Solved(solution) => self.solved(now, &solution),
            Event::Demand(demand) => self.demand(demand),
            Event::Submitted { submission, result } => self.submitted(now, submission, result),
            Event::Ancestors {
                node,
                ticket,
                chain,
                tip_height,
                result,
            } => self.ancestors(now, node, ticket, (chain, tip_height), result),
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
            refreshes: self.live.refreshes(),
            ..self.counters.clone()
        }
    }

    /// The live jobs as last published.
    pub fn jobs(&self) -> &Arc<Jobs> {
        &self.published
    }

    /// Whether solutions wait for a node to take them.
    pub fn is_handing_in(&self) -> bool {
        !self.submissions.is_empty()
    }

    /// Whether, after [`Event::Stop`], nothing is left to wait for.
    pub fn is_finished(&self) -> bool {
        self.stopping && self.submissions.is_empty() && !self.fates.any_final_look_due()
    }

    /// When to call with [`Event::Tick`] if nothing happens before: later than the last event, but not necessarily
    /// later than now.
    pub fn next_wakeup(&self) -> Option<Instant> {
        let nodes = self.nodes.iter().flat_map(Upstream::wakeups);
        nodes
            .chain(self.live.wakeups(&self.config.timing))
            .chain(self.submissions.wakeups())
            .chain(self.fates.wakeups())
            // What was due at the last event was seen to then, or waits for an answer.
            .filter(|at| self.handled.is_none_or(|handled| *at > handled))
            .min()
    }

    fn ticket(&mut self) -> Ticket {
        self.newest_ticket.0 += 1;
        self.newest_ticket
    }

    fn subscribe(&mut self, id: NodeId, chain: ChainId) {
        if self.nodes[id.0].chains.watch(chain) {
            self.listen(id, chain);
        }
    }

    fn listen(&mut self, id: NodeId, chain: ChainId) {
        let node = &self.nodes[id.0];
        let identity = node.identity.as_ref();
        self.actions.push(Action::Subscribe {
            node: id,
            version: identity
                .expect("chains are learnt from a node that has told its network")
                .version
                .clone(),
            subscription: node.subscription,
            chain,
        });
    }

    fn update(
        &mut self,
        now: Instant,
        id: NodeId,
        (subscription, chain): (Ticket, ChainId),
        update: &UpdateEvent,
    ) {
        let ticket = self.ticket();
        let node = &mut self.nodes[id.0];
        if subscription != node.subscription {
            return;
        }
        match update {
            UpdateEvent::Opened => {
                node.chains.opened(chain, ticket);
                // What it did before was not heard.
                self.live.uncover_beside(id, chain, ticket);
                // The next look at the cut can cover the job.
                if self.live.is_uncovered_on(id, chain) {
                    node.cut.resume();
                }
            }
            UpdateEvent::NewCut => {
                self.counters.updates_received += 1;
                node.chains.moved(chain, ticket);
                node.work.resume();
                if self.demand != Demand::Any {
                    node.stirred(ticket);
                }
                self.submissions.chain_moved(id, chain);
                // The cut is asked for no sooner than a pause after the last, however many chains move.
                self.live.uncover_beside(id, chain, ticket);
                if let Some(job) = self.live.retire_on(id, chain) {
                    self.retired(&job, Retired::NewCut);
                }
            }
            UpdateEvent::RefreshedBlock => {
                self.counters.updates_received += 1;
                // On nodes of the EVM line this can be the event that makes work available.
                node.work.resume();
                let heard = Heard { at: now, ticket };
                node.chains.refreshed(chain, heard);
                self.live.refresh(id, chain, self.config.preemption, heard);
            }
            UpdateEvent::Lost(lost) => {
                self.live.uncover(id, chain);
                // A node that is restarted loses all of them at once, and is not there for a while.
                let was_last = node.chains.lost(chain);
                if was_last
                    || matches!(
                        lost,
                        Lost::Failed(Error::NoAnswer(NoAnswer::Connect { .. }))
                    )
                {
                    node.suspect(Doubt::Restart);
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
        for node in &mut self.nodes {
            node.cut.hurry();
        }
    }

    fn retired(&mut self, job: &Job, why: Retired) {
        self.counters.preemptions += 1;
        debug!(job = %job.id, chain = %job.chain(), why = why.as_str(), "job retired");
    }

    fn publish(&mut self) {
        if !self.live.is_published(&self.published) {
            // All nodes are of one network.
            let identity = self.nodes.iter().find_map(|node| node.identity.as_ref());
            let chains = identity.and_then(|identity| NonZeroUsize::new(identity.chains.len()));
            self.published = Arc::new(self.live.publish().on_chains(chains));
            self.actions
                .push(Action::Publish(Arc::clone(&self.published)));
        }
    }

    /// Works out what is missing and asks for it.
    fn settle(&mut self, now: Instant) {
        let timing = self.config.timing;
        for job in self.live.expire(now, &timing) {
            self.retired(&job, Retired::Expired);
        }
        self.publish();
        self.submit_again(now);
        for index in 0..self.nodes.len() {
            self.settle_node(now, NodeId(index));
        }
    }

    /// The node that fills free slots.
    fn first_well(&self) -> Option<NodeId> {
        self.nodes.iter().position(Upstream::is_well).map(NodeId)
    }

    fn settle_node(&mut self, now: Instant, id: NodeId) {
        // Free slots are filled by the first node that is well; newer work comes from the node of the job, or from the
        // first if that is not well.
        let is_well = |id: NodeId| self.nodes[id.0].is_well();
        let is_first = self.first_well() == Some(id);
        let fills = is_first && self.has_use_for_work();
        let due = self
            .live
            .due(now, |node| node == id || is_first && !is_well(node))
            .filter(|_| !fills);
        let is_paused = self.nodes[id.0].unsolved.is_paused(now);
        let wants_work = is_well(id) && (fills || due.is_some()) && !self.stopping && !is_paused;
        let wants_view = self.wants_view(id) && !self.stopping && !is_paused;
        let wants_cut =
            wants_view || self.live.is_any_uncovered(id) || self.fates.is_look_due(now, id);
        let hint = if fills { self.next_hint() } else { due };
        let ticket = self.ticket();
        let node = &mut self.nodes[id.0];
        node.wants_work = wants_work;
        node.wants_cut = wants_cut;
        // At the end there is no time to find out more.
        if node.doubt != Doubt::None && !self.stopping {
            if node.info.open(now) {
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
            if let Some(chain) = due {
                self.live.fetches(now, chain);
            }
            let version = identity.version.clone();
            let request = Request::Work {
                version,
                ticket,
                chain: hint,
            };
            self.hinted = hint.or(self.hinted);
            self.actions.push(Action::Request { node: id, request });
        }
        if wants_cut && node.cut.open(now) {
            node.cut_asked = Some(now);
            let version = identity.version.clone();
            let request = Request::Cut { version, ticket };
            self.actions.push(Action::Request { node: id, request });
        }
    }
}
