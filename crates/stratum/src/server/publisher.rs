//! Publishes the current jobs to the sessions, slice by slice.

use std::sync::Arc;
use std::time::Instant;

use crate::job_id::JobIds;
use crate::job_set::{JobSet, JobSets};
use crate::server::slice::Slice;
use crate::template::LiveSet;

/// The number of slices. One slice of the sessions is refreshed at a time, so not all devices
/// answer at once, and few enough sessions wake together not to delay a share.
pub(super) const SLICES: usize = 400;

/// The job sets that sessions read.
pub(super) type Slices = Arc<[Arc<Slice<JobSet>>]>;

/// Creates the job sets and publishes them. Dropping it ends the slices, and so the sessions.
#[derive(Debug)]
pub(super) struct Publisher {
    jobs: JobSets,
    slices: Slices,
    next: usize,
}

impl Publisher {
    pub(super) fn new(job_ids: Arc<JobIds>) -> Self {
        let jobs = JobSets::new(job_ids, SLICES);
        let slice = |slice| Arc::new(Slice::new(Arc::clone(jobs.slice(slice))));
        Self {
            slices: (0..SLICES).map(slice).collect(),
            jobs,
            next: 0,
        }
    }

    pub(super) fn slices(&self) -> Slices {
        Arc::clone(&self.slices)
    }

    /// Publishes jobs of other work to all sessions.
    pub(super) async fn set_work(&mut self, now: Instant, live: &LiveSet) {
        let since = live.since.unwrap_or(now);
        self.jobs.set_work_since(now, &live.works, since);
        for (index, slice) in self.slices.iter().enumerate() {
            slice.set(Arc::clone(self.jobs.slice(index)));
        }
        // Wakes across the slices: in the order in which the sessions connected, and so nearly in
        // that of their memory. Woken sessions run before more are woken, while caches are warm.
        let mut index = 0;
        while self
            .slices
            .iter()
            .filter_map(|slice| slice.wake(index))
            .count()
            > 0
        {
            index += 1;
            tokio::task::yield_now().await;
        }
    }

    /// Refreshes the next slice.
    pub(super) fn refresh_next(&mut self, now: Instant) {
        let index = self.next;
        self.next = (index + 1) % SLICES;
        let slice = &self.slices[index];
        if slice.has_readers() {
            self.jobs.refresh(now, index);
            slice.publish(Arc::clone(self.jobs.slice(index)));
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.slices.iter().for_each(|slice| slice.end());
    }
}
