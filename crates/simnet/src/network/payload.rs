//! The payloads of outstanding work, which the node caches.
//!
//! `/work` inserts or renews an entry. The first solution with its payload hash removes it,
//! valid or not (`publishWork` in `Chainweb/Miner/Coordinator.hs`). Expired entries are
//! dropped at the next pruning, not the moment they expire.

use chainweb::{BlockHash, ChainId, CreationTime, PayloadHash};
use sha2::{Digest, Sha512_256};

use crate::config::Miner;

/// A cached payload: the block that it was made for, and the account that it pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) chain: ChainId,
    pub(crate) parent: BlockHash,
    pub(crate) account: String,
    pub(crate) inserted: CreationTime,
}

/// Returns the payload hash of some parts: SHA-512/256 over the seed and the length-prefixed parts.
pub(crate) fn payload_hash<'a>(
    seed: u64,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> PayloadHash {
    let mut digest = Sha512_256::new();
    digest.update(seed.to_le_bytes());
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    PayloadHash::new(digest.finalize().into())
}

/// Returns the hash of the payload that pays `miner` for the block after `parent`, after this
/// number of refreshes.
pub(crate) fn payload_for(
    seed: u64,
    parent: BlockHash,
    miner: &Miner,
    refreshes: u64,
) -> PayloadHash {
    let refreshes = refreshes.to_le_bytes();
    let fixed: [&[u8]; 4] = [
        parent.as_bytes(),
        miner.account.as_bytes(),
        miner.predicate.as_bytes(),
        &refreshes,
    ];
    payload_hash(
        seed,
        fixed
            .into_iter()
            .chain(miner.public_keys.iter().map(String::as_bytes)),
    )
}
