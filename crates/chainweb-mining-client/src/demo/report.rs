//! The result of a demonstration, as text and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use chainweb::ChainId;
use miner::telemetry::Snapshot;
use miner::units::{About, HashRate};
use pow::Kernel;
use serde::Serialize;
use simnet::{Simnet, Tip};

use super::failover::NodesReport;

/// The result of a demonstration.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DemoReport {
    /// The time of the run in seconds.
    pub seconds: f64,
    /// The number of hashing threads.
    pub threads: usize,
    /// The name of the kernel.
    pub kernel: &'static str,
    /// Hashes per second over the run.
    pub hash_rate: f64,
    /// Hashes per second of processor time of the hashing threads.
    pub hashes_per_cpu_second: f64,
    /// Our blocks in the cut at the end.
    pub blocks_accepted: u64,
    /// The blocks that the hashes find on average.
    pub expected_blocks: Option<f64>,
    /// Our submitted blocks in whose place other blocks stood at the end, which may change.
    pub blocks_displaced: u64,
    /// Our submitted blocks that other blocks replaced for good.
    pub blocks_orphaned: u64,
    /// Our submitted blocks above the tip of their chain at the last lookup.
    pub blocks_pending: u64,
    /// Solutions rejected by the client's own check or by the node.
    pub solutions_rejected: u64,
    /// Solutions that came too late.
    pub solutions_stale: u64,
    /// Blocks of foreign miners.
    pub foreign_blocks: u64,
    /// The number of chains.
    pub chains: usize,
    /// Chains with a higher tip than at the start.
    pub chains_advanced: usize,
    /// Chains with a block of ours in the cut at the end.
    pub chains_mined: usize,
    /// Events of update streams.
    pub updates_received: u64,
    /// Jobs passed to the worker.
    pub jobs: u64,
    /// Jobs retired before they were solved.
    pub jobs_unsolved: u64,
    /// Payload refreshes.
    pub refreshes_received: u64,
    /// Requests for work that they caused.
    pub refreshes_fetched: u64,
    /// Refreshes after which the node issued the same work.
    pub refreshes_identical: u64,
    /// Jobs replaced by refreshed work.
    pub refreshes_preempted: u64,
    /// Jobs on a chain without an open update stream when their work was requested.
    pub jobs_unwatched: u64,
    /// What several nodes did; `None` for one node.
    pub nodes: Option<NodesReport>,
}

impl DemoReport {
    pub(super) fn new(
        threads: NonZeroUsize,
        kernel: Kernel,
        snapshot: &Snapshot,
        tips_before: &BTreeMap<ChainId, Tip>,
        simnet: &Simnet,
        nodes: Option<NodesReport>,
    ) -> Self {
        let Snapshot {
            counters, elapsed, ..
        } = snapshot;
        let hashed = snapshot.hashing.counted;
        let tips = simnet.tips();
        let report = simnet.report();
        let mined: BTreeSet<ChainId> = report.own_in_cut.iter().map(|block| block.chain).collect();
        let advanced = |(chain, tip): &(&ChainId, &Tip)| {
            tips_before
                .get(chain)
                .is_some_and(|before| before.height < tip.height)
        };
        Self {
            seconds: elapsed.as_secs_f64(),
            threads: threads.get(),
            kernel: kernel.name(),
            hash_rate: HashRate::of(hashed.hashes, *elapsed).0,
            hashes_per_cpu_second: HashRate::of(hashed.hashes, hashed.cpu_time).0,
            blocks_accepted: counters.blocks.accepted,
            expected_blocks: snapshot.work.expected,
            blocks_displaced: counters.blocks.displaced,
            blocks_orphaned: counters.blocks.orphaned,
            blocks_pending: counters.blocks.pending,
            solutions_rejected: counters.solutions_rejected,
            solutions_stale: counters.solutions_stale,
            foreign_blocks: report.tally.foreign_blocks,
            chains: tips.len(),
            chains_advanced: tips.iter().filter(advanced).count(),
            chains_mined: mined.len(),
            updates_received: counters.updates_received,
            jobs: counters.jobs,
            jobs_unsolved: counters.jobs_retired.unsolved(),
            refreshes_received: counters.refreshes.received,
            refreshes_fetched: counters.refreshes.fetches,
            refreshes_identical: counters.refreshes.identical,
            refreshes_preempted: counters.refreshes.preempted,
            jobs_unwatched: counters.unwatched_jobs,
            nodes,
        }
    }
}

/// Four lines for people, and those of several nodes: what happened, and what to try next.
impl fmt::Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = About(Duration::try_from_secs_f64(self.seconds).unwrap_or_default());
        let undecided = self.blocks_pending + self.blocks_displaced;
        let found = self.blocks_accepted
            + self.blocks_orphaned
            + undecided
            + self.solutions_stale
            + self.solutions_rejected;
        writeln!(
            f,
            "In {time}, {} (kernel {}) computed {} and found {}.",
            counted(self.threads as u64, "thread"),
            self.kernel,
            HashRate(self.hash_rate),
            counted(found, "block"),
        )?;
        writeln!(
            f,
            "Of these, {} are in the chains, {} replaced, {} too late, {} rejected, {} undecided.",
            self.blocks_accepted,
            self.blocks_orphaned,
            self.solutions_stale,
            self.solutions_rejected,
            undecided,
        )?;
        writeln!(
            f,
            "Other miners found {}; {} of {} chains grew, {} by blocks of ours.",
            counted(self.foreign_blocks, "block"),
            self.chains_advanced,
            self.chains,
            self.chains_mined,
        )?;
        if let Some(nodes) = &self.nodes {
            writeln!(f, "{nodes}")?;
        }
        f.write_str(
            "Next: --generate-key makes a key, doctor checks a node, --help lists the rest.",
        )
    }
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::DemoReport;

    #[test]
    fn the_end_of_the_demo_is_four_plain_lines() {
        let report = DemoReport {
            seconds: 20.0,
            threads: 2,
            kernel: "avx2",
            hash_rate: 87.5e6,
            hashes_per_cpu_second: 44e6,
            expected_blocks: Some(64.0),
            blocks_accepted: 60,
            blocks_displaced: 1,
            blocks_orphaned: 1,
            blocks_pending: 1,
            solutions_rejected: 0,
            solutions_stale: 3,
            foreign_blocks: 1,
            chains: 20,
            chains_advanced: 20,
            chains_mined: 19,
            updates_received: 181,
            jobs: 66,
            jobs_unsolved: 4,
            refreshes_received: 0,
            refreshes_fetched: 0,
            refreshes_identical: 0,
            refreshes_preempted: 0,
            jobs_unwatched: 2,
            nodes: None,
        };
        let expected = "\
In 20 s, 2 threads (kernel avx2) computed 87.5 MH/s and found 66 blocks.
Of these, 60 are in the chains, 1 replaced, 3 too late, 0 rejected, 2 undecided.
Other miners found 1 block; 20 of 20 chains grew, 19 by blocks of ours.
Next: --generate-key makes a key, doctor checks a node, --help lists the rest.";
        assert_eq!(report.to_string(), expected);
    }
}
