//! Mining on a beat, for networks that do not check proof of work: every chain gets a block in each block time.
//!
//! The beat is the block time over the number of chains, which the node tells; at each a number of live jobs is given
//! back unsolved. Nothing that happens to jobs moves the beat.

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
use crate::units::About;

/// How blocks come.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The time in which all chains together get as many blocks as there are chains, times `blocks`; above zero.
    pub block_time: Duration,
    /// Blocks at each beat.
    pub blocks: NonZeroUsize,
}

/// The constant-delay worker.
#[derive(Debug)]
pub struct ConstantDelay {
    config: Config,
}

impl ConstantDelay {
    /// A worker that has not begun.
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
        info!(block_time = %About(block_time), blocks_per_beat = blocks, "constant-delay worker ready");
        let mut beat = Beat::new(self.config);
        loop {
            let live = Arc::clone(&jobs.borrow_and_update());
            for job in beat.step(Instant::now(), &live) {
                // Nobody listens only when the program ends.
                if solutions.send(Solution::unsolved(job)).await.is_err() {
                    return Ok(());
                }
            }
            // All of these lose nothing when they are dropped.
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = jobs.changed() => if changed.is_err() { return Ok(()) },
                () = until(beat.wakeup()) => {}
            }
        }
    }
}
