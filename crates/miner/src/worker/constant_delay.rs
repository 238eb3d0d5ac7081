//! Produces blocks at a constant rate, for networks that do not check proof of work.
//!
//! The time between two beats is the block time divided by the number of chains. At each beat, a
//! number of live jobs is returned unsolved, so each chain gets a block per block time. Changes of
//! jobs do not move the beat.

mod beat;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::beat::Beat;
use super::WorkerError;
use super::returned::return_unsolved;
use crate::job::{Jobs, Solution};

/// The constant-delay worker.
#[derive(Clone, Copy, Debug)]
pub struct ConstantDelay {
    /// The time in which each chain gets `blocks` blocks on average. Must be above zero.
    pub block_time: Duration,
    /// The number of blocks at each beat.
    pub blocks: NonZeroUsize,
}

impl ConstantDelay {
    pub(crate) async fn run(
        self,
        jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        info!(
            event = "worker_ready",
            block_time_seconds = self.block_time.as_secs_f64(),
            blocks_per_beat = self.blocks,
            "constant-delay worker ready"
        );
        let mut beat = Beat::new(self);
        let step = |now, live: &Jobs| (beat.step(now, live), beat.wakeup());
        return_unsolved(jobs, solutions, stop, step).await
    }
}
