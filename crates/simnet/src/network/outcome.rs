//! Results and events of the network.

use chainweb::{BlockHash, ChainId, Work};

/// State of a chain's work in the node (`Chainweb/Miner/Coordinator.hs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priming {
    /// Work is available, if no adjacent chain is lower.
    Ready,
    /// A solution was accepted; no work until the cut changes.
    AlreadyMined,
    /// The cut has changed; the new payload is not ready yet.
    Stale,
}

/// An event of an update stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    NewCut,
    RefreshedBlock,
}

/// Result of a request for work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkAnswer {
    Work(Work),
    TooManyPayloads,
    Unauthorized,
    /// No chain has work at present.
    NotYet,
}

/// Result of a submission. The HTTP status is 400, 500 or 404 for the first four variants, 200 for
/// the others. The EVM line answers 200 also to an unknown payload and bad proof of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Solved {
    Malformed(String),
    UnknownChain,
    UnknownPayload,
    BadPow,
    /// The header's parents are no longer in the cut.
    Stale,
    Invalid(Invalid),
    /// The node's cut stands.
    Frozen,
    Accepted(BlockHash),
}

/// The rule that a solution answered with 200 violates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// The payload belongs to another chain or parent.
    Payload,
    /// The creation time is ahead of the node's clock.
    Future,
    /// The creation time is not after the times of all parents.
    NotAfterParents,
    /// The adjacent parents are not the blocks of the adjacent chains at the parent's height.
    Adjacents,
    /// The fork number is above the node's own.
    ForkNumber,
    /// Another field differs from its required value.
    Fields,
}

/// Errors of extending, reorganising, forking or refreshing chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// The network has no such chain.
    #[error("the network has no chain {0}")]
    UnknownChain(ChainId),
    /// An adjacent chain is lower.
    #[error("chain {0} cannot be extended: an adjacent chain is lower")]
    Blocked(ChainId),
    /// The tip is the genesis block, or an adjacent chain has a block above it.
    #[error("the tip of chain {0} cannot be replaced")]
    PinnedTip(ChainId),
    /// The blocks to replace are too few or too easy.
    #[error("no fork can be higher and lighter: the network has too few blocks, or too easy ones")]
    NoFork,
}
