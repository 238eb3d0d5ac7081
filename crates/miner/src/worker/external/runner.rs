//! What runs in one slot: command after command, with a pause after each failure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::{debug, trace, warn};

use super::config::Config;
use super::failure::{Failure, FailureLimit};
use super::pace::Pace;
use super::process::Process;
use super::scheduler::Task;
use super::tally::Tally;
use crate::job::{JobId, Solution};

/// The state of one slot.
#[derive(Debug)]
pub(super) struct Runner {
    /// The number of the slot, from 0.
    pub(super) index: usize,
    pub(super) config: Arc<Config>,
    /// The current task. Closed at shutdown.
    pub(super) tasks: watch::Receiver<Option<Task>>,
    /// The work of its commands.
    pub(super) tally: Tally,
    pub(super) solutions: mpsc::Sender<Solution>,
    pub(super) failure_limit: Arc<FailureLimit>,
    /// Failures in a row.
    pub(super) failures: u32,
    /// The last solved job, which stays the current task until the coordinator has retired it.
    pub(super) solved: Option<JobId>,
    /// How fast the commands of [`Protocol::Once`](super::Protocol::Once) hash.
    pub(super) pace: Pace,
}

impl Runner {
    /// Whether there will be no more tasks.
    pub(super) fn is_closed(&self) -> bool {
        self.tasks.has_changed().is_err()
    }

    /// Waits for a task whose job is not solved. Returns `None` at shutdown.
    pub(super) async fn next_task(&mut self) -> Option<Task> {
        let solved = self.solved;
        let is_new =
            |task: &Option<Task>| matches!(task, Some(task) if Some(task.job.id) != solved);
        self.tasks.wait_for(is_new).await.ok()?.clone()
    }

    /// Waits until the job is no longer the current task.
    pub(super) async fn lost(&mut self, job: JobId) {
        let is_other = |task: &Option<Task>| task.as_ref().is_none_or(|task| task.job.id != job);
        // An error means shutdown: there is no task any more.
        self.tasks.wait_for(is_other).await.ok();
    }

    /// Starts the command, with `last` as an additional argument.
    pub(super) fn start(&self, last: Option<&str>) -> Result<Process, Failure> {
        let command = self.config.command.of(self.index, last);
        Process::start(command, self.index).map_err(Failure::Start)
    }

    pub(super) async fn submit(&mut self, mut solution: Solution) {
        solution.found_by = Some(format!("process-{}", self.index).into());
        self.failures = 0;
        self.solved = Some(solution.job.id);
        // The receiver is gone only at shutdown.
        self.solutions.send(solution).await.ok();
    }

    /// Logs the failure of a command and pauses before the next one.
    pub(super) async fn back_off(&mut self, failure: &Failure, ended: Option<&Process>) {
        let timing = &self.config.timing;
        if ended.is_some_and(|process| process.started.elapsed() > timing.retry_max) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let pause = timing.backoff(self.failures);
        let stderr = ended.map_or(String::new(), |process| process.stderr_log.tail());
        self.report(failure, &stderr, Some(pause));
        // Shutdown ends the pause.
        timeout(pause, self.tasks.wait_for(|_| false)).await.ok();
    }

    /// Logs a failure: as a warning, or at a lower level if there was such a warning recently.
    pub(super) fn report(&self, failure: &Failure, stderr: &str, retry_in: Option<Duration>) {
        let (process, interval) = (self.index, self.config.timing.report);
        let stderr = Some(stderr).filter(|stderr| !stderr.is_empty());
        let retry_in_seconds = retry_in.map(|pause| pause.as_secs_f64());
        match self.failure_limit.count(Instant::now(), failure, interval) {
            Some(times) => {
                warn!(event = "command_failed", process, %failure, stderr, retry_in_seconds, times, "external command failed");
            }
            None if retry_in.is_some() => {
                debug!(event = "command_failed", process, %failure, stderr, retry_in_seconds, "external command failed again");
            }
            // Bad lines of output, of which there can be very many.
            None => trace!(process, %failure, "external command failed again"),
        }
    }
}
