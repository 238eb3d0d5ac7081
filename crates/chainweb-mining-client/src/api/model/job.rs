//! The live jobs.

use miner::job::Job as Live;
use miner::telemetry::Snapshot;
use serde::Serialize;
use utoipa::ToSchema;

use super::rounded;
use crate::api::clock::Clock;

/// The jobs that can be solved now, newest first, at most one per chain.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Jobs {
    /// The jobs.
    jobs: Vec<Job>,
}

/// A job: a block to be mined.
#[derive(Debug, Serialize, ToSchema)]
struct Job {
    /// Its number in this run.
    id: u64,
    /// The address of the node that issued it.
    node: String,
    /// The chain of the block.
    chain: u32,
    /// The height of the block.
    height: u64,
    /// The hash of its parent, in base64url.
    parent: String,
    /// The mean number of hashes for a solution.
    difficulty: f64,
    /// When it arrived.
    received_unix_ms: i64,
}

impl Jobs {
    pub(crate) fn new(snapshot: &Snapshot, clock: &Clock) -> Self {
        let job = |live: &std::sync::Arc<Live>| {
            let header = live.work.header();
            Job {
                id: live.id.0,
                node: snapshot.nodes[live.node.0].address.clone(),
                chain: live.chain().get(),
                height: header.height(),
                parent: header.parent().to_string(),
                difficulty: rounded(live.work.target().difficulty().as_f64()),
                received_unix_ms: clock.unix_ms(live.received),
            }
        };
        Self {
            jobs: snapshot.jobs.iter().map(job).collect(),
        }
    }
}
