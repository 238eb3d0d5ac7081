//! Answers to `/info`: which network a node serves, and what follows if it is another one.

use std::time::Instant;

use chainweb::ChainId;
use node::Error;

use super::action::Action;
use super::event::Identity;
use super::node_state::Suspicion;
use super::seq::Seq;
use super::state::Coordinator;
use crate::job::NodeId;
use crate::telemetry::event::{NodeEvent, RequestKind, Retirement, Untracked};

impl Coordinator {
    pub(super) fn identified(&mut self, now: Instant, id: NodeId, result: Result<Identity, Error>) {
        let seq = self.newest_seq.advance();
        let Some(identity) = self.answered(now, id, RequestKind::Info, result) else {
            return;
        };
        let node = &mut self.nodes[id.0];
        let suspicion = node.suspicion.take();
        if self.is_stopping {
            return;
        }
        let chains = identity.chains.clone();
        match &mut node.identity {
            Some(known) if known.version == identity.version => {
                // A network that was reset under its old name may have other chains.
                let has_other_chains = *known != identity;
                *known = identity;
                if suspicion == Some(Suspicion::Restart) {
                    node.pow.end_pause(now);
                    self.live.suspect_all(now, id, seq);
                    self.reopen_streams(id, seq);
                }
                if has_other_chains {
                    self.show_network(id, seq);
                }
            }
            _ => self.enter_network(id, seq, identity),
        }
        for chain in chains {
            self.subscribe(id, chain);
        }
    }

    /// The node serves a network other than the known one.
    fn enter_network(&mut self, id: NodeId, seq: Seq, identity: Identity) {
        let node = &mut self.nodes[id.0];
        let from = node.identity.as_ref().map(|known| known.version.clone());
        let (version, chains) = (identity.version.clone(), identity.chains.len());
        node.begin(seq, identity);
        match from {
            None => self.report_node(id, NodeEvent::NetworkIdentified { version, chains }),
            Some(from) => {
                let event = NodeEvent::NetworkChanged {
                    from,
                    version,
                    chains,
                };
                self.report_node(id, event);
                self.leave_network(id);
            }
        }
        self.show_network(id, seq);
    }

    /// Drops everything of the node's former network.
    fn leave_network(&mut self, id: NodeId) {
        for job in self.live.take_node(id) {
            self.retired(&job, Retirement::NetworkChanged);
        }
        self.publish();
        self.actions.push(Action::Unsubscribe { node: id });
        for submission in self.submissions.network_changed(id) {
            self.tracker
                .count_unknown(submission.block(), Untracked::NetworkChanged);
        }
        self.tracker.network_changed(id);
    }

    /// Records the height of a chain's next block, and reports a reset.
    pub(super) fn observe_height(&mut self, id: NodeId, chain: ChainId, height: u64) {
        let node = &mut self.nodes[id.0];
        if let Some(reset) = node.observe_height(chain, height)
            && let Some(identity) = &node.identity
        {
            let event = NodeEvent::NetworkReset {
                version: identity.version.clone(),
                chain: reset.chain,
                from: reset.from,
                to: reset.to,
            };
            self.report_node(id, event);
        }
    }
}
