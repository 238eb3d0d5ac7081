//! The jobs for which a device can still find a block.
//!
//! There are as many as the coordinator remembers solved jobs, so it can recognize a second
//! solution of any of them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::job::Job;

/// The number of jobs: those of several minutes on the public networks, while sessions remember
/// those of the last seconds.
const KEPT: usize = 256;

/// The newest jobs, live or not.
#[derive(Debug, Default)]
pub(super) struct RecentJobs(VecDeque<Arc<Job>>);

impl RecentJobs {
    /// Adds a job and removes the oldest if there are too many. A known job keeps its place.
    pub(super) fn insert(&mut self, job: &Arc<Job>) {
        if self.get(job.id.0).is_some() {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Arc::clone(job));
    }

    /// Returns the job with this id.
    pub(super) fn get(&self, id: u64) -> Option<&Arc<Job>> {
        // Most lookups are of new jobs.
        self.0.iter().rev().find(|job| job.id.0 == id)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{KEPT, RecentJobs};
    use crate::job::Job;
    use crate::worker::sample::job_at;

    fn job(id: usize) -> Arc<Job> {
        job_at(0, id as u64)
    }

    #[test]
    fn oldest_job_is_removed_for_a_new_one() {
        let mut recent = RecentJobs::default();
        for id in 0..KEPT {
            recent.insert(&job(id));
        }
        // A job that stays live is published again and again.
        for _ in 0..10 {
            recent.insert(&job(0));
        }
        let kept = |recent: &RecentJobs| -> Vec<u64> {
            (0..KEPT as u64 + 10)
                .filter_map(|id| recent.get(id).map(|job| job.id.0))
                .collect()
        };
        assert_eq!(kept(&recent), (0..KEPT as u64).collect::<Vec<_>>());
        recent.insert(&job(KEPT));
        assert_eq!(kept(&recent), (1..=KEPT as u64).collect::<Vec<_>>());
    }
}
