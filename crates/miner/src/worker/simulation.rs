//! Mining without hashing, for networks that do not check proof of work: blocks come as at a given hash rate.
//!
//! Each of several threads is on a live job of its own as long as there are enough, takes the time for it that hashing
//! might have taken, and gives it back unsolved. Threads are figures of speech: one task waits for the one that is due
//! next.

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

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The rate of all threads together, above zero.
    pub rate: HashRate,
    /// Jobs that are worked on side by side.
    pub threads: NonZeroUsize,
    /// Fixes the time that each thread takes for each of its jobs.
    pub seed: u64,
}

/// The simulation worker.
#[derive(Debug)]
pub struct Simulation {
    config: Config,
}

impl Simulation {
    /// A worker that has not begun.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// The rate that is simulated.
    pub fn rate(&self) -> HashRate {
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
        info!(%rate, threads, seed, "simulation worker ready");
        let mut threads = Threads::new(&self.config);
        loop {
            let live = Arc::clone(&jobs.borrow_and_update());
            for job in threads.step(Instant::now(), &live) {
                // Nobody listens only when the program ends.
                if solutions.send(Solution::unsolved(job)).await.is_err() {
                    return Ok(());
                }
            }
            // All of these lose nothing when they are dropped.
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = jobs.changed() => if changed.is_err() { return Ok(()) },
                () = until(threads.wakeup()) => {}
            }
        }
    }
}
