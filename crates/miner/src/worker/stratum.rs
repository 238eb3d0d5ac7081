//! Devices that speak Stratum.
//!
//! The server knows neither jobs nor nodes: works go to it under the number of their job, and what it gives back is told
//! as that job's solution, also if the job is not live any more. Whether a solution is good, and whether its node may
//! still take it, is judged elsewhere.

mod recent;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ::stratum::{Counters, LiveWork, Server, ServerError, Stats};
use listen::{BindError, Interface};
use rand::Rng;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use self::recent::RecentJobs;
use super::WorkerError;
use crate::job::{Job, Jobs, Solution};

/// Solutions of the server that wait for this worker, which hands them on at once. A session with one more waits.
const SOLUTIONS_QUEUED: usize = 64;

/// The Stratum worker: a server that listens, and does not answer before it is run.
#[derive(Debug)]
pub struct Stratum {
    listener: TcpListener,
    server: Server,
}

impl Stratum {
    /// Takes the port; with port 0 the system picks one.
    pub async fn bind(
        interface: &Interface,
        port: u16,
        config: ::stratum::Config,
        rng: &mut impl Rng,
    ) -> Result<Self, BindError> {
        Ok(Self {
            listener: interface.listen(port).await?,
            server: Server::new(config, rng),
        })
    }

    /// Where devices can connect.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What the devices have done, by worker; to be read at any time.
    pub fn stats(&self) -> Arc<Stats> {
        self.server.stats()
    }

    /// Returns the counters of the server.
    pub fn counters(&self) -> Arc<Counters> {
        self.server.counters()
    }

    pub(crate) async fn run(
        self,
        mut jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        let mut recent = RecentJobs::default();
        let live = live_works(&jobs.borrow_and_update(), &mut recent);
        let (works, watched) = watch::channel(live);
        let (found, mut solved) = mpsc::channel(SOLUTIONS_QUEUED);
        // The server ends too when nobody gives jobs any more.
        let stop = stop.child_token();
        let mut serving = JoinSet::new();
        serving.spawn(self.server.run(self.listener, watched, found, stop.clone()));
        loop {
            // All of these lose nothing when they are dropped.
            tokio::select! {
                biased;
                changed = jobs.changed(), if !stop.is_cancelled() => match changed {
                    Ok(()) => {
                        works.send_replace(live_works(&jobs.borrow_and_update(), &mut recent));
                    }
                    Err(_) => stop.cancel(),
                },
                // The server ends when all sessions have, and what is found until then is handed on.
                Some(solution) = solved.recv() => hand_on(solution, &recent, &solutions).await,
                Some(ended) = serving.join_next() => {
                    return Ok(ended.map_err(|_| ServerError::Task)??);
                }
            }
        }
    }
}

/// The live jobs as the server takes them; they are recent from now on.
fn live_works(jobs: &Jobs, recent: &mut RecentJobs) -> Arc<[LiveWork]> {
    let live_work = |job: &Arc<Job>| {
        recent.insert(job);
        LiveWork {
            key: job.id.0,
            work: job.work.clone(),
            received: job.received,
        }
    };
    jobs.iter().map(live_work).collect()
}

/// Tells a solution of the server as one of its job.
async fn hand_on(
    solution: ::stratum::Solution,
    recent: &RecentJobs,
    solutions: &mpsc::Sender<Solution>,
) {
    let worker = solution
        .worker
        .as_ref()
        .map_or("(no name)", |name| name.as_str());
    let Some(job) = recent.get(solution.key) else {
        // So old a job is worth nothing to any node.
        debug!(
            job = solution.key,
            worker, "a device has solved a job of long ago"
        );
        return;
    };
    info!(chain = %job.chain(), height = job.work.header().height(), worker, "a device has solved a block");
    let solution = Solution {
        job: Arc::clone(job),
        nonce: solution.nonce,
        creation_time: solution.creation_time,
        found_by: solution.worker.as_ref().map(|name| name.as_str().into()),
    };
    // Nobody listens only when the program ends.
    solutions.send(solution).await.ok();
}
