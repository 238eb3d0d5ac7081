//! Workers, which solve jobs.
//!
//! A worker watches the live jobs, chooses among them and sends solutions. It does not know nodes:
//! the coordinator decides which jobs are live, and submits the solutions.

pub mod asic;
pub mod constant_delay;
pub mod cpu;
#[cfg(unix)]
pub mod external;
#[cfg(not(unix))]
pub mod no_external;
pub mod on_demand;
mod returned;
#[cfg(test)]
mod sample;
pub mod simulation;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use stratum::{Counters, Stats, Tls};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use self::asic::Asic;
use self::constant_delay::ConstantDelay;
use self::cpu::Cpu;
use self::external::External;
#[cfg(not(unix))]
pub use self::no_external as external;
use self::on_demand::OnDemand;
use self::simulation::Simulation;
use crate::demand::DemandWatch;
use crate::job::{Jobs, Proof, Solution};
use crate::meter::Meter;
use crate::telemetry::devices::DeviceWatch;

/// A worker of any kind.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for the life of the program"
)]
pub enum Worker {
    /// Threads on this machine.
    Cpu(Cpu),
    /// Mining devices on the Stratum protocol.
    Asic(Asic),
    /// Blocks at a simulated hash rate, without hashing.
    Simulation(Simulation),
    /// Blocks at a constant rate, without hashing.
    ConstantDelay(ConstantDelay),
    /// Blocks on request over HTTP, without hashing.
    OnDemand(OnDemand),
    /// Programs run as shell commands.
    External(External),
}

/// An error for which a worker ends.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The operating system cannot start a thread.
    #[error("cannot start a hashing thread")]
    Spawn(#[source] io::Error),
    /// A hashing thread ended before shutdown.
    #[error("the hashing thread cpu-{0} ended unexpectedly")]
    ThreadEnded(usize),
    /// The Stratum server failed.
    #[error(transparent)]
    Stratum(#[from] stratum::ServerError),
    /// The task of an external process ended before shutdown.
    #[error("the task of an external process ended unexpectedly")]
    ProcessLost,
}

impl Worker {
    /// Solves live jobs and sends solutions until `stop` is cancelled. If the future is dropped,
    /// hashing threads end by themselves and are not joined.
    ///
    /// # Errors
    ///
    /// Returns an error if the worker ends before `stop` is cancelled.
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

    /// Returns the requests for work on specific chains, or `None` if the worker accepts any work.
    pub(crate) fn wanted(&self) -> Option<DemandWatch> {
        match self {
            Self::OnDemand(on_demand) => Some(on_demand.wanted()),
            Self::Cpu(_)
            | Self::Asic(_)
            | Self::External(_)
            | Self::Simulation(_)
            | Self::ConstantDelay(_) => None,
        }
    }

    /// Returns whether the solutions have proof of work.
    pub fn proof(&self) -> Proof {
        match self {
            Self::Cpu(_) | Self::Asic(_) | Self::External(_) => Proof::Verified,
            Self::Simulation(_) | Self::ConstantDelay(_) | Self::OnDemand(_) => Proof::None,
        }
    }

    /// Returns the statistics and counters of the Stratum server, and a watch of its devices.
    pub(crate) fn server(&self) -> Option<(DeviceWatch, Arc<Stats>, Arc<Counters>)> {
        match self {
            Self::Asic(asic) => Some((asic.watch(), asic.stats(), asic.counters())),
            _ => None,
        }
    }

    /// Returns the certificate of the Stratum server, if this is the worker and has one.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        match self {
            Self::Asic(asic) => asic.tls(),
            _ => None,
        }
    }

    /// Returns the switch that pauses hashing, if this is the CPU worker.
    pub fn pause(&self) -> Option<watch::Sender<bool>> {
        match self {
            Self::Cpu(cpu) => Some(cpu.pause()),
            _ => None,
        }
    }

    /// Returns the hash meter of the worker.
    pub(crate) fn meter(&self) -> Meter {
        match self {
            Self::Cpu(cpu) => Meter::Counted(cpu.meter()),
            Self::Asic(asic) => Meter::Estimated((!asic.are_shares_blocks()).then(|| asic.stats())),
            Self::Simulation(simulation) => Meter::Simulated(simulation.rate),
            Self::ConstantDelay(_) | Self::OnDemand(_) => Meter::None,
            Self::External(external) => external.meter(),
        }
    }
}

/// Waits until `wakeup`, or forever.
pub(crate) async fn until(wakeup: Option<Instant>) {
    match wakeup {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
