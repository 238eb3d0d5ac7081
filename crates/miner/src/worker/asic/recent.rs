//! The jobs for which a device can still find a block.
//!
//! There are as many as the coordinator remembers solved jobs, so it can recognize a second
//! solution of any of them.

use std::collections::VecDeque;
use std::sync::Arc;

use stratum::{LiveSet, LiveWork, WorkerName};

use crate::job::{Job, Jobs, Solution};

/// The number of jobs: those of several minutes on the public networks, while sessions remember
/// those of the last seconds.
const KEPT: usize = 256;

/// The newest jobs, live or not.
#[derive(Debug, Default)]
pub(crate) struct RecentJobs(VecDeque<Arc<Job>>);

impl RecentJobs {
    /// Adds a job and removes the oldest if there are too many. A known job keeps its place.
    fn insert(&mut self, job: &Arc<Job>) {
        if self.get(job.id.0).is_some() {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Arc::clone(job));
    }

    /// Returns the job with this id.
    fn get(&self, id: u64) -> Option<&Arc<Job>> {
        // Most lookups are of new jobs.
        self.0.iter().rev().find(|job| job.id.0 == id)
    }

    /// Returns the live jobs for the server and remembers them.
    pub(crate) fn live_works(&mut self, jobs: &Jobs) -> LiveSet {
        let live_work = |job: &Arc<Job>| {
            self.insert(job);
            LiveWork {
                key: job.id.0,
                work: job.work.clone(),
                received: job.received,
            }
        };
        LiveSet {
            works: jobs.iter().map(live_work).collect(),
            since: jobs.changed(),
        }
    }

    /// Returns a solution of the server as one of its job, or `None` if the job is too old.
    pub(crate) fn solution(&self, solution: &stratum::Solution) -> Option<Solution> {
        let device = solution.worker.as_ref().map(WorkerName::as_str);
        Some(Solution {
            job: Arc::clone(self.get(solution.key)?),
            nonce: solution.nonce,
            creation_time: solution.creation_time,
            found_by: device.map(Into::into),
        })
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
