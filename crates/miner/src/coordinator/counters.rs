//! What has happened since the start, for logs and reports.

use std::time::Duration;

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

/// What payloads led to that were renewed under a block yet to be mined. Each that was told of has one outcome:
/// `heard = preempted + identical + skipped + pending`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshTally {
    /// `Refreshed Block` events.
    pub heard: u64,
    /// Requests for work that they caused: what reacting costs.
    pub fetches: u64,
    /// Newer work took the place of the job.
    pub preempted: u64,
    /// The fetch gave the work that was held, which went on.
    pub identical: u64,
    /// Nothing was held on the chain, a fetch was to come for an earlier one anyway, or the job was over before it came.
    pub skipped: u64,
    /// The fetch is yet to come.
    pub pending: u64,
    /// How long jobs were mined that were then replaced, from the first newer payload on: what waiting costs.
    pub outdated: Duration,
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
    /// What renewed payloads led to.
    pub refreshes: RefreshTally,
    /// What became of the blocks taken.
    pub blocks: BlockTally,
}
