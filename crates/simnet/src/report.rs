//! Outcomes of submissions, and counts of blocks.

use chainweb::{BlockHash, ChainId};

/// The last block of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Height of the block.
    pub height: u64,
    /// Hash of the block.
    pub hash: BlockHash,
}

/// A block submitted through the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnBlock {
    /// Chain of the block.
    pub chain: ChainId,
    /// Height of the block.
    pub height: u64,
    /// Hash of the block.
    pub hash: BlockHash,
}

/// Counts of submissions and blocks.
///
/// A submission increments exactly one of `accepted`, `stale`, `frozen`, `invalid`, `bad_pow`,
/// `unknown_payload` and `malformed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Solutions that became blocks of the cut.
    pub accepted: u64,
    /// Accepted blocks that a reorganisation later removed from the cut.
    pub orphaned_later: u64,
    /// Solutions answered with 200 whose parents had already been replaced; they are no blocks.
    pub stale: u64,
    /// Solutions answered with 200 by a node whose cut stands; they are no blocks.
    pub frozen: u64,
    /// Solutions answered with 200 that then failed validation; they are no blocks and stall their
    /// chain.
    pub invalid: u64,
    /// Solutions refused with 400 because their hash is above their target.
    pub bad_pow: u64,
    /// Solutions refused with 404: their payload was never requested, already submitted, or has
    /// expired.
    pub unknown_payload: u64,
    /// Submissions refused with 400 because they are not a header.
    pub malformed: u64,
    /// Blocks of foreign miners.
    pub foreign_blocks: u64,
    /// Responses with work.
    pub(crate) works: u64,
}

impl Tally {
    /// Returns the sums of two nodes.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            orphaned_later: self.orphaned_later + other.orphaned_later,
            stale: self.stale + other.stale,
            frozen: self.frozen + other.frozen,
            invalid: self.invalid + other.invalid,
            bad_pow: self.bad_pow + other.bad_pow,
            unknown_payload: self.unknown_payload + other.unknown_payload,
            malformed: self.malformed + other.malformed,
            foreign_blocks: self.foreign_blocks + other.foreign_blocks,
            works: self.works + other.works,
        }
    }
}

/// Outcomes of all submissions, to all nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Counts since the start.
    pub tally: Tally,
    /// Submitted blocks in the current cut, oldest first; with several nodes, in the heaviest cut
    /// of any, lowest first. Only the last 100,000 accepted blocks are considered.
    pub own_in_cut: Vec<OwnBlock>,
}
