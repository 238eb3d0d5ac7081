//! Jobs that a development worker has returned unsolved while they are still live.
//!
//! A job stays live until the coordinator has retired it. Until then, the worker must not return it
//! a second time. The set never has more entries than there are live jobs.

use crate::job::{Job, JobId, Jobs};

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
