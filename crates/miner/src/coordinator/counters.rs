//! What has happened since the start, for logs and reports.

/// Where the blocks are that the nodes have taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockTally {
    /// In the cut of their node when last looked up.
    pub in_cut: u64,
    /// Taken, but another block stands in their place.
    pub orphaned: u64,
    /// Not looked up yet, or not in the cut yet.
    pub pending: u64,
    /// Never to be known: the block's hash is known to its node only (EVM networks), the node serves another network by
    /// now, or it was followed for too long in vain.
    pub unknown: u64,
}

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Jobs given to the worker.
    pub jobs: u64,
    /// Of these, jobs on a chain that no update stream told about when their work was asked for.
    pub uncovered_jobs: u64,
    /// Jobs that were retired before they were solved.
    pub preemptions: u64,
    /// `New Cut` and `Refreshed Block` events.
    pub updates_received: u64,
    /// Solutions that passed the check and were handed in.
    pub solutions: u64,
    /// Solutions that a node has taken; whether they become blocks shows later.
    pub solutions_taken: u64,
    /// Solutions that came too late for their node.
    pub solutions_stale: u64,
    /// Solutions that the client's own check or the node refused.
    pub solutions_rejected: u64,
    /// What became of the blocks taken.
    pub blocks: BlockTally,
}
