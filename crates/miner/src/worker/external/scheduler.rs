//! Assigns live jobs to processes.
//!
//! A process keeps its job as long as the job is live. A free process gets a job without a
//! process, the newest first. If there are fewer jobs than processes, it shares one after a while.
//! Each header of a job has its own creation time, so no two commands hash the same header.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chainweb::{Nonce, WorkHeader};
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::failure::{Failure, REVERSED};
use crate::job::{Job, Jobs, Solution};

/// A job assigned to one or more processes.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) job: Arc<Job>,
    /// The number of headers issued, shared by all processes on this job.
    issued: Arc<AtomicU64>,
}

/// A header for one command.
#[derive(Debug)]
pub(super) struct IssuedWork {
    pub(super) job: Arc<Job>,
    pub(super) header: WorkHeader,
}

impl Task {
    /// Issues a header and waits until the job may have its creation time.
    pub(super) async fn issue(&self) -> IssuedWork {
        let (work, valid_from) = self.next_work();
        sleep_until(valid_from.into()).await;
        work
    }

    /// Returns work and the time from which it is valid. The first header is the job's own; each
    /// further one is a microsecond later.
    fn next_work(&self) -> (IssuedWork, Instant) {
        let offset = Duration::from_micros(self.issued.fetch_add(1, Ordering::Relaxed));
        let header = self.job.work.header();
        let creation_time = header.creation_time().saturating_add(offset);
        let work = IssuedWork {
            job: Arc::clone(&self.job),
            header: header.with_creation_time(creation_time),
        };
        // Twice the offset: `Job::creation_time_at` runs slightly slower than the clock.
        (work, self.job.received + 2 * offset)
    }
}

impl IssuedWork {
    /// Returns the solution with this nonce.
    ///
    /// # Errors
    ///
    /// Returns [`Failure::WrongNonce`] if the nonce does not solve the header.
    pub(super) fn solution(&self, nonce: Nonce) -> Result<Solution, Failure> {
        let target = self.header.target();
        let solves = |nonce| pow::verify(&self.header.with_nonce(nonce), &target);
        if solves(nonce) {
            return Ok(Solution {
                job: Arc::clone(&self.job),
                nonce,
                creation_time: self.header.creation_time(),
                found_by: None,
            });
        }
        let reversed = Nonce::new(nonce.get().swap_bytes());
        Err(Failure::WrongNonce(
            nonce,
            if solves(reversed) { REVERSED } else { "" },
        ))
    }
}

/// The assignment of jobs to processes.
#[derive(Debug)]
pub(super) struct Scheduler {
    slots: Vec<Slot>,
    patience: Duration,
}

/// The place of one process.
#[derive(Debug)]
struct Slot {
    task: Option<Task>,
    /// When the last job was lost.
    free_since: Instant,
    sender: watch::Sender<Option<Task>>,
}

impl Scheduler {
    /// A scheduler for processes without jobs. A process waits for `patience` before it shares one.
    pub(super) fn new(now: Instant, processes: usize, patience: Duration) -> Self {
        let slot = |_| Slot {
            task: None,
            free_since: now,
            sender: watch::Sender::new(None),
        };
        let slots = (0..processes).map(slot).collect();
        Self { slots, patience }
    }

    /// Returns a receiver for the current task of a process.
    pub(super) fn subscribe(&self, process: usize) -> watch::Receiver<Option<Task>> {
        self.slots[process].sender.subscribe()
    }

    /// Assigns jobs to free processes and to those whose job is no longer live.
    pub(super) fn assign(&mut self, now: Instant, jobs: &Jobs) {
        for index in 0..self.slots.len() {
            let slot = &mut self.slots[index];
            let is_lost = match &slot.task {
                Some(task) if jobs.contains(task.job.id) => continue,
                task => task.is_some(),
            };
            if is_lost {
                slot.free_since = now;
            }
            let may_share = now >= slot.free_since + self.patience;
            let next = self.choose(jobs, may_share);
            if is_lost || next.is_some() {
                self.slots[index].task.clone_from(&next);
                self.slots[index].sender.send_replace(next);
            }
        }
    }

