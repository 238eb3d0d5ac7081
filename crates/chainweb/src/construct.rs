//! Headers made from their parents, and the first blocks of a network.
//!
//! kadena-io/chainweb-node `src/Chainweb/BlockHeader/Internal.hs`, `newBlockHeader` and
//! `makeGenesisBlockHeader`.

use std::collections::BTreeMap;

use crate::merkle::{root, untagged_leaf};
use crate::{
    AdjustmentRules, BlockHash, BlockHeader, ChainGraph, ChainId, CreationTime, HeaderFields,
    Nonce, PayloadHash, Target, Weight, WorkHeader,
};

/// Returns the header of the block after `parent`, with a nonce of zero.
///
/// `adjacent_parents` are the blocks at the height of `parent` on the adjacent chains, in any
/// order. `genesis_height` is the height of the chain's first block. The flags are the parent's: no
/// fork votes are cast.
pub fn next_header(
    rules: &AdjustmentRules,
    parent: &BlockHeader,
    adjacent_parents: &[&BlockHeader],
    genesis_height: u64,
    payload_hash: PayloadHash,
    creation_time: CreationTime,
) -> WorkHeader {
    let adjacent_work: Vec<_> = adjacent_parents
        .iter()
        .map(|header| header.work())
        .collect();
    let before = parent.work();
    let target = rules.next_target(before, &adjacent_work);
    HeaderFields {
        flags: before.flags(),
        creation_time,
        parent: parent.hash(),
        adjacents: adjacent_parents
            .iter()
            .map(|header| (header.work().chain(), header.hash()))
            .collect(),
        target,
        payload_hash,
        chain: before.chain(),
        weight: before.weight().plus(target),
        height: before.height() + 1,
        version_code: before.version_code(),
        epoch_start: rules.next_epoch_start(before, genesis_height),
        nonce: Nonce::default(),
    }
    .encode()
}

/// The parameters of a network's first blocks.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// The network's version code.
    pub version_code: u32,
    /// The graph at height 0.
    pub graph: ChainGraph,
    /// The creation time and epoch start.
    pub time: CreationTime,
    /// The first target.
    pub target: Target,
}

impl Genesis {
    /// Returns the first block of a chain of the graph; it is exempt from proof of work.
    pub fn header(&self, chain: ChainId, payload_hash: PayloadHash) -> BlockHeader {
        let parent_on = |chain| genesis_parent(self.version_code, chain);
        let adjacents: BTreeMap<_, _> = self
            .graph
            .adjacents(chain)
            .iter()
            .map(|n| (*n, parent_on(*n)))
            .collect();
        let fields = HeaderFields {
            flags: [0; 8],
            creation_time: self.time,
            parent: parent_on(chain),
            adjacents,
            target: self.target,
            payload_hash,
            chain,
            weight: Weight::ZERO,
            height: 0,
            version_code: self.version_code,
            epoch_start: self.time,
            nonce: Nonce::default(),
        };
        BlockHeader::seal(fields.encode()).expect("encoded fields record each adjacent block")
    }
}

/// Returns the hash in place of the parent of a chain's first block (`genesisParentBlockHash`).
fn genesis_parent(version_code: u32, chain: ChainId) -> BlockHash {
    BlockHash::new(root(&[
        untagged_leaf(b"CHAINWEB_GENESIS"),
        untagged_leaf(&version_code.to_le_bytes()),
        untagged_leaf(&chain.to_le_bytes()),
    ]))
}
