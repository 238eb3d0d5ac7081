//! Whatever solves the jobs.
//!
//! A worker watches the live jobs, chooses among them by itself and sends solutions. It knows no node: which jobs are
//! live and what becomes of a solution is not its affair.

pub mod asic;
pub mod constant_delay;
pub mod cpu;
pub mod external;
pub mod on_demand;
mod returned;
#[cfg(test)]
mod sample;
pub mod simulation;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use self::asic::Asic;
use self::constant_delay::ConstantDelay;
use self::cpu::Cpu;
use self::external::External;
use self::on_demand::OnDemand;
use self::simulation::Simulation;
use crate::coordinator::Proof;
use crate::demand::Wanted;
use crate::job::{Jobs, Solution};
use crate::meter::Meter;

/// One of the ways to have jobs solved.
#[derive(Debug)]
pub enum Worker {
    /// Threads of this machine.
    Cpu(Cpu),
    /// Devices that connect over Stratum.
    Asic(Asic),
    /// Nothing: blocks come as at a given hash rate.
    Simulation(Simulation),
    /// Nothing: blocks come on a beat.
    ConstantDelay(ConstantDelay),
    /// Nobody: a block is made when somebody asks for one.
    OnDemand(OnDemand),
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
    Stratum(#[from] stratum::ServerError),
    /// The server of the on-demand worker failed.
    #[error("the on-demand server ended unexpectedly")]
    OnDemandServerEnded,
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
            Self::Asic(asic) => asic.run(jobs, solutions, stop).await,
            Self::External(external) => external.run(jobs, solutions, stop).await,
            Self::Simulation(simulation) => simulation.run(jobs, solutions, stop).await,
            Self::ConstantDelay(beat) => beat.run(jobs, solutions, stop).await,
            Self::OnDemand(on_demand) => on_demand.run(jobs, solutions, stop).await,
        }
    }

    /// What tells what the worker wants fetched; `None` of one that takes any work.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        match self {
            Self::OnDemand(on_demand) => Some(on_demand.wanted()),
            Self::Cpu(_)
            | Self::Asic(_)
            | Self::External(_)
            | Self::Simulation(_)
            | Self::ConstantDelay(_) => None,
        }
    }

    /// What its solutions prove.
    pub fn proof(&self) -> Proof {
        match self {
            Self::Cpu(_) | Self::Asic(_) | Self::External(_) => Proof::Verified,
            Self::Simulation(_) | Self::ConstantDelay(_) | Self::OnDemand(_) => Proof::None,
        }
    }

    /// What tells how much the worker hashes.
    pub fn meter(&self) -> Meter {
        match self {
            Self::Cpu(cpu) => Meter::Counted(cpu.meter()),
            Self::Asic(asic) => Meter::Estimated(asic.stats()),
            Self::Simulation(simulation) => Meter::Simulated(simulation.rate()),
            Self::ConstantDelay(_) | Self::OnDemand(_) => Meter::None,
            Self::External(external) => external.meter(),
        }
    }
}

/// Pending until then, or for ever.
pub(crate) async fn until(wakeup: Option<Instant>) {
    match wakeup {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
