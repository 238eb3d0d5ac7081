//! The server on TCP.
//!
//! One task accepts connections, one task per connection owns its session and socket, and the
//! server's own task publishes jobs and refreshes them slice by slice. Sessions read jobs from
//! their slice; ending the slices ends the sessions. Work arrives and solutions leave over
//! channels: nodes are not known here.

mod accept;
mod config;
mod connection;
mod counters;
mod ending;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gate;
mod proxy_protocol;
mod publisher;
mod secure;
mod shared;
mod slice;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use listen::{Descriptors, Permits, raise_descriptor_limit};
use rand::Rng;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::accept::Accept;
pub use self::config::Config;
pub use self::counters::{Counters, Counts};
pub use self::ending::Ending;
use self::gate::Gate;
pub use self::proxy_protocol::ProxyProtocol;
use self::publisher::Publisher;
use self::shared::{LATE_JOB_WARNINGS, Shared};
use crate::context::SessionContext;
use crate::job_id::JobIds;
use crate::log_limit::LogLimit;
use crate::nonce1::Nonce1Space;
use crate::session::Solution;
use crate::share_log::{LoggedShares, ShareLog};
use crate::share_target::ShareTargets;
use crate::stats::Stats;
use crate::template::LiveSet;
use crate::tls::Tls;

/// File descriptors that the program needs besides those of connections.
const OTHER_DESCRIPTORS: u64 = 128;

/// Why a server stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The sender of live work was dropped.
    #[error("the channel of live work is closed")]
    WorkClosed,
    /// A task panicked or ended early.
    #[error("a task of the Stratum server ended unexpectedly")]
    Task,
}

/// A Stratum server that has not started.
#[derive(Debug)]
pub struct Server {
    config: Config,
    context: Arc<SessionContext>,
    counters: Arc<Counters>,
}

impl Server {
    /// Creates a server whose job ids and nonce1 values start at random.
    pub fn new(config: Config, rng: &mut impl Rng) -> Self {
        let context = SessionContext {
            difficulty: config.difficulty,
            min_level: config.min_level,
            rate: config.rate,
            limits: config.session,
            nonce1: Nonce1Space::new(config.nonce1, config.instance, rng),
            job_ids: Arc::new(JobIds::new(rng)),
            stats: Arc::new(Stats::new(config.max_workers)),
            targets: ShareTargets::default(),
            setting_warnings: LogLimit::once(),
            logged: config
                .share_log
                .as_ref()
                .map_or(LoggedShares::None, ShareLog::logged),
        };
        Self {
            config,
            context: Arc::new(context),
            counters: Arc::default(),
        }
    }

    /// Returns the counters, which may be read at any time.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Returns the statistics of the workers, which may be read at any time.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.context.stats)
    }

    /// Returns the certificate for devices that speak TLS.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.config.tls.clone()
    }

    /// Returns the number of connections for which there are file descriptors, up to the configured
    /// number.
    ///
    /// Reserves some for the rest of the program: without a descriptor it cannot reach its node.
    fn possible_connections(&self) -> NonZeroUsize {
        let wanted = self.config.max_connections;
        match raise_descriptor_limit(wanted.get() as u64 + OTHER_DESCRIPTORS) {
            Descriptors::Enough => wanted,
            Descriptors::Short { limit } => {
                let possible = usize::try_from(limit.saturating_sub(OTHER_DESCRIPTORS)).ok();
                let possible = possible
                    .and_then(NonZeroUsize::new)
                    .unwrap_or(NonZeroUsize::MIN);
                warn!(
                    event = "few_open_files",
                    connections = possible,
                    wanted,
                    open_files = limit,
                    "the limit of open files allows fewer connections than --stratum-max-connections; raise it with ulimit -n"
                );
                possible
            }
        }
    }

    /// Serves until `stop` is cancelled, and returns when the last connection is closed.
    ///
    /// `work` is the live work. While `solutions` is full, a session with a solution
    /// waits.
    ///
    /// # Errors
    /// Returns [`ServerError::WorkClosed`] once the sender of `work` is dropped, and
    /// [`ServerError::Task`] if a task panics.
    pub async fn run(
        self,
        listener: TcpListener,
        mut work: watch::Receiver<LiveSet>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), ServerError> {
        // An error here must not cancel the caller's token.
        let stop = stop.child_token();
        let permits = Permits::new(
            self.possible_connections(),
            self.config.max_connections_per_ip,
        );
        if let Ok(address) = listener.local_addr() {
            info!(event = "worker_ready", %address, difficulty = %self.config.difficulty, "Stratum server ready");
        }
        let period = self.context.job_interval();
        let job_ids = Arc::clone(&self.context.job_ids);
        let mut publisher = Publisher::new(Instant::now(), job_ids, period);
        let first = work.borrow_and_update().clone();
        publisher.set_work(Instant::now(), &first);

        let mut tasks = JoinSet::new();
        let shared = Shared {
            context: Arc::clone(&self.context),
            counters: Arc::clone(&self.counters),
            solutions,
            write_stall: self.config.write_stall,
            gate: Gate::new(&self.config),
            tls: self.config.tls.clone(),
            share_log: self.config.share_log.clone(),
            late_job_warnings: LogLimit::every(LATE_JOB_WARNINGS),
        };
        if let Some(tls) = self.config.tls {
            tasks.spawn(tls.watch(stop.clone()));
        }
        let accept = Accept::new(shared, permits, publisher.slices(), stop.clone());
        tasks.spawn(accept.run(listener));

        let mut result = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break Ok(()),
                // First, or devices run out of nonces where other work keeps the server busy.
                () = sleep_until(publisher.due().into()) => publisher.refresh(Instant::now()),
                () = yield_now(), if publisher.is_waking() => {
                    publisher.wake_some(Instant::now());
                }
                changed = work.changed(), if !publisher.is_waking() => {
                    if changed.is_err() {
                        break Err(ServerError::WorkClosed);
                    }
                    let live = work.borrow_and_update().clone();
                    publisher.set_work(Instant::now(), &live);
                }
                _ = tasks.join_next() => break Err(ServerError::Task),
            }
        };
        // Dropping the publisher ends the sessions.
        stop.cancel();
        drop(publisher);
        while let Some(ended) = tasks.join_next().await {
            if ended.is_err() {
                result = Err(ServerError::Task);
            }
        }
        result
    }
}
