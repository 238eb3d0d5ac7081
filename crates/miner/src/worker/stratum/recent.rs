//! The jobs that a device may still come up with a block for.
//!
//! As many as the coordinator knows solved ones of, so that it can tell a second solution of any of them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::job::Job;

/// How many jobs are kept: those of several minutes on the public networks, where sessions know those of the last
/// seconds.
const KEPT: usize = 256;

/// The newest jobs, live or not.
#[derive(Debug, Default)]
pub(super) struct RecentJobs(VecDeque<Arc<Job>>);

impl RecentJobs {
    /// Keeps a job, in the place of the oldest if there are too many; one that is kept already stays where it is.
    pub(super) fn insert(&mut self, job: &Arc<Job>) {
        if self.get(job.id.0).is_some() {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Arc::clone(job));
    }

    /// The job of this number.
    pub(super) fn get(&self, id: u64) -> Option<&Arc<Job>> {
        // Most are asked for soon after they came.
        self.0.iter().rev().find(|job| job.id.0 == id)
    }
}
