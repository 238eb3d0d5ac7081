//! The words in which the network answers.

use chainweb::{BlockHash, ChainId, Work};

/// How far the node is with new work for a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priming {
    /// Work can be had, if the neighbours allow it.
    Ready,
    /// A solution was taken; no work until the cut moves on.
    AlreadyMined,
    /// The cut has moved on; the new payload is being made.
    Stale,
}

/// What an update stream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    NewCut,
    RefreshedBlock,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Update(ChainId, Update),
    /// A block entered the cut; foreign if it has no account.
    Block {
        chain: ChainId,
        height: u64,
        hash: BlockHash,
        account: Option<String>,
    },
}

/// The answer to a request for work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkAnswer {
    Work(Work),
    TooManyPayloads,
    Unauthorized,
    /// No chain has work now; one will.
    NotYet,
}

/// What became of a solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Solved {
    Malformed(String),
    UnknownPayload,
    BadPow,
    /// From here on the answer is 200.
    Stale,
    Invalid(Invalid),
    Accepted(BlockHash),
}

/// Why a solution that was answered 200 is no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// The payload was made for another chain or parent.
    Payload,
    /// The creation time is ahead of the node's clock.
    Future,
    /// The creation time is not after those of all parents.
    NotAfterParents,
    /// The adjacent parents are not those of the graph, at the parent's height.
    Adjacents,
    /// Another field is not what the rules give.
    Fields,
}

/// Why a chain cannot be moved as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// The network has no such chain.
    #[error("the network has no chain {0}")]
    UnknownChain(ChainId),
    /// A neighbour is lower than the chain.
    #[error("chain {0} has to wait for a neighbour")]
    Blocked(ChainId),
    /// A neighbour stands on the chain's tip, or the tip is the genesis block.
    #[error("the tip of chain {0} cannot be replaced")]
    FirmTip(ChainId),
}
