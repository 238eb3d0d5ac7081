//! Simulates a hash rate without hashing, for networks that do not check proof of work.
//!
//! Each of several simulated threads works on a live job of its own if there are enough. It waits
//! as long as hashing could have taken and then returns the job unsolved. There are no operating
//! system threads: one task waits for the next simulated block.

mod threads;

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::threads::Threads;
use super::WorkerError;
use super::returned::return_unsolved;
use crate::job::{Jobs, Solution};
use crate::units::HashRate;

/// The simulation worker.
#[derive(Clone, Copy, Debug)]
pub struct Simulation {
    /// The hash rate of all simulated threads together. Must be above zero.
    pub rate: HashRate,
    /// The number of jobs in progress at a time.
    pub threads: NonZeroUsize,
    /// The seed of the random solve times.
    pub seed: u64,
}

impl Simulation {
    pub(crate) async fn run(
        self,
        jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        info!(
            event = "worker_ready",
            simulated_hash_rate = self.rate.0,
            threads = self.threads,
            seed = self.seed,
            "simulation worker ready"
        );
        let mut threads = Threads::new(&self);
        let step = |now, live: &Jobs| (threads.step(now, live), threads.wakeup());
        return_unsolved(jobs, solutions, stop, step).await
    }
}
