//! Whatever solves the jobs.
//!
//! A worker watches the live jobs, chooses among them by itself and sends solutions. It knows no node: which jobs are
//! live and what becomes of a solution is not its affair.

pub mod cpu;
pub mod external;
pub mod stratum;

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use self::cpu::Cpu;
use self::external::External;
use self::stratum::Stratum;
use crate::job::{Jobs, Solution};
use crate::meter::Meter;

/// One of the ways to have jobs solved.
#[derive(Debug)]
pub enum Worker {
    /// Threads of this machine.
    Cpu(Cpu),
    /// Devices that speak Stratum.
    Stratum(Stratum),
    /// Programs that are run as shell commands.
    External(External),
}

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The system gives no thread.
    #[error("cannot start a hashing thread")]
    Spawn(#[source] io::Error),
    /// A thread ended that was not told to.
    #[error("the hashing thread cpu-{0} ended unexpectedly")]
    ThreadEnded(usize),
    /// The Stratum server failed.
    #[error(transparent)]
    Stratum(#[from] ::stratum::ServerError),
    /// What looks after an external process ended.
    #[error("an external process is no longer looked after")]
    ProcessLost,
}

impl Worker {
    /// Solves the newest jobs until `stop` is cancelled; sends any number of solutions. Gives up waiting for its
    /// threads if it is dropped: they end by themselves.
    pub async fn run(
        self,
        jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        match self {
            Self::Cpu(cpu) => cpu.run(jobs, solutions, stop).await,
            Self::Stratum(stratum) => stratum.run(jobs, solutions, stop).await,
            Self::External(external) => external.run(jobs, solutions, stop).await,
        }
    }

    /// What tells how much the worker hashes.
    pub fn meter(&self) -> Meter {
        match self {
            Self::Cpu(cpu) => Meter::Counted(cpu.meter()),
            Self::Stratum(stratum) => Meter::Estimated(stratum.stats()),
            Self::External(external) => external.meter(),
        }
    }
}
