//! Judges several nodes after each event, and chooses the one that serves.
//!
//! The node that serves issues the work for free slots. A node is left at once for one that is
//! ready, and returned to when it has been ready for a minute.

use std::time::Instant;

use node::{Cut, Error, Refusal};

use super::live::Live;
use super::node_state::NodeState;
use super::state::Coordinator;
use super::tracked_block::Voter;
use crate::job::NodeId;
use crate::telemetry::event::{NodeEvent, Retirement, Untracked};
use crate::telemetry::{Event, Standing};

impl Coordinator {
    pub(super) fn has_several_nodes(&self) -> bool {
        self.nodes.len() > 1
    }

    /// Returns the ids of all nodes, in the order of preference.
    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// Returns the nodes that are ready, in the order of preference.
    pub(super) fn ready(&self) -> impl Iterator<Item = NodeId> {
        self.ids()
            .filter(|id| self.nodes[id.0].peer.standing == Standing::Ready)
    }

    /// Returns the nodes that do not only insure the jobs of others.
    pub(super) fn issuing_nodes(&self) -> &[NodeState] {
        let insurers = self.config.submit_only;
        &self.nodes[..self.nodes.len().saturating_sub(insurers)]
    }

    /// Whether a node only insures the jobs of others.
    pub(super) fn is_submit_only(&self, id: NodeId) -> bool {
        id.0 >= self.issuing_nodes().len()
    }

    /// Returns the nodes that are ready to issue work, in the order of preference.
    pub(super) fn issuers(&self) -> impl Iterator<Item = NodeId> {
        self.ready().filter(|id| !self.is_submit_only(*id))
    }

    /// Returns the node for free slots, if it can be asked for work.
    pub(super) fn preferred(&self) -> Option<NodeId> {
        let id = self.upstreams.serving;
        (self.nodes[id.0].is_ready() && self.may_give_work(id)).then_some(id)
    }

    /// Whether work of a node would be of the network, and on no fork.
    pub(super) fn may_give_work(&self, id: NodeId) -> bool {
        let standing = self.nodes[id.0].peer.standing;
        !matches!(standing, Standing::Forked | Standing::OtherNetwork)
    }

    /// Judges all nodes after an event, and changes to another one if need be.
    pub(super) fn judge_nodes(&mut self) {
        if !self.has_several_nodes() || self.is_stopping {
            return;
        }
        self.choose_network();
        let cuts = self.ids().filter_map(|id| self.trusted_cut(id));
        let progress = cuts.map(Cut::progress);
        if let Some(best) = progress.reduce(|a, b| if b.is_ahead_of(&a) { b } else { a }) {
            self.upstreams.advance(self.now, best);
        }
        // The standing of others may depend on that of the serving one.
        let serving = self.upstreams.serving;
        let others = self.ids().filter(|id| *id != serving);
        let mut is_any_new = false;
        for id in [serving].into_iter().chain(others) {
            let standing = self.standing(id);
            let (now, timing) = (self.now, self.config.timing);
            self.nodes[id.0].probe(now, &timing);
            let peer = &mut self.nodes[id.0].peer;
            let before = std::mem::replace(&mut peer.standing, standing);
            peer.ready_since = match standing {
                Standing::Ready => Some(peer.ready_since.unwrap_or(now)),
                _ => None,
            };
            if standing != before {
                is_any_new = true;
                if before.loses_blocks() {
                    self.tracker.forget(now, id);
                }
                self.report_node(id, NodeEvent::Standing { standing, before });
            }
        }
        self.choose_node();
        self.replace_lost_jobs();
        if is_any_new {
            self.tracker.judge(&self.voters());
        }
    }

    /// The network of the nodes is that of the first one identified, as long as any serves it. It
    /// is never that of nodes which only insure.
    pub(super) fn choose_network(&mut self) {
        let mut issuers = self.issuing_nodes().iter();
        let is_served =
            self.upstreams.network.is_some() && issuers.clone().any(|node| node.is_of_network);
        if is_served || !self.has_several_nodes() {
            return;
        }
        let serving = self.nodes[self.upstreams.serving.0].info.as_ref();
        let network = serving.or_else(|| issuers.find_map(|node| node.info.as_ref()));
        let network = network.cloned();
        if self.upstreams.enter(network) {
            self.tracker.untrack(Untracked::NetworkChanged, |_| true);
        }
        self.note_networks();
        for id in self.ids() {
            self.subscribe_all(id);
        }
    }

    /// Notes which nodes serve the network: it changed, or what one of them serves.
    pub(super) fn note_networks(&mut self) {
        for node in &mut self.nodes {
            let info = node.info.as_ref();
            node.is_of_network = info.is_some_and(|info| self.upstreams.is_of_network(info));
        }
    }

