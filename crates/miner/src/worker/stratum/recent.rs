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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use chainweb::Target;

    use super::{KEPT, RecentJobs};
    use crate::job::{Job, JobId, NodeId};

    fn job(id: usize) -> Arc<Job> {
        Arc::new(Job {
            id: JobId(id as u64),
            node: NodeId(0),
            work: fixtures::work(0, id as u64, Target::MAX),
            received: Instant::now(),
        })
    }

    #[test]
    fn the_newest_jobs_are_kept_and_the_oldest_goes_for_one_more() {
        let mut recent = RecentJobs::default();
        for id in 0..KEPT {
            recent.insert(&job(id));
        }
        // A job that stays live is published over and over.
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
