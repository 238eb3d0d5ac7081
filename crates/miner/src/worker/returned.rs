//! Jobs that a development worker returns unsolved.
//!
//! A job stays live until the coordinator has retired it. Until then, the worker must not return it
//! a second time. The set never has more entries than there are live jobs.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{WorkerError, until};
use crate::job::{Job, JobId, Jobs, Solution};

/// The set of returned jobs.
#[derive(Debug, Default)]
pub(super) struct Returned(Vec<JobId>);

impl Returned {
    /// Removes jobs that are no longer live.
    pub(super) fn forget_retired(&mut self, jobs: &Jobs) {
        self.0.retain(|id| jobs.contains(*id));
    }

    /// Adds a job. Returns whether it was not in the set.
    pub(super) fn insert(&mut self, job: &Job) -> bool {
        let is_new = !self.contains(job);
        if is_new {
            self.0.push(job.id);
        }
        is_new
    }

    pub(super) fn contains(&self, job: &Job) -> bool {
        self.0.contains(&job.id)
    }
}

/// Returns jobs unsolved until `stop` is cancelled. `step` returns those that are due, and when the
/// next ones may be; it is called then, and when the live jobs have changed.
pub(super) async fn return_unsolved(
    mut jobs: watch::Receiver<Arc<Jobs>>,
    solutions: mpsc::Sender<Solution>,
    stop: CancellationToken,
    mut step: impl FnMut(Instant, &Jobs) -> (Vec<Arc<Job>>, Option<Instant>),
) -> Result<(), WorkerError> {
    loop {
        let live = Arc::clone(&jobs.borrow_and_update());
        let (due, wakeup) = step(Instant::now(), &live);
        for job in due {
            // The receiver is gone only at shutdown.
            if solutions.send(Solution::unsolved(job)).await.is_err() {
                return Ok(());
            }
        }
        // All of these are cancel safe.
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            changed = jobs.changed() => if changed.is_err() { return Ok(()) },
            () = until(wakeup) => {}
        }
    }
}
