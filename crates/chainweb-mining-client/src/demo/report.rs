//! What a demonstration has come to, for people and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use chainweb::ChainId;
use pow::Kernel;
use serde::Serialize;
use simnet::{Simnet, Tip};

use miner::telemetry::Snapshot;
use miner::units::{About, HashRate};

/// The result of a demonstration.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DemoReport {
    /// Time in seconds for which the client ran.
    pub seconds: f64,
    /// Hashing threads.
    pub threads: usize,
    /// The instructions they used.
    pub kernel: &'static str,
    /// Hashes per second over the run.
    pub hash_rate: f64,
    /// Hashes per second of processor time of the hashing threads.
    pub hashes_per_cpu_second: f64,
    /// Our blocks that are in the cut at the end.
    pub blocks_accepted: u64,
    /// Our blocks that were taken but are not in the cut.
    pub blocks_orphaned: u64,
    /// Our blocks that were taken and whose chain had not reached their height when last looked up.
    pub blocks_pending: u64,
    /// Solutions that the client's own check or the node refused.
    pub solutions_rejected: u64,
    /// Solutions that came too late.
    pub solutions_stale: u64,
    /// Blocks of foreign miners.
    pub foreign_blocks: u64,
    /// Chains in the network.
    pub chains: usize,
    /// Chains whose tip is higher than at the start.
    pub chains_advanced: usize,
    /// Chains with a block of ours in the cut at the end.
    pub chains_mined: usize,
    /// Events of update streams.
    pub updates_received: u64,
    /// Jobs given to the worker.
    pub jobs: u64,
    /// Jobs retired before they were solved.
    pub preemptions: u64,
    /// Payloads that were renewed under a block yet to be mined.
    pub refreshes_heard: u64,
    /// Requests for work that they caused.
    pub refreshes_fetched: u64,
    /// Of these, those that gave the work that was held.
    pub refreshes_identical: u64,
    /// Jobs that made way for a newer payload.
    pub refreshes_preempting: u64,
    /// Jobs on a chain that no update stream covered when their work was asked for.
    pub uncovered_jobs: u64,
}

impl DemoReport {
    pub(super) fn new(
        threads: NonZeroUsize,
        kernel: Kernel,
        snapshot: &Snapshot,
        tips_before: &BTreeMap<ChainId, Tip>,
        simnet: &Simnet,
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
            preemptions: counters.jobs_retired.unsolved(),
            refreshes_heard: counters.refreshes.received,
            refreshes_fetched: counters.refreshes.fetches,
            refreshes_identical: counters.refreshes.identical,
            refreshes_preempting: counters.refreshes.preempted,
            uncovered_jobs: counters.unwatched_jobs,
        }
    }
}

/// A few lines for people.
impl fmt::Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = About(Duration::try_from_secs_f64(self.seconds).unwrap_or_default());
        writeln!(
            f,
            "{} in {time} on {} threads ({} kernel), {} per processor",
            HashRate(self.hash_rate),
            self.threads,
            self.kernel,
            HashRate(self.hashes_per_cpu_second),
        )?;
        writeln!(
            f,
            "{} of our blocks are in the cut, {} were orphaned, {} are not seen yet; {} solutions \
             came too late, {} were refused",
            self.blocks_accepted,
            self.blocks_orphaned,
            self.blocks_pending,
            self.solutions_stale,
            self.solutions_rejected,
        )?;
        writeln!(
            f,
            "{} of {} chains advanced, {} with blocks of ours; foreign miners found {} blocks",
            self.chains_advanced, self.chains, self.chains_mined, self.foreign_blocks,
        )?;
        write!(
            f,
            "{} jobs, {} retired before they were solved after {} updates, {} uncovered at first",
            self.jobs, self.preemptions, self.updates_received, self.uncovered_jobs,
        )
    }
}
