//! What is known of the chains, for people to look at.

use std::collections::BTreeMap;

use super::state::Coordinator;
use crate::telemetry::snapshot::ChainSnapshot;

impl Coordinator {
    /// Returns what is known of the chains of the network. All nodes are of one.
    pub(crate) fn chains(&self) -> Vec<ChainSnapshot> {
        let mut chains = BTreeMap::new();
        for node in &self.nodes {
            let Some(info) = &node.info else {
                continue;
            };
            for chain in &info.chains {
                let of_chain = chains.entry(*chain).or_insert_with(|| ChainSnapshot {
                    chain: *chain,
                    adjacents: Vec::new(),
                    height: None,
                    changed: None,
                    is_watched: false,
                });
                if let Some(graph) = &info.graph {
                    of_chain.adjacents = graph.adjacents(*chain).to_vec();
                }
                if let Some((tip, is_watched)) = node.streams.tip(*chain) {
                    if tip.height > of_chain.height {
                        (of_chain.height, of_chain.changed) = (tip.height, tip.changed);
                    }
                    of_chain.is_watched |= is_watched;
                }
            }
        }
        chains.into_values().collect()
    }
}
