//! What every process has, whichever way it is spoken with: its task, and where its results go.
//!
//! The end is told by closing the tasks, so that nothing but the task has to be watched.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{Nonce, WorkHeader};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::Config;
use super::deal::Task;
use super::failure::{ByteOrder, Complaint, Failure};
use crate::job::{JobId, Solution};
use crate::meter::HashMeter;

/// The place of one process.
#[derive(Debug)]
pub(super) struct Seat {
    /// Counted from 0.
    pub(super) process: usize,
    pub(super) config: Arc<Config>,
    pub(super) tasks: watch::Receiver<Option<Task>>,
    pub(super) meter: Arc<HashMeter>,
    solutions: mpsc::Sender<Solution>,
    complaints: mpsc::Sender<Complaint>,
    failures: u32,
}

impl Seat {
    pub(super) fn new(
        process: usize,
        config: &Arc<Config>,
        tasks: watch::Receiver<Option<Task>>,
        meter: &Arc<HashMeter>,
        solutions: mpsc::Sender<Solution>,
        complaints: mpsc::Sender<Complaint>,
    ) -> Self {
        Self {
            process,
            config: Arc::clone(config),
            tasks,
            meter: Arc::clone(meter),
            solutions,
            complaints,
            failures: 0,
        }
    }

    /// Waits for a task on another job than this one; `None` is the end.
    pub(super) async fn task(&mut self, but: Option<JobId>) -> Option<Task> {
        let wanted =
            |task: &Option<Task>| task.as_ref().is_some_and(|task| Some(task.job.id) != but);
        let task = self.tasks.wait_for(wanted).await.ok()?;
        (*task).clone()
    }

    /// Waits until the job is no longer the task.
    pub(super) async fn lost(&mut self, job: JobId) {
        let other = |task: &Option<Task>| task.as_ref().is_none_or(|task| task.job.id != job);
        // An error is the end of all tasks.
        self.tasks.wait_for(other).await.ok();
    }

    pub(super) async fn hand_in(&mut self, solution: Solution) {
        self.failures = 0;
        // Nobody listens only when the program ends.
        self.solutions.send(solution).await.ok();
    }

    pub(super) async fn complain(&self, complaint: Complaint) {
        self.complaints.send(complaint).await.ok();
    }

    /// Reports that a command failed that had run for so long, and waits before the next try, if there is to be one.
    pub(super) async fn failed(
        &mut self,
        mut complaint: Complaint,
        ran: Duration,
    ) -> ControlFlow<()> {
        let timing = &self.config.timing;
        if ran > timing.retry_max {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let pause = timing.backoff(self.failures);
        complaint.again_in = Some(pause);
        self.complain(complaint).await;
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep(until.saturating_duration_since(Instant::now())) => {
                    return ControlFlow::Continue(());
                }
                changed = self.tasks.changed() => if changed.is_err() {
                    return ControlFlow::Break(());
                }
            }
        }
    }
}

/// Whether the nonce solves the header, by a computation that shares nothing with whatever found it.
pub(super) fn verify(header: &WorkHeader, nonce: Nonce) -> Result<(), Failure> {
    let target = header.target();
    let solves = |nonce| pow::verify(&header.with_nonce(nonce), &target);
    if solves(nonce) {
        return Ok(());
    }
    let order = if solves(Nonce::new(nonce.get().swap_bytes())) {
        ByteOrder::Reversed
    } else {
        ByteOrder::Unrelated
    };
    Err(Failure::WrongNonce { nonce, order })
}
