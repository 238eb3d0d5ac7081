//! What became of everything that was submitted.

use chainweb::{BlockHash, ChainId};

/// Where a chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The height of its last block.
    pub height: u64,
    /// The hash of its last block.
    pub hash: BlockHash,
}

/// A block that came in through the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnBlock {
    /// Its chain.
    pub chain: ChainId,
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: BlockHash,
}

/// Counts of what the network has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Solutions that became blocks of the cut.
    pub accepted: u64,
    /// Of these, how many a later re-organisation has thrown out again.
    pub orphaned_later: u64,
    /// Solutions answered 200 that came too late: no block.
    pub stale: u64,
    /// Solutions answered 200 that then failed validation: no block, and the chain is stalled.
    pub invalid: u64,
    /// Solutions refused with 400 because their hash misses their target.
    pub bad_pow: u64,
    /// Solutions refused with 404: nobody asked for such work, or it was handed in before, or it is too old.
    pub unknown_payload: u64,
    /// Submissions refused with 400 that are no headers.
    pub malformed: u64,
    /// Blocks that foreign miners brought into the cut.
    pub foreign_blocks: u64,
    /// Works handed out.
    pub works: u64,
}

/// What became of everything that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The counts.
    pub tally: Tally,
    /// The blocks that came in through the API and are in the cut now, oldest first; of the last 100 000 that came.
    pub own_in_cut: Vec<OwnBlock>,
}
