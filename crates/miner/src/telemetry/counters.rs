//! Totals since the start.

use std::collections::BTreeMap;
use std::time::Duration;

use stratum::Durations;

use super::event::Retirement;

/// Totals of the coordinator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Jobs published to the worker.
    pub jobs: u64,
    /// Of these, jobs whose chain had no open update stream when their work was requested.
    pub unwatched_jobs: u64,
    /// Of these, jobs whose payload another node holds as well.
    pub insured_jobs: u64,
    /// The time without a live job since the first one, while the worker wanted some. It is added
    /// when the next one is there.
    pub without_jobs: Duration,
    /// Jobs removed from the live set, by reason.
    pub jobs_retired: RetiredJobs,
    /// The ages of jobs when they were removed from the live set, from the arrival of their work.
    pub job_age: Durations,
    /// `New Cut` and `Refreshed Block` events.
    pub updates_received: u64,
    /// Valid solutions, all of which were submitted.
    pub solutions: u64,
    /// Solutions that wait for the answer of the node.
    pub solutions_open: u64,
    /// Solutions for which a node returned success. Their blocks need not be in the cut.
    pub solutions_submitted: u64,
    /// Solutions that only another node than the issuer took.
    pub twins_taken: u64,
    /// Solutions whose work the node no longer had.
    pub solutions_stale: u64,
    /// Solutions rejected by the client's own check or by the node.
    pub solutions_rejected: u64,
    /// Outcomes of payload refreshes.
    pub refreshes: RefreshCounts,
    /// Blocks of ours by their last known place.
    pub blocks: BlockCounts,
    /// Totals of the nodes, in the order of the configuration.
    pub nodes: Vec<NodeCounts>,
}

/// Totals of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeCounts {
    /// Jobs made of its work.
    pub jobs: u64,
    /// Our blocks that the node was the first to take.
    pub blocks_taken: u64,
    /// Jobs that the node was the first to outdate, by its update stream or its cut.
    pub first_events: u64,
    /// The sum of the heights of its chains, as its last cut and works since then show them. `None`
    /// while that of a chain is unknown.
    pub cut_height: Option<u64>,
    /// Update streams that are open.
    pub streams_open: usize,
}

/// Submitted blocks by their last known place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockCounts {
    /// In the cut of their node.
    pub accepted: u64,
    /// Another block stands at their height for now.
    pub displaced: u64,
    /// Another block stands at their height for good.
    pub orphaned: u64,
    /// Not looked up yet, or above the tip of their chain.
    pub pending: u64,
    /// No longer tracked, and never seen in the cut.
    pub unknown: u64,
}

/// Outcomes of payload refreshes. Every refresh is counted in exactly one of `preempted`,
/// `identical`, `skipped` and `pending`, which add up to `received`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshCounts {
    /// `Refreshed Block` events.
    pub received: u64,
    /// Requests for work caused by them: the cost of reacting.
    pub fetches: u64,
    /// Newer work replaced the job.
    pub preempted: u64,
    /// The node issued the same work again, and the job went on.
    pub identical: u64,
    /// No job was live on the chain, an earlier refresh was pending, or the job was retired before
    /// the fetch.
    pub skipped: u64,
    /// The fetch is still to come.
    pub pending: u64,
    /// The total time for which jobs were mined after their first refresh until newer work replaced
    /// them: the cost of waiting.
    pub outdated: Duration,
}

/// Retired jobs by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetiredJobs(BTreeMap<Retirement, u64>);

impl RetiredJobs {
    /// Counts a retired job.
    pub(crate) fn count(&mut self, reason: Retirement) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// Returns the reasons for which jobs were retired, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Retirement, u64)> {
        self.0.iter().map(|(&reason, &count)| (reason, count))
    }

    /// Returns the number of jobs retired by the node or the network: all but the solved, the
    /// unwanted and those live when the program stopped.
    pub fn unsolved(&self) -> u64 {
        let ended = [
            Retirement::Solved,
            Retirement::Unwanted,
            Retirement::Stopping,
        ];
        self.iter()
            .filter(|(reason, _)| !ended.contains(reason))
            .map(|(_, count)| count)
            .sum()
    }
}
