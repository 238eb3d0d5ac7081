//! Merkle trees with SHA-512/256 in the shape of RFC 6962, §2.1.
//!
//! The hash of a leaf covers a zero byte and the leaf, that of a node a one byte and the hashes of
//! its children. A list is split at the largest power of two below its length
//! (kadena-io/chainweb-node, `src/Chainweb/Crypto/MerkleLog.hs`).

use sha2::{Digest, Sha512_256};

type Hash = [u8; 32];

/// Returns the hash of a leaf behind its tag, which is big-endian.
pub(crate) fn tagged_leaf(tag: u16, bytes: &[u8]) -> Hash {
    Sha512_256::new()
        .chain_update([0])
        .chain_update(tag.to_be_bytes())
        .chain_update(bytes)
        .finalize()
        .into()
}

/// Returns the hash of a leaf without a tag.
pub(crate) fn untagged_leaf(bytes: &[u8]) -> Hash {
    Sha512_256::new()
        .chain_update([0])
        .chain_update(bytes)
        .finalize()
        .into()
}

/// Returns the root over the hashes of one or more leaves.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [leaf] => *leaf,
        _ => {
            debug_assert!(!leaves.is_empty(), "a tree has a leaf");
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
