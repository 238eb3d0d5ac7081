//! Publishes the current jobs to the sessions, slice by slice.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::job_id::JobIds;
use crate::job_set::{JobSet, JobSets};
use crate::server::slice::Slice;
use crate::template::LiveSet;

/// The number of slices. One slice of the sessions is refreshed at a time, so not all devices
/// answer at once, and few enough sessions wake together not to delay a share.
pub(super) const SLICES: usize = 400;

/// The most sessions woken at a time. They run before more are woken, while caches are warm, and
/// so do a due refresh and lines of other sessions.
const WOKEN: usize = 64;

/// The part of the refresh period, as a divisor, in which refreshes pause after new work.
const PAUSE_PART: u32 = 5;

/// The job sets that sessions read.
pub(super) type Slices = Arc<[Arc<Slice<JobSet>>]>;

/// Creates the job sets and publishes them. Dropping it ends the slices, and so the sessions.
#[derive(Debug)]
pub(super) struct Publisher {
    jobs: JobSets,
    slices: Slices,
    /// The places of sessions that are not woken for new work yet.
    to_wake: Range<usize>,
    /// The time in which each slice is refreshed once, and when the next slice is.
    period: Duration,
    due: Instant,
    next: usize,
    paused: Option<Instant>,
}

impl Publisher {
    pub(super) fn new(now: Instant, job_ids: Arc<JobIds>, period: Duration) -> Self {
        let jobs = JobSets::new(job_ids, SLICES);
        let slice = |slice| Arc::new(Slice::new(Arc::clone(jobs.slice(slice))));
        Self {
            slices: (0..SLICES).map(slice).collect(),
            jobs,
            to_wake: 0..0,
            period,
            due: now,
            next: 0,
            paused: None,
        }
    }

    pub(super) fn slices(&self) -> Slices {
        Arc::clone(&self.slices)
    }

    /// Publishes jobs of other work to all sessions, and wakes the first of them. Refreshes what is
    /// due before.
    pub(super) fn set_work(&mut self, now: Instant, live: &LiveSet) {
        self.refresh(now);
        let since = live.since.unwrap_or(now);
        self.jobs.set_work_since(now, &live.works, since);
        let mut most = 0;
        for (index, slice) in self.slices.iter().enumerate() {
            slice.set(Arc::clone(self.jobs.slice(index)));
            most = most.max(slice.places());
        }
        self.to_wake = 0..most * SLICES;
        self.wake_some(now);
        let is_over = |since| now - since >= self.period;
        if self.paused.is_none_or(is_over) {
            self.paused = Some(now);
            self.due += self.period / PAUSE_PART;
        }
    }

    /// Whether sessions are not woken for new work yet.
    pub(super) fn is_waking(&self) -> bool {
        !self.to_wake.is_empty()
    }

    /// Wakes the next sessions for new work. Refreshes what is due before.
    ///
    /// Wakes across the slices: in the order in which the sessions connected, and so nearly in that
    /// of their memory.
    pub(super) fn wake_some(&mut self, now: Instant) {
        self.refresh(now);
        for place in self.to_wake.by_ref().take(WOKEN) {
            self.slices[place % SLICES].wake(place / SLICES);
        }
    }

    /// Returns when to call [`Publisher::refresh`].
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Refreshes the slices that are due: several if this call is late, so that no delay adds to
    /// that of the slices after.
    pub(super) fn refresh(&mut self, now: Instant) {
        let slices = u32::try_from(SLICES).expect("few");
        let interval = self.period / PAUSE_PART * (PAUSE_PART - 1) / slices;
        let interval = interval.max(Duration::from_millis(1));
        for _ in 0..SLICES {
            if now < self.due {
                return;
            }
            self.due += interval;
            self.refresh_next(now);
        }
        self.due = now + interval;
    }

    fn refresh_next(&mut self, now: Instant) {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};
    use std::time::{Duration, Instant};

    use chainweb::Level;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::Publisher;
    use crate::job_id::JobIds;
    use crate::job_set::JobSet;
    use crate::template::{LiveSet, LiveWork};

    fn live(now: Instant, keys: [u64; 2]) -> LiveSet {
        LiveSet::new(keys.map(|key| LiveWork {
            key,
            work: fixtures::work(0, key, Level::new(70).expect("at most 256").target()),
            received: now,
        }))
    }

    /// New work on another chain comes every 50 ms, and every call is late.
    #[test]
    fn late_calls_and_new_work_on_other_lanes_delay_no_refresh() {
        let (period, late) = (Duration::from_secs(1), Duration::from_millis(7));
        let start = Instant::now();
        let ids = Arc::new(JobIds::new(&mut StdRng::seed_from_u64(1)));
        let mut publisher = Publisher::new(start, ids, period);
        publisher.set_work(start, &live(start, [1, 2]));
        let slices = publisher.slices();
        let slices = slices.iter();
        let mut sessions: Vec<_> = slices.map(|slice| (slice.read(), start)).collect();
        let mut longest = Duration::ZERO;
        for step in 1..700_u32 {
            let now = start + late * step;
            if step.is_multiple_of(7) {
                publisher.set_work(now, &live(now, [1, u64::from(2 + step)]));
            } else {
                publisher.wake_some(now);
            }
            for ((jobs, reader), sent) in &mut sessions {
                let cx = Context::from_waker(Waker::noop());
                if let Poll::Ready(Ok(next)) = reader.poll_changed(&cx) {
                    let id = |jobs: &JobSet| jobs.job_for(0).map(|job| job.id());
                    if id(&next) != id(jobs) {
                        longest = longest.max(now - *sent);
                        *sent = now;
                    }
                    *jobs = next;
                }
            }
        }
        assert!(sessions.iter().all(|(_, sent)| *sent > start + 3 * period));
        assert!(longest <= period + late, "{longest:?}");
    }
}
