//! The blocks of earlier runs: which node is asked about each.

use std::time::Instant;

use chainweb::Work;

use super::Running;
use crate::coordinator::Event;
use crate::job::NodeId;
use crate::telemetry::Standing;
use crate::telemetry::event::Event as Report;

impl Running {
    /// Takes up the blocks of earlier runs that any node can be asked about.
    pub(super) fn adopt_all(&mut self) {
        if self.coordinator.is_stopping() {
            return;
        }
        for node in (0..self.clients.len()).map(NodeId) {
            let known = &self.recorder.nodes()[node.0];
            let network = known.network.as_ref();
            let network = network.filter(|_| known.standing != Standing::OtherNetwork);
            if let Some(network) = network.map(|network| network.version.to_string()) {
                self.adopt(node, &network);
            }
        }
    }

    /// Takes up the blocks of earlier runs that a node of this network can be asked about.
    fn adopt(&mut self, node: NodeId, network: &str) {
        let nodes = self
            .recorder
            .nodes()
            .iter()
            .map(|node| node.address.as_str());
        let nodes: Vec<_> = nodes.collect();
        let lifetime = self.payload_lifetime;
        let blocks = self.journal.adopt(network, (node, &nodes), lifetime);
        let submitted = blocks.iter().filter(|(_, left)| left.is_some()).count();
        if !blocks.is_empty() {
            let looked_up = blocks.len() - submitted;
            let event = Report::BlocksRestored {
                submitted,
                looked_up,
            };
            self.recorder.record(Instant::now(), event);
        }
        for (block, left) in blocks {
            if let Ok(work) = Work::new(block.header) {
                let (row, fate) = (block.row, block.fate);
                self.recorder.remember(row, block.expected);
                self.take(Event::Restored {
                    node,
                    row,
                    fate,
                    work,
                    left,
                });
            }
        }
    }
}
