//! The hash of a block: a Merkle root over the fields of its header.
//!
//! The tree has the shape of RFC 6962 with SHA-512/256: leaves are hashed behind a zero byte and a tag of 16 bits in
//! big-endian order, nodes behind a one, and a list is split at the largest power of two below its length. Hashes of
//! other blocks and of the payload go in as they are. Order and tags: chainweb-node
//! `src/Chainweb/BlockHeader/Internal.hs` (the header's type list) and `src/Chainweb/Crypto/MerkleLog.hs`.

use sha2::{Digest, Sha512_256};

use crate::header::{RecordedAdjacents, WorkHeader};
use crate::{BlockHash, ChainId};

type Hash = [u8; 32];

fn tagged_leaf(tag: u16, bytes: &[u8]) -> Hash {
    Sha512_256::new()
        .chain_update([0])
        .chain_update(tag.to_be_bytes())
        .chain_update(bytes)
        .finalize()
        .into()
}

fn untagged_leaf(bytes: &[u8]) -> Hash {
    Sha512_256::new()
        .chain_update([0])
        .chain_update(bytes)
        .finalize()
        .into()
}

fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [leaf] => *leaf,
        _ => {
            debug_assert!(!leaves.is_empty(), "a header has fields");
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(split);
            Sha512_256::new()
                .chain_update([1])
                .chain_update(root(left))
                .chain_update(root(right))
                .finalize()
                .into()
        }
    }
}

/// The hash of the block with this header.
pub(crate) fn block_hash(header: &WorkHeader, adjacents: RecordedAdjacents<'_>) -> BlockHash {
    let mut leaves = vec![
        tagged_leaf(0x0006, &header.flags()),
        tagged_leaf(0x0007, &header.creation_time().to_le_bytes()),
        *header.parent().as_bytes(),
        tagged_leaf(0x0011, &header.target().to_le_bytes()),
        *header.payload_hash().as_bytes(),
        tagged_leaf(0x0002, &header.chain().to_le_bytes()),
        tagged_leaf(0x0004, &header.weight().to_le_bytes()),
        tagged_leaf(0x0003, &header.height().to_le_bytes()),
        tagged_leaf(0x0008, &header.version_code().to_le_bytes()),
        tagged_leaf(0x0019, &header.epoch_start().to_le_bytes()),
        tagged_leaf(0x0020, &header.nonce().to_le_bytes()),
    ];
    leaves.extend(adjacents.iter().map(|(_, hash)| *hash.as_bytes()));
    BlockHash::new(root(&leaves))
}

/// The hash that stands where the parent of a chain's first block would (`genesisParentBlockHash`).
pub(crate) fn genesis_parent(version_code: u32, chain: ChainId) -> BlockHash {
    BlockHash::new(root(&[
        untagged_leaf(b"CHAINWEB_GENESIS"),
        untagged_leaf(&version_code.to_le_bytes()),
        untagged_leaf(&chain.to_le_bytes()),
    ]))
}
