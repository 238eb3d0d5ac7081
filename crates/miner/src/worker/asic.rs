//! Mining devices on the Stratum protocol.
//!
//! The Stratum server receives the work of each live job with the job's id as its key. The worker
//! turns solutions of the server into solutions of the job, even if the job is no longer live. The
//! coordinator verifies and submits them.

pub(crate) mod recent;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use listen::{BindError, Interface};
use rand::Rng;
use stratum::{Counters, DifficultyMode, Server, ServerError, Stats, Tls, WorkerName};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::recent::RecentJobs;
use super::WorkerError;
use crate::job::{Jobs, Solution};
use crate::telemetry::devices::DeviceWatch;
use crate::units::HashRate;

/// The capacity of the channel for solutions from the server, which this worker forwards at once. A
/// session waits while it is full.
const SOLUTIONS_QUEUED: usize = 64;

/// The Stratum worker: a server, which listens but accepts no connection before it is run.
#[derive(Debug)]
pub struct Asic {
    listener: TcpListener,
    server: Server,
    /// Whether all shares are blocks, so that the work in between is not known.
    are_shares_blocks: bool,
    /// The rates that devices should have, by worker name.
    expected_rates: BTreeMap<String, HashRate>,
}

impl Asic {
    /// Binds the port; port 0 is any free port.
    ///
    /// # Errors
    ///
    /// Returns an error if the interface or the port is not available.
    pub async fn bind(
        interface: &Interface,
        port: u16,
        config: stratum::Config,
        rng: &mut impl Rng,
    ) -> Result<Self, BindError> {
        Ok(Self {
            listener: interface.listen(port).await?,
            are_shares_blocks: config.difficulty == DifficultyMode::Block,
            expected_rates: BTreeMap::new(),
            server: Server::new(config, rng),
        })
    }

    /// Sets the hash rates that devices should have, by worker name.
    #[must_use]
    pub fn expecting(self, expected_rates: BTreeMap<String, HashRate>) -> Self {
        Self {
            expected_rates,
            ..self
        }
    }

    /// Whether all shares are blocks.
    pub(crate) fn are_shares_blocks(&self) -> bool {
        self.are_shares_blocks
    }

    /// Returns a watch of the devices.
    pub(crate) fn watch(&self) -> DeviceWatch {
        DeviceWatch::new(self.are_shares_blocks, self.expected_rates.clone())
    }

    /// Returns the address at which devices can connect.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Returns the statistics of devices by worker name, which can be read at any time.
    pub fn stats(&self) -> Arc<Stats> {
        self.server.stats()
    }

    /// Returns the counters of the server.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        self.server.counters()
    }

    /// Returns the certificate for devices that speak TLS.
    pub(crate) fn tls(&self) -> Option<Arc<Tls>> {
        self.server.tls()
    }

    pub(crate) async fn run(
        self,
        mut jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        let mut recent = RecentJobs::default();
        let live = recent.live_works(&jobs.borrow_and_update());
        let (works, watched) = watch::channel(live);
        let (found, mut solved) = mpsc::channel(SOLUTIONS_QUEUED);
        // Also stops the server if the sender of jobs is dropped.
        let stop = stop.child_token();
        let mut serving = JoinSet::new();
        serving.spawn(self.server.run(self.listener, watched, found, stop.clone()));
        loop {
            // All of these are cancel safe.
            tokio::select! {
                biased;
                changed = jobs.changed(), if !stop.is_cancelled() => match changed {
                    Ok(()) => {
                        works.send_replace(recent.live_works(&jobs.borrow_and_update()));
                    }
                    Err(_) => stop.cancel(),
                },
                // The server ends after all its sessions; solutions are forwarded until then.
                Some(solution) = solved.recv() => forward(solution, &recent, &solutions).await,
                Some(ended) = serving.join_next() => {
                    return Ok(ended.map_err(|_| ServerError::Task)??);
                }
            }
        }
    }
}

/// Forwards a solution of the server as a solution of its job.
async fn forward(
    solution: stratum::Solution,
    recent: &RecentJobs,
    solutions: &mpsc::Sender<Solution>,
) {
    let Some(solution) = recent.solution(&solution) else {
        // No node accepts a solution of a job this old.
        let device = solution.worker.as_ref().map(WorkerName::as_str);
        warn!(
            event = "block_expired",
            job = solution.key,
            device,
            "block expired"
        );
        return;
    };
    // The receiver is gone only at shutdown.
    solutions.send(solution).await.ok();
}
