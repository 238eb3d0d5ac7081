//! The live jobs.

use miner::job::{Job as Live, JobId, NodeId};
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
    /// The addresses of other nodes that can take its solution.
    insured_by: Vec<String>,
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
        let address = |node: NodeId| snapshot.nodes[node.0].address.clone();
        let insured_by = |id: JobId| {
            let nodes = snapshot.insured.get(&id).into_iter().flatten();
            nodes.copied().map(address).collect()
        };
        let job = |live: &std::sync::Arc<Live>| {
            let header = live.work.header();
            Job {
                id: live.id.0,
                node: address(live.node),
                insured_by: insured_by(live.id),
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
