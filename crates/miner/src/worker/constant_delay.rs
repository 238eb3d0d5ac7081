//! Produces blocks at a constant rate, for networks that do not check proof of work.
//!
//! The time between two beats is the block time divided by the number of chains. At each beat, a
//! number of live jobs is returned unsolved, so each chain gets a block per block time. Changes of
//! jobs do not move the beat.

mod beat;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::beat::Beat;
use super::{WorkerError, until};
use crate::job::{Jobs, Solution};

/// The rate of blocks.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The time in which each chain gets `blocks` blocks on average. Must be above zero.
    pub block_time: Duration,
    /// The number of blocks at each beat.
    pub blocks: NonZeroUsize,
}

/// The constant-delay worker.
#[derive(Debug)]
pub struct ConstantDelay {
    config: Config,
}

impl ConstantDelay {
    /// Creates a worker.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    pub(crate) async fn run(
        self,
        mut jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        let Config { block_time, blocks } = self.config;
        info!(
            event = "worker_ready",
            block_time_seconds = block_time.as_secs_f64(),
            blocks_per_beat = blocks,
            "constant-delay worker ready"
        );
        let mut beat = Beat::new(self.config);
        loop {
            let live = Arc::clone(&jobs.borrow_and_update());
            for job in beat.step(Instant::now(), &live) {
                // The receiver is gone only at shutdown.
                if solutions.send(Solution::unsolved(job)).await.is_err() {
                    return Ok(());
                }
            }
            // All of these are cancel safe.
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = jobs.changed() => if changed.is_err() { return Ok(()) },
                () = until(beat.wakeup()) => {}
            }
        }
    }
}
