//! Answers to `/info`: which network a node serves, and what follows if it is another one.

use std::time::{Duration, Instant};

use chainweb::ChainId;
use node::{Error, Info};

use super::action::Action;
use super::event::Seq;
use super::node_state::Suspicion;
use super::state::Coordinator;
use super::stream::Shown;
use crate::job::NodeId;
use crate::telemetry::event::{NodeEvent, RequestKind, Retirement, Untracked};

/// The shortest time between reports that a network was reset.
const RESETS: Duration = Duration::from_mins(1);

impl Coordinator {
    pub(super) fn identified(&mut self, id: NodeId, result: Result<Info, Error>) {
        let Some(info) = self.answered(id, RequestKind::Info, result) else {
            return;
        };
        let node = &mut self.nodes[id.0];
        let suspicion = node.suspicion.take();
        if self.is_stopping {
            return;
        }
        let known = node.info.as_ref();
        let has_other_chains =
            known.is_none_or(|known| (&known.chains, &known.graph) != (&info.chains, &info.graph));
        match &mut node.info {
            Some(known) if known.version == info.version => {
                // A network that was reset under its old name may have other chains.
                *known = info;
                if has_other_chains {
                    node.peer.trust_work();
                }
                if suspicion == Some(Suspicion::Restart) {
                    self.restarted(id);
                }
                if has_other_chains {
                    self.show_network(id);
                }
            }
            _ => self.enter_network(id, info),
        }
        if has_other_chains {
            self.ask_for_chains_again(id);
        }
        self.note_networks();
        self.choose_network();
        self.subscribe_all(id);
    }

    /// Opens the update streams of a node of the network, as far as it has none.
    pub(super) fn subscribe_all(&mut self, id: NodeId) {
        let node = &self.nodes[id.0];
        let info = node.info.as_ref().filter(|_| node.is_of_network);
        for chain in info.map(|info| info.chains.clone()).unwrap_or_default() {
            self.subscribe(id, chain);
        }
    }

    /// The node was perhaps restarted: it may have other flags and have discarded the payloads of
    /// its jobs, and updates may have been missed.
    fn restarted(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.0];
        node.restarted = Some(self.now);
        node.peer.trust_work();
        node.refused_proofs = 0;
        node.work.release();
        node.pow_required_until = node.pow_required_until.map(|_| self.now);
        for live in self.live.of(id) {
            live.due = self.now;
            live.suspect(self.seq);
        }
        self.live.forget_insurer(id);
        self.reopen_suspect(id);
    }

    /// The node serves a network other than the known one.
    fn enter_network(&mut self, id: NodeId, info: Info) {
        let (version, chains) = (info.version.clone(), info.chains.len());
        let node = &mut self.nodes[id.0];
        let Some(known) = node.begin(self.seq, info) else {
            self.report_node(id, NodeEvent::NetworkIdentified { version, chains });
            self.show_network(id);
            return;
        };
        let event = NodeEvent::NetworkChanged {
            from: known.version,
            version,
            chains,
        };
        self.report_node(id, event);
        self.live.forget_insurer(id);
        self.retire(Retirement::NetworkChanged, |live| live.job.node == id);
        self.publish();
        self.actions.push(Action::Unsubscribe { node: id });
        for submission in self.submissions.network_changed(id) {
            self.tracker
                .count_unknown(submission.block(), Untracked::NetworkChanged);
        }
        if !self.has_several_nodes() {
            self.tracker.untrack(Untracked::NetworkChanged, |_| true);
        }
        self.show_network(id);
    }

    /// An answer to the request of `requested` showed the height of a chain's next block.
    pub(super) fn height_shown(
        &mut self,
        id: NodeId,
        (chain, height): (ChainId, u64),
        (requested, requested_at): (Seq, Option<Instant>),
    ) {
        let (now, node) = (self.now, &mut self.nodes[id.0]);
        let shown = Shown {
            requested,
            requested_at: requested_at.unwrap_or(now),
            height,
        };
        let reset = node.show(now, &self.config.timing, chain, shown);
        // Several nodes of different heights may answer at one address.
        let is_due = node.reset_reported.is_none_or(|at| at + RESETS <= now);
        if let Some(from) = reset.filter(|_| is_due) {
            node.reset_reported = Some(now);
            let event = NodeEvent::NetworkReset {
                version: node.version(),
                chain,
                from,
                to: height,
            };
            self.report_node(id, event);
        }
    }
}
