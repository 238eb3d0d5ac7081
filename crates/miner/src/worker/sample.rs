//! Jobs for the tests of workers.

use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainId, CreationTime, HeaderFields, Target, Work};

use crate::job::{Job, JobId, Jobs, NodeId, Outdated};

/// A job whose chain is its id.
pub(super) fn job(id: u64, target: Target, received: Instant) -> Arc<Job> {
    let chain = u32::try_from(id).expect("tests count from 0");
    made(id, (chain, 1), target, received)
}

/// A job of this chain and height.
pub(super) fn job_at(chain: u32, height: u64) -> Arc<Job> {
    let id = 1000 * u64::from(chain) + height;
    made(id, (chain, height), Target::MAX, Instant::now())
}

fn made(id: u64, (chain, height): (u32, u64), target: Target, received: Instant) -> Arc<Job> {
    let fields = HeaderFields {
        creation_time: CreationTime::from_micros(5_000_000),
        target,
        chain: ChainId::new(chain),
        height,
        ..fixtures::fields()
    };
    Arc::new(Job {
        id: JobId(id),
        node: NodeId(0),
        work: Work::new(fields.encode()).expect("the target is not zero"),
        received,
        outdated: Outdated::default(),
    })
}

/// A set of live jobs.
pub(super) fn jobs(newest_first: &[&Arc<Job>]) -> Jobs {
    Jobs::new(newest_first.iter().map(|job| Arc::clone(job)).collect())
}
