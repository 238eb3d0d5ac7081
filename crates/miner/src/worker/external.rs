//! Programs that are run as shell commands, several at a time.
//!
//! This task deals the jobs out and tells of failures; each process has a task that runs it and looks after it. No process
//! outlives its task, and whatever it prints costs a bounded amount of memory. What it claims to have found is verified
//! before anybody else hears of it.

mod command;
mod deal;
mod failure;
mod group;
mod hex;
mod lines;
mod once;
mod process;
mod seat;
mod stderr;
mod talk;
mod target;
#[cfg(test)]
mod test_job;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

pub use self::command::ShellCommand;
use self::deal::{Dealer, Task};
use self::failure::Complaints;
pub use self::once::{InputEncoding, Once};
use self::seat::Seat;
pub use self::target::TargetEncoding;
use super::WorkerError;
use crate::job::{Jobs, Solution};
use crate::meter::{HashMeter, Meter};
use crate::timing::CommandTiming;

/// Complaints that wait to be told. A process with one more waits.
const COMPLAINTS_QUEUED: usize = 16;

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number of processes at a time.
    pub processes: NonZeroUsize,
    /// What each of them runs.
    pub command: ShellCommand,
    /// How it is spoken with.
    pub protocol: Protocol,
    /// Where the nonces of a process begin, as far as they are its own to choose from: different programs on the same
    /// work should begin at different ones.
    pub first_nonce: u64,
    /// How long to wait for what.
    pub timing: CommandTiming,
}

/// How a command is spoken with.
#[derive(Clone, Copy, Debug)]
pub enum Protocol {
    /// A command for each work, as with the Haskell client.
    Once(Once),
    /// A process that gets one job after the other.
    Lines,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Once(_) => "once",
            Self::Lines => "lines",
        })
    }
}

/// The external worker.
#[derive(Debug)]
pub struct External {
    config: Arc<Config>,
    meter: Arc<HashMeter>,
}

impl External {
    /// A worker that has not begun.
    pub fn new(config: Config) -> Self {
        Self {
            meter: Arc::new(HashMeter::new(config.processes.get())),
            config: Arc::new(config),
        }
    }

    /// The meter of its hashes, as far as the processes tell how many they compute.
    pub fn meter(&self) -> Meter {
        match self.config.protocol {
            Protocol::Once(_) => Meter::Unknown,
            Protocol::Lines => Meter::Counted(Arc::clone(&self.meter)),
        }
    }

    pub(crate) async fn run(
        self,
        mut jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        let Config {
            processes,
            command,
            protocol,
            timing,
            ..
        } = &*self.config;
        // Commands may hold secrets; whoever looks for a mistake wants to see them all the same.
        debug!(command = ?command.command, arguments = ?command.arguments, "external command");
        info!(processes, %protocol, "external worker ready");
        let (complaining, mut complained) = mpsc::channel(COMPLAINTS_QUEUED);
        let mut complaints = Complaints::new(timing.report);
        let mut dealer = Dealer::new(Instant::now(), processes.get(), timing.job_share);
        let mut running = JoinSet::new();
        let mut tasks = Vec::new();
        for process in 0..processes.get() {
            let (task, watched) = watch::channel(None);
            tasks.push(task);
            let (solutions, complaints) = (solutions.clone(), complaining.clone());
            let seat = Seat::new(
                process,
                &self.config,
                watched,
                &self.meter,
                solutions,
                complaints,
            );
            running.spawn(keep(seat, *protocol));
        }
        drop((complaining, solutions));
        let mut stopping = false;
        loop {
            if !stopping {
                dealer.deal(Instant::now(), &jobs.borrow_and_update());
                tell(&tasks, &dealer);
            }
            // All of these lose nothing when they are dropped: channels, timers and joins.
            tokio::select! {
                changed = jobs.changed(), if !stopping => stopping = changed.is_err(),
                () = stop.cancelled(), if !stopping => stopping = true,
                () = until(dealer.next_wakeup()), if !stopping => {}
                Some(complaint) = complained.recv() => complaints.take(Instant::now(), &complaint),
                Some(ended) = running.join_next() => match ended {
                    Ok(()) if stopping => {}
                    Ok(()) | Err(_) => return Err(WorkerError::ProcessLost),
                },
                else => return Ok(()),
            }
            if stopping {
                // Closing them is what tells the end.
                for task in tasks.drain(..) {
                    task.send_replace(None);
                }
            }
        }
    }
}

/// Runs processes in a seat, one after the other.
async fn keep(seat: Seat, protocol: Protocol) {
    match protocol {
        Protocol::Once(once) => once::run(seat, once).await,
        Protocol::Lines => lines::run(seat).await,
    }
}

/// Tells each process whose task is another than before.
fn tell(tasks: &[watch::Sender<Option<Task>>], dealer: &Dealer) {
    let id = |task: Option<&Task>| task.map(|task| task.job.id);
    for (sender, task) in tasks.iter().zip(dealer.dealt()) {
        sender.send_if_modified(|told| {
            let differs = id(told.as_ref()) != id(task);
            if differs {
                *told = task.cloned();
            }
            differs
        });
    }
}

/// Pending until then, or for ever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
