//! From flags to a run against a node.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use node::{Endpoint, EndpointError, Limits, Miner};
use pow::Kernel;
use rand::Rng;
use rand::rngs::StdRng;

use crate::cli::{MineArgs, WorkerKind};
use crate::run;
use crate::timing::Timing;
use crate::worker::Worker;
use crate::worker::cpu::{self, Cpu};

/// What is wrong with the flags.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// More nodes than one.
    #[error("--node is given {0} times: this version mines on one node; leave one")]
    SeveralNodes(usize),
    /// Not an address.
    #[error("--node {text:?}: {source}")]
    Node {
        /// The address as given.
        text: String,
        /// What is wrong with it.
        source: EndpointError,
    },
}

/// The run that the flags ask for.
pub fn config(args: &MineArgs) -> Result<run::Config, UsageError> {
    let [address] = args.node.as_slice() else {
        return Err(UsageError::SeveralNodes(args.node.len()));
    };
    let endpoint = Endpoint::parse(address, args.tls).map_err(|source| UsageError::Node {
        text: address.clone(),
        source,
    })?;
    let node = node::Config {
        endpoint,
        miner: Miner::new(args.public_key.as_deref(), args.account.as_deref()),
        insecure: args.insecure,
        limits: Limits {
            info: args.timeout,
            work: args.timeout,
            solved: args.timeout,
            cut: args.timeout,
            ..Limits::default()
        },
    };
    let timing = Timing::default();
    let worker = match args.worker {
        WorkerKind::Cpu => cpu_worker(args.thread_count, timing),
    };
    Ok(run::Config {
        nodes: vec![node],
        work_slots: args.work_slots.get(),
        worker,
        timing,
    })
}

/// The CPU worker with the fastest kernel; with a thread for each processor if no number is given.
pub(crate) fn cpu_worker(threads: Option<NonZeroUsize>, timing: Timing) -> Worker {
    Worker::Cpu(Cpu::new(cpu::Config {
        threads: threads.unwrap_or_else(processors),
        kernel: Kernel::best(),
        first_nonce: rand::make_rng::<StdRng>().next_u64(),
        timing,
    }))
}

/// The processors that this program may use, within the limits of its control group.
pub(crate) fn processors() -> NonZeroUsize {
    available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