    fn standing(&self, id: NodeId) -> Standing {
        let (now, timing, node) = (self.now, &self.config.timing, &self.nodes[id.0]);
        let is_mute = node.is_mute(now, timing);
        if node.info.is_none() {
            return if is_mute {
                Standing::Unreachable
            } else {
                Standing::Unknown
            };
        }
        if !node.is_of_network || self.issues_foreign_work(id) {
            return Standing::OtherNetwork;
        }
        if is_mute {
            return Standing::Unreachable;
        }
        if node.peer.is_forked() {
            return Standing::Forked;
        }
        let allowed = match node.peer.standing {
            Standing::Behind => timing.behind / 2,
            _ => timing.behind,
        };
        let own = node.peer.progress();
        let behind = own.and_then(|own| self.upstreams.ahead_since(own));
        if behind.is_some_and(|since| now.saturating_duration_since(since) >= allowed) {
            return Standing::Behind;
        }
        match node.work.error() {
            Some(Error::Refused(Refusal::Unauthorized { .. })) => return Standing::Unauthorized,
            Some(Error::Refused(Refusal::NotServed { .. })) => return Standing::MiningDisabled,
            Some(_) => return Standing::NoWork,
            None if node.is_paused(now) || node.holds_work(now, timing) => {
                return Standing::NoWork;
            }
            None => {}
        }
        let is_proven = id == self.upstreams.serving
            || node.peer.agrees()
            || node.heights_of_work.is_some()
            || self.is_wanted_unproven() && !self.is_any_comparable_but(id);
        if is_proven {
            Standing::Ready
        } else {
            Standing::Unknown
        }
    }

    /// Whether a node is of use though its blocks cannot be compared: the serving one is of none,
    /// or cannot be compared either.
    fn is_wanted_unproven(&self) -> bool {
        let serving = &self.nodes[self.upstreams.serving.0];
        serving.peer.standing != Standing::Ready || serving.heights_of_work.is_some()
    }

    /// Whether the blocks of another node are, or will soon be, known for a comparison.
    fn is_any_comparable_but(&self, id: NodeId) -> bool {
        let mut others = self.nodes.iter().enumerate();
        others.any(|(at, node)| {
            let may_have_cut = !node.cut.is_failing() && node.cut_missing.is_none();
            let has_cut = may_have_cut || node.peer.cut.is_some();
            at != id.0 && has_cut && node.peer.standing.is_comparable()
        })
    }

    /// Changes to another node if the present one is of no use, or a preferred one has been ready
    /// for long.
    fn choose_node(&mut self) {
        let (now, timing, before) = (self.now, self.config.timing, self.upstreams.serving);
        let standing = self.nodes[before.0].peer.standing;
        let first = self.issuers().next();
        let next = match standing {
            // A node that does not answer is unreachable soon.
            Standing::Unknown => None,
            Standing::Ready => first.filter(|id| {
                let since = self.nodes[id.0].peer.ready_since;
                let is_proven = since.is_some_and(|since| since + timing.return_after <= now);
                *id < before && is_proven && self.upstreams.may_return(now, &timing)
            }),
            _ => first,
        };
        if let Some(node) = next {
            self.upstreams.change(now, node);
            self.nodes[node.0].work.release();
            self.report(Event::NodeChosen {
                node,
                before,
                standing,
            });
        }
    }

    /// Retires jobs that another node has passed, and once there is a job of a good node those
    /// whose blocks would be lost. The standby job takes over.
    fn replace_lost_jobs(&mut self) {
        // The cut of a node may count since it was compared with the others.
        let jobs = self.live.jobs.iter().map(|live| &live.job);
        let passed = jobs.filter(|job| self.is_job_passed(job));
        let passed: Vec<_> = passed.map(|job| job.id).collect();
        self.retire(Retirement::NewCut, |live| passed.contains(&live.job.id));
        let nodes = self.nodes.iter();
        let lost: Vec<_> = nodes
            .map(|node| node.peer.standing.loses_blocks())
            .collect();
        let is_lost = |live: &Live| lost[live.job.node.0];
        let serving = self.upstreams.serving;
        let is_of_serving = |live: &Live| live.job.node == serving;
        let is_idle = self.live.published().next().is_none();
        if is_idle
            || self.live.published().any(is_lost)
            || self.has_room() && self.live.standby().is_some_and(is_of_serving)
        {
            self.live.promote(is_lost);
        }
        if self.live.published().any(|live| !is_lost(live)) {
            self.retire(Retirement::NodeLost, is_lost);
        }
    }

    /// Whether the cut of a node counts for the places of blocks.
    pub(super) fn votes(&self, id: NodeId) -> bool {
        let is_lost = self.nodes[id.0].peer.standing.loses_blocks();
        !self.has_several_nodes() || !is_lost && self.trusted_cut(id).is_some()
    }

    /// Returns the nodes whose cuts count for the places of blocks.
    pub(super) fn voters(&self) -> Vec<Voter> {
        let voters = self.ids().filter(|id| self.votes(*id));
        voters
            .map(|id| (id, self.nodes[id.0].peer.progress()))
            .collect()
    }

    /// When answers count as missing, and when nodes are compared.
    pub(super) fn wakeups_of_nodes(&self) -> impl Iterator<Item = Instant> {
        let are_wanted = self.has_several_nodes() && !self.is_stopping;
        let nodes = self.nodes.iter().filter(move |_| are_wanted);
        let of_nodes = nodes.flat_map(|node| {
            let late = node.late(&self.config.timing);
            late.chain(node.peer.cut_due)
        });
        let of_nodes = of_nodes.chain(self.late_submissions().filter(move |_| are_wanted));
        let begun = self.upstreams.comparison.begun.filter(|_| are_wanted);
        of_nodes.chain(begun.map(|at| at + self.config.timing.fork_check))
    }
}
