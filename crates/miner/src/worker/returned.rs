//! The jobs that a development worker has given back and that are still shown as live.
//!
//! Between giving a job back and hearing that it has left, a worker could take it up again. What is remembered here is
//! never more than the live jobs.

use crate::job::{Job, JobId, Jobs};

/// Jobs that are not taken up again.
#[derive(Debug, Default)]
pub(super) struct Returned(Vec<JobId>);

impl Returned {
    /// Forgets what has left.
    pub(super) fn look(&mut self, jobs: &Jobs) {
        self.0.retain(|id| jobs.contains(*id));
    }

    /// Notes the job. Whether it had not been noted before.
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
