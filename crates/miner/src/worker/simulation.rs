//! Simulates a hash rate without hashing, for networks that do not check proof of work.
//!
//! Each of several simulated threads works on a live job of its own if there are enough. It waits
//! as long as hashing could have taken and then returns the job unsolved. There are no operating
//! system threads: one task waits for the next simulated block.

mod threads;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::threads::Threads;
use super::{WorkerError, until};
use crate::job::{Jobs, Solution};
use crate::units::HashRate;

/// The parameters of the simulation.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The hash rate of all simulated threads together. Must be above zero.
    pub rate: HashRate,
    /// The number of jobs in progress at a time.
    pub threads: NonZeroUsize,
    /// The seed of the random solve times.
    pub seed: u64,
}

/// The simulation worker.
#[derive(Debug)]
pub struct Simulation {
    config: Config,
}

impl Simulation {
    /// Creates a worker.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Returns the simulated hash rate.
    pub(crate) fn rate(&self) -> HashRate {
        self.config.rate
    }

    pub(crate) async fn run(
        self,
        mut jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        let Config {
            rate,
            threads,
            seed,
        } = self.config;
        info!(
            event = "worker_ready",
            simulated_hash_rate = rate.0,
            threads,
            seed,
            "simulation worker ready"
        );
        let mut threads = Threads::new(&self.config);
        loop {
            let live = Arc::clone(&jobs.borrow_and_update());
            for job in threads.step(Instant::now(), &live) {
                // The receiver is gone only at shutdown.
                if solutions.send(Solution::unsolved(job)).await.is_err() {
                    return Ok(());
                }
            }
            // All of these are cancel safe.
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = jobs.changed() => if changed.is_err() { return Ok(()) },
                () = until(threads.wakeup()) => {}
            }
        }
    }
}