    /// Returns the newest of the jobs with the fewest processes, if it has none or `may_share`.
    fn choose(&self, jobs: &Jobs, may_share: bool) -> Option<Task> {
        let processes = |job: &Job| self.tasks().filter(|task| task.job.id == job.id).count();
        let job = jobs.iter().min_by_key(|job| processes(job))?;
        match self.tasks().find(|task| task.job.id == job.id) {
            None => Some(Task {
                job: Arc::clone(job),
                issued: Arc::default(),
            }),
            shared => shared.filter(|_| may_share).cloned(),
        }
    }

    fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.slots.iter().filter_map(|slot| slot.task.as_ref())
    }

    /// Returns when a free process may share a job, if there is one to share.
    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        self.tasks().next()?;
        let free = self.slots.iter().filter(|slot| slot.task.is_none());
        free.map(|slot| slot.free_since + self.patience).min()
    }
}

#[cfg(test)]
mod tests {
    use chainweb::CreationTime;

    use super::*;
    use crate::worker::external::test_job::job;

    const PATIENCE: Duration = Duration::from_millis(500);

    fn ids(scheduler: &Scheduler) -> Vec<Option<u64>> {
        let id = |slot: &Slot| slot.task.as_ref().map(|task| task.job.id.0);
        scheduler.slots.iter().map(id).collect()
    }

    /// Assigns these live jobs.
    #[track_caller]
    fn check(scheduler: &mut Scheduler, now: Instant, live: &[u64], expected: [Option<u64>; 3]) {
        let jobs = Jobs::new(live.iter().map(|id| job(*id)).collect());
        scheduler.assign(now, &jobs);
        assert_eq!(ids(scheduler), expected);
    }

    #[test]
    fn each_process_has_its_own_job_if_there_are_enough() {
        let start = Instant::now();
        let mut scheduler = Scheduler::new(start, 3, PATIENCE);
        assert_eq!(
            (ids(&scheduler), scheduler.next_wakeup()),
            (vec![None; 3], None)
        );
        // The newest is assigned first; a process without a job waits.
        check(&mut scheduler, start, &[2, 1], [Some(2), Some(1), None]);
        assert_eq!(scheduler.next_wakeup(), Some(start + PATIENCE));
        check(
            &mut scheduler,
            start,
            &[4, 3, 2, 1],
            [Some(2), Some(1), Some(4)],
        );
        assert_eq!(scheduler.next_wakeup(), None);
        // A process keeps a live job.
        check(
            &mut scheduler,
            start,
            &[5, 4, 3, 1],
            [Some(5), Some(1), Some(4)],
        );
        // There are fewer jobs than processes.
        let later = start + Duration::from_secs(1);
        check(&mut scheduler, later, &[4], [None, None, Some(4)]);
        check(&mut scheduler, later + PATIENCE, &[4], [Some(4); 3]);
        // Processes that share a live job keep it.
        check(&mut scheduler, later + PATIENCE, &[6, 4], [Some(4); 3]);
        check(&mut scheduler, later + PATIENCE, &[], [None; 3]);
        assert_eq!(scheduler.next_wakeup(), None);
        // After a long wait the processes spread over all jobs.
        let late = later + 3 * PATIENCE;
        check(&mut scheduler, late, &[8, 7], [Some(8), Some(7), Some(8)]);
    }

    #[test]
    fn headers_of_a_job_are_unique_and_the_first_is_its_own() {
        let start = Instant::now();
        let mut scheduler = Scheduler::new(start, 2, Duration::ZERO);
        let job = job(1);
        scheduler.assign(start, &Jobs::new(vec![Arc::clone(&job)]));
        let tasks: Vec<_> = scheduler.tasks().collect();
        let issued = [0, 1, 0].map(|process: usize| tasks[process].next_work());
        let own = job.work.header();
        for (micros, (work, valid_from)) in (0..).zip(issued) {
            let creation_time = CreationTime::from_micros(own.creation_time().as_micros() + micros);
            assert_eq!(work.header.creation_time(), creation_time);
            assert_eq!(work.header, own.with_creation_time(creation_time));
            // The coordinator accepts it from then on.
            assert!(creation_time <= job.creation_time_at(valid_from));
        }
    }
}
