//! Totals since the start.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::Retirement;

/// Totals of the coordinator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Jobs that went live.
    pub jobs: u64,
    /// Of these, jobs whose chain had no open update stream when their work was requested.
    pub unwatched_jobs: u64,
    /// Jobs that left the live set, by reason.
    pub jobs_retired: RetiredJobs,
    /// `New Cut` and `Refreshed Block` events.
    pub updates_received: u64,
    /// Solutions that passed the check and were submitted.
    pub solutions: u64,
    /// Solutions for which a node answered success. It does not mean that their blocks are in the cut.
    pub solutions_submitted: u64,
    /// Solutions that came too late for their node.
    pub solutions_stale: u64,
    /// Solutions that the client's own check or the node rejected.
    pub solutions_rejected: u64,
    /// Outcomes of payload refreshes.
    pub refreshes: RefreshCounts,
    /// Blocks of ours by their last known place.
    pub blocks: BlockCounts,
}

/// Submitted blocks by their last known place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockCounts {
    /// In the cut of their node.
    pub accepted: u64,
    /// Replaced by another block at their height.
    pub orphaned: u64,
    /// Not looked up yet, or above the tip of their chain.
    pub pending: u64,
    /// No longer tracked, and never seen in the cut.
    pub unknown: u64,
}

/// Outcomes of payload refreshes. Every refresh is counted in exactly one of `preempted`, `identical`, `skipped` and
/// `pending`, which add up to `received`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshCounts {
    /// `Refreshed Block` events.
    pub received: u64,
    /// Requests for work that they caused: the cost of reacting.
    pub fetches: u64,
    /// Newer work replaced the job.
    pub preempted: u64,
    /// The node issued the same work again, and the job went on.
    pub identical: u64,
    /// No job was live on the chain, an earlier refresh was pending, or the job was retired before the fetch.
    pub skipped: u64,
    /// The fetch is still to come.
    pub pending: u64,
    /// The total time for which jobs were mined after their first refresh until newer work replaced them: the cost of
    /// waiting.
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

    /// Returns the number of jobs that were retired for the reason.
    pub fn of(&self, reason: Retirement) -> u64 {
        self.0.get(&reason).copied().unwrap_or_default()
    }

    /// Returns the number of jobs that were retired while the worker could still have solved them: not those that were
    /// solved, no longer wanted, or live when the program stopped.
    pub fn unsolved(&self) -> u64 {
        let ended = [
            Retirement::Solved,
            Retirement::Unwanted,
            Retirement::Stopping,
        ];
        let counts = self.0.iter();
        counts
            .filter(|(reason, _)| !ended.contains(reason))
            .map(|(_, count)| count)
            .sum()
    }
}
