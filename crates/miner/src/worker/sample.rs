//! Jobs for the tests of workers.

use std::sync::Arc;
use std::time::Instant;

use chainweb::{
    BlockHash, ChainId, CreationTime, HeaderFields, Nonce, PayloadHash, Target, Weight, Work,
};

use crate::job::{Job, JobId, Jobs, NodeId};

/// A job on the chain of its number.
pub(super) fn job(id: u64, target: Target, received: Instant) -> Arc<Job> {
    let chain = u32::try_from(id).expect("tests count from 0");
    made(id, (chain, 1), target, received)
}

/// A job whose block has this height.
pub(super) fn job_at(chain: u32, height: u64) -> Arc<Job> {
    let id = 1000 * u64::from(chain) + height;
    made(id, (chain, height), Target::MAX, Instant::now())
}

fn made(id: u64, (chain, height): (u32, u64), target: Target, received: Instant) -> Arc<Job> {
    let fields = HeaderFields {
        flags: [0; 8],
        creation_time: CreationTime::from_micros(5_000_000),
        parent: BlockHash::new([1; 32]),
        adjacents: [1, 2, 3]
            .map(|chain| (ChainId::new(chain), BlockHash::new([2; 32])))
            .into(),
        target,
        payload_hash: PayloadHash::new([3; 32]),
        chain: ChainId::new(chain),
        weight: Weight::from_le_bytes([0; 32]),
        height,
        version_code: 2,
        epoch_start: CreationTime::from_micros(0),
        nonce: Nonce::new(0),
    };
    Arc::new(Job {
        id: JobId(id),
        node: NodeId(0),
        work: Work::new(fields.encode()).expect("the target is not zero"),
        received,
    })
}

/// These jobs, which stand newest first.
pub(super) fn jobs(newest_first: &[&Arc<Job>]) -> Jobs {
    Jobs::new(newest_first.iter().map(|job| Arc::clone(job)).collect())
}
