//! Runs commands of the user to solve jobs, several at a time.
//!
//! The worker assigns jobs to slots; the task of each slot runs one command at a time and owns its
//! process, which never outlives the task. Output of commands is bounded, and nonces are verified
//! before they leave the worker.

mod command;
mod config;
mod failure;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod hex;
mod line_protocol;
mod lines;
mod log;
mod once;
mod orphans;
mod pace;
mod process;
mod process_table;
mod runner;
mod scheduler;
mod tally;
#[cfg(test)]
mod test_job;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

pub use self::command::ShellCommand;
pub use self::config::{Config, InputEncoding, Once, Protocol, TargetEncoding};
use self::failure::FailureLimit;
pub use self::orphans::reap_orphans;
use self::pace::Pace;
use self::runner::Runner;
use self::scheduler::Scheduler;
use self::tally::Tally;
use super::{WorkerError, until};
use crate::job::{Jobs, Solution};
use crate::meter::{HashMeter, Meter};

/// The external worker.
#[derive(Debug)]
pub struct External {
    config: Arc<Config>,
    meter: Arc<HashMeter>,
}

impl External {
    /// Creates a worker. It starts no process before it is run.
    pub fn new(config: Config) -> Self {
        Self {
            meter: Arc::new(HashMeter::new(config.processes.get())),
            config: Arc::new(config),
        }
    }

    /// Returns the hash meter. Before the first report of a command nothing is known.
    pub(crate) fn meter(&self) -> Meter {
        Meter::Reported(Arc::clone(&self.meter))
    }

    pub(crate) async fn run(
        self,
        mut jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        let config = &self.config;
        let (processes, timing) = (config.processes.get(), &config.timing);
        // At debug only: a command can contain secrets.
        debug!(command = ?config.command.command, arguments = ?config.command.arguments, "external command");
        let protocol = match config.protocol {
            Protocol::Once(_) => "once",
            Protocol::Lines => "lines",
        };
        info!(event = "worker_ready", processes, %protocol, "external worker ready");
        let failure_limit = Arc::new(FailureLimit::default());
        let mut scheduler = Scheduler::new(Instant::now(), processes, timing.job_share);
        let mut runners = JoinSet::new();
        for index in 0..processes {
            let runner = Runner {
                index,
                config: Arc::clone(config),
                tasks: scheduler.subscribe(index),
                tally: Tally::new(Arc::clone(&self.meter), index),
                solutions: solutions.clone(),
                failure_limit: Arc::clone(&failure_limit),
                failures: 0,
                solved: None,
                pace: Pace::default(),
            };
            runners.spawn(run_commands(runner));
        }
        drop(solutions);
        loop {
            scheduler.assign(Instant::now(), &jobs.borrow_and_update());
            // All of these are cancel safe.
            tokio::select! {
                changed = jobs.changed() => if changed.is_err() { break },
                () = stop.cancelled() => break,
                () = until(scheduler.next_wakeup()) => {}
                Some(_) = runners.join_next() => return Err(WorkerError::ProcessLost),
            }
        }
        // No process has a task any more, and closed channels end the runners.
        scheduler.assign(Instant::now(), &Jobs::default());
        drop(scheduler);
        while let Some(ended) = runners.join_next().await {
            ended.map_err(|_| WorkerError::ProcessLost)?;
        }
        Ok(())
    }
}

/// Runs one command after the other until shutdown.
async fn run_commands(mut runner: Runner) {
    while !runner.is_closed() {
        match runner.config.protocol {
            Protocol::Once(once) => once::run(&mut runner, once).await,
            Protocol::Lines => lines::run(&mut runner).await,
        }
    }
}
