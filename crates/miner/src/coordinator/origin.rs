//! Of which network work is: a node, or something in between, may name one and issue work of
//! another.
//!
//! The chain and the adjacent chains have to be those of `/info`, the parent not far from the tip
//! in the node's own cut, and the network's code in the header that of most nodes. No job is made
//! of other work.

use chainweb::{Adjacents, WorkHeader};
use node::{Cut, Info, Version};

use super::node_state::Suspicion;
use super::state::Coordinator;
use crate::job::NodeId;

/// The code of the public network (kadena-io/chainweb-node, `Chainweb/Version/Mainnet.hs`).
const MAINNET: (&str, u32) = ("mainnet01", 5);

/// How many blocks a parent may be from the tip: more than come between two requests for the cut.
const FAR: u64 = 100;
/// The works in a row with a far parent, each with a cut of its own, that are of another network.
const FAR_WORKS: u32 = 3;

impl Coordinator {
    /// Notes of which network work of a node is. Returns whether it is another one.
    pub(super) fn is_foreign_work(&mut self, id: NodeId, header: &WorkHeader) -> bool {
        if !self.has_several_nodes() {
            return false;
        }
        let node = &mut self.nodes[id.0];
        node.peer.code = Some(header.version_code());
        let fits = node.info.as_ref().is_none_or(|info| fits(info, header));
        let cut = node.peer.cut.as_ref().filter(|_| !node.cut.is_failing());
        let is_far = cut.is_some_and(|cut| is_far(cut, header));
        let is_counted = std::mem::take(&mut node.peer.is_cut_new);
        node.peer.far_works = if is_far {
            node.peer.far_works + u32::from(is_counted)
        } else {
            0
        };
        if is_far && node.peer.far_works < FAR_WORKS {
            // The cut may be old.
            node.peer.cut_due = Some(self.now);
            node.cut.release();
            self.hold_work(id);
            return true;
        }
        if (is_far || !fits) && !node.peer.is_foreign {
            node.peer.is_foreign = true;
            // It may have other chains since a fork.
            node.suspect(Suspicion::OtherNetwork);
        }
        self.issues_foreign_work(id)
    }

    /// Whether a node names the network of the others, but its work is of another one.
    pub(super) fn issues_foreign_work(&self, id: NodeId) -> bool {
        let peer = &self.nodes[id.0].peer;
        let codes = peer.code.zip(self.network_code());
        peer.is_foreign || codes.is_some_and(|(own, network)| own != network)
    }

    /// Returns the network's code in headers: that of most nodes that do not only insure; at a tie,
    /// of the first one.
    fn network_code(&self) -> Option<u32> {
        let (name, code) = MAINNET;
        let network = self.upstreams.network.as_ref();
        if network.map(|network| &network.version).map(Version::as_str) == Some(name) {
            return Some(code);
        }
        let of_network = self.issuing_nodes().iter();
        let of_network = of_network.filter(|node| node.is_of_network);
        let codes: Vec<u32> = of_network.filter_map(|node| node.peer.code).collect();
        let count = |code: &u32| codes.iter().filter(|other| *other == code).count();
        // Of equal ones the last is the greatest.
        codes.iter().rev().copied().max_by_key(count)
    }

    /// A node names other chains than before, or is new: the others may have them by now, too.
    pub(super) fn ask_for_chains_again(&mut self, id: NodeId) {
        let Some(info) = self.nodes[id.0].info.clone() else {
            return;
        };
        let differs = |other: &Info| {
            let is_same = (&other.chains, &other.graph) == (&info.chains, &info.graph);
            other.version == info.version && !is_same
        };
        for node in &mut self.nodes {
            if node.info.as_ref().is_some_and(differs) {
                node.suspect(Suspicion::OtherNetwork);
            }
        }
    }
}

/// Whether a node with this `/info` can have issued work.
fn fits(info: &Info, header: &WorkHeader) -> bool {
    let chain = header.chain();
    let has_chain = info.chains.is_empty() || info.chains.contains(&chain);
    let graph = info.graph.as_ref().filter(|graph| graph.contains(chain));
    let has_adjacents = match (graph, header.adjacents()) {
        (Some(graph), Adjacents::Recorded(recorded)) => {
            let mut expected = graph.adjacents(chain).to_vec();
            expected.sort_unstable();
            recorded.iter().map(|(adjacent, _)| adjacent).eq(expected)
        }
        _ => true,
    };
    has_chain && has_adjacents
}

/// Whether the parent of a header is far from the tip of its chain.
fn is_far(cut: &Cut, header: &WorkHeader) -> bool {
    let tip = cut.tip(header.chain());
    tip.is_some_and(|tip| header.height().abs_diff(tip.height) > FAR)
}

#[cfg(test)]
mod tests {
    use chainweb::{BlockHash, ChainGraph, ChainId, HeaderFields};

    use super::*;

    #[test]
    fn work_has_the_chains_of_its_network() {
        let graph = ChainGraph::petersen();
        let chains = |ids: &[u32]| ids.iter().copied().map(ChainId::new).collect::<Vec<_>>();
        let own = graph.adjacents(ChainId::new(3)).to_vec();
        let info = Info {
            version: "development".parse().expect("a name"),
            chains: graph.chains().collect(),
            graph: Some(graph),
            block_delay: None,
            package_version: None,
            fork_number: None,
            is_evm: false,
        };
        let listed = Info {
            graph: None,
            ..info.clone()
        };
        let unknown = Info {
            chains: [].into(),
            ..listed.clone()
        };
        let check = |chain: u32, adjacents: &[ChainId], expected: [bool; 3]| {
            let recorded = adjacents.iter().map(|id| (*id, BlockHash::new([1; 32])));
            let fields = HeaderFields {
                chain: ChainId::new(chain),
                adjacents: recorded.collect(),
                ..fixtures::fields()
            };
            let header = fields.encode();
            let found = [&info, &listed, &unknown].map(|info| fits(info, &header));
            assert_eq!(found, expected, "chain {chain}, {adjacents:?}");
        };
        check(3, &own, [true, true, true]);
        check(3, &chains(&[17, 18, 19]), [false, true, true]);
        check(3, &own[..2], [false, true, true]);
        check(10, &own, [false, false, true]);
    }
}
