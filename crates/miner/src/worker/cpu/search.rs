//! The search of one hashing thread, batch by batch.
//!
//! A search chooses a job, keeps its creation time fresh, adapts the size of its batches, and walks
//! through its range of nonces. It does not block, and does not allocate while a job lasts.

mod batch;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{CreationTime, Difficulty, Nonce, WorkHeader};
use pow::{NonceRange, Prepared, Searcher};
use tokio::sync::watch;

use self::batch::Batch;
use super::Config;
use crate::job::{Job, JobId, Jobs, Solution};

/// The search of one thread.
#[derive(Debug)]
pub(super) struct Search {
    jobs: watch::Receiver<Arc<Jobs>>,
    searcher: Searcher,
    restamp: Duration,
    batch: Batch,
    next_nonce: u64,
    current: Option<Current>,
    /// The start and the hashes of the last batch, if that did not solve its job.
    last: Option<(Instant, u64)>,
    /// Jobs solved by this thread and not retired by the coordinator yet.
    solved: Vec<JobId>,
}

#[derive(Debug)]
struct Current {
    job: Arc<Job>,
    difficulty: Difficulty,
    header: WorkHeader,
    prepared: Prepared,
    creation_time: CreationTime,
    stamped: Instant,
}

/// The result of a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A batch of nonces was hashed.
    Hashed {
        hashes: u64,
        /// That of the job.
        difficulty: Difficulty,
        solution: Option<Solution>,
    },
    /// There is no job.
    Idle,
}

impl Search {
    pub(super) fn new(config: &Config, index: usize, mut jobs: watch::Receiver<Arc<Jobs>>) -> Self {
        // The current jobs count as new.
        jobs.mark_changed();
        let part = (u64::MAX / config.threads.get() as u64).wrapping_mul(index as u64);
        Self {
            jobs,
            searcher: config.searcher,
            restamp: config.timing.restamp,
            batch: Batch::new(config.timing.batch),
            next_nonce: config.first_nonce.wrapping_add(part),
            current: None,
            last: None,
            solved: Vec::new(),
        }
    }

    /// Waits for a change of jobs.
    ///
    /// # Errors
    ///
    /// Returns an error if there will be no more jobs.
    pub(super) fn changed(&mut self) -> impl Future<Output = Result<(), watch::error::RecvError>> {
        self.batch.forget();
        self.jobs.changed()
    }

    /// Returns the hashes of the last batch, which ends now, that were spent after its job was
    /// outdated.
    pub(super) fn stale(&mut self, now: Instant) -> f64 {
        let (Some((started, hashes)), Some(current)) = (self.last.take(), &self.current) else {
            return 0.0;
        };
        hashes as f64 * current.job.outdated_part(started, now)
    }

    /// Leaves the job, which may be retired before the next step.
    pub(super) fn rest(&mut self) -> Step {
        self.current = None;
        Step::Idle
    }

    /// Hashes a batch of nonces of a live job. Returns [`Step::Idle`] if there is no job, which is
    /// final once the sender of jobs is dropped.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        match self.jobs.has_changed() {
            Ok(false) if self.current.is_some() => {}
            // A search that waited for a change has already marked it as seen.
            Ok(_) => self.choose(now),
            Err(_) => self.current = None,
        }
        let Some(current) = &mut self.current else {
            return Step::Idle;
        };
        self.batch.resize(now);
        if now.saturating_duration_since(current.stamped) >= self.restamp {
            current.stamp(now);
        }
        let range = NonceRange::new(Nonce::new(self.next_nonce), self.batch.size);
        let found = current.prepared.search(&self.searcher, range);
        let hashes = match found {
            Some(nonce) => nonce.get().wrapping_sub(self.next_nonce) + 1,
            None => self.batch.size,
        };
        self.next_nonce = self.next_nonce.wrapping_add(hashes);
        let difficulty = current.difficulty;
        self.last = found.is_none().then_some((now, hashes));
        let solution = found.map(|nonce| Solution {
            job: Arc::clone(&current.job),
            nonce,
            creation_time: current.creation_time,
            found_by: None,
        });
        if let Some(solution) = &solution {
            // The batch ended early, so its time is no measure of its size.
            self.batch.forget();
            self.solved.push(solution.job.id);
            self.choose(now);
        }
        Step::Hashed {
            hashes,
            difficulty,
            solution,
        }
    }

    /// Keeps the job while it is live and not solved, or changes to the newest other.
    fn choose(&mut self, now: Instant) {
        let jobs = Arc::clone(&self.jobs.borrow_and_update());
        self.solved.retain(|id| jobs.contains(*id));
        let solved = &self.solved;
        let keeps_job = self.current.as_ref().is_some_and(|current| {
            jobs.contains(current.job.id) && !solved.contains(&current.job.id)
        });
        if !keeps_job {
            let next = jobs.iter().find(|job| !solved.contains(&job.id));
            self.current = next.map(|job| Current::new(Arc::clone(job), now));
        }
    }
}

impl Current {
    fn new(job: Arc<Job>, now: Instant) -> Self {
        let creation_time = job.creation_time_at(now);
        let header = job.work.header().with_creation_time(creation_time);
        let prepared = Prepared::new(&header, &job.work.target());
        Self {
            difficulty: job.work.target().difficulty(),
            job,
            header,
            prepared,
            creation_time,
            stamped: now,
        }
    }

    /// Sets the creation time to `now`.
    fn stamp(&mut self, now: Instant) {
        self.creation_time = self.job.creation_time_at(now);
        self.header.set_creation_time(self.creation_time);
        self.prepared = Prepared::new(&self.header, &self.job.work.target());
        self.stamped = now;
    }
}

#[cfg(test)]
mod tests;
