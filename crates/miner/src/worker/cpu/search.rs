//! What one hashing thread does between two looks at the clock.
//!
//! It chooses a job, keeps its creation time fresh, sizes its batches by time and walks through its part of the
//! nonces. No thread, no channel to wait on, and no allocation while a job lasts.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{CreationTime, Nonce, WorkHeader};
use pow::{Kernel, NonceRange, Prepared};
use tokio::sync::watch;

use super::Config;
use crate::job::{Job, JobId, Jobs, Solution};

/// Batches never get smaller, so that they end even on a machine whose clock stands still.
const LEAST_BATCH: u64 = 256;
/// Nor larger than this, so that one look at the clock gone wrong cannot bind a thread for long.
const LARGEST_BATCH: u64 = 1 << 22;

/// The search of one thread.
#[derive(Debug)]
pub(super) struct Search {
    jobs: watch::Receiver<Arc<Jobs>>,
    kernel: Kernel,
    restamp: Duration,
    batch_time: Duration,
    batch: u64,
    next_nonce: u64,
    current: Option<Current>,
    /// The last job that this thread has solved; the coordinator has yet to take it from the live ones.
    solved: Option<JobId>,
    last_step: Option<Instant>,
}

#[derive(Debug)]
struct Current {
    job: Arc<Job>,
    header: WorkHeader,
    prepared: Prepared,
    creation_time: CreationTime,
    stamped: Instant,
}

/// What a step has done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It has tried a batch of nonces.
    Hashed {
        hashes: u64,
        solution: Option<Solution>,
    },
    /// There is no job to hash.
    Idle,
}

impl Search {
    pub(super) fn new(config: &Config, index: usize, mut jobs: watch::Receiver<Arc<Jobs>>) -> Self {
        // What is there already counts as new.
        jobs.mark_changed();
        let part = (u64::MAX / config.threads.get() as u64).wrapping_mul(index as u64);
        Self {
            jobs,
            kernel: config.kernel,
            restamp: config.timing.restamp,
            batch_time: config.timing.batch,
            batch: LEAST_BATCH,
            next_nonce: config.first_nonce.wrapping_add(part),
            current: None,
            solved: None,
            last_step: None,
        }
    }

    /// Waits for other jobs; an error says that there will be none.
    pub(super) fn changed(&mut self) -> impl Future<Output = Result<(), watch::error::RecvError>> {
        self.last_step = None;
        self.jobs.changed()
    }

    /// Tries a batch of nonces on a live job.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        self.size_batch(now);
        // Waiting for other jobs has marked them as seen.
        if self.current.is_none() || self.jobs.has_changed().unwrap_or(false) {
            self.choose(now);
        }
        let Some(current) = &mut self.current else {
            self.last_step = None;
            return Step::Idle;
        };
        if now.saturating_duration_since(current.stamped) >= self.restamp {
            current.stamp(now);
        }
        let range = NonceRange::new(Nonce::new(self.next_nonce), self.batch);
        let found = current.prepared.search(self.kernel, range);
        let hashes = match found {
            Some(nonce) => nonce.get().wrapping_sub(self.next_nonce) + 1,
            None => self.batch,
        };
        self.next_nonce = self.next_nonce.wrapping_add(hashes);
        let solution = found.map(|nonce| Solution {
            job: Arc::clone(&current.job),
            nonce,
            creation_time: current.creation_time,
        });
        if let Some(solution) = &solution {
            self.solved = Some(solution.job.id);
            self.choose(now);
        }
        Step::Hashed { hashes, solution }
    }

    /// Keeps the batch near its intended time, at most doubling or halving it.
    fn size_batch(&mut self, now: Instant) {
        if let Some(last) = self.last_step.replace(now) {
            let took = now.saturating_duration_since(last);
            if took > self.batch_time.mul_f64(1.5) {
                self.batch = (self.batch / 2).max(LEAST_BATCH);
            } else if took < self.batch_time.mul_f64(0.6) {
                self.batch = (self.batch * 2).min(LARGEST_BATCH);
            }
        }
    }

    /// Stays on the job while it is live and not solved, or takes the newest other.
    fn choose(&mut self, now: Instant) {
        let jobs = Arc::clone(&self.jobs.borrow_and_update());
        let solved = self.solved;
        let goes_on = self
            .current
            .as_ref()
            .is_some_and(|current| solved != Some(current.job.id) && jobs.contains(current.job.id));
        if !goes_on {
            let next = jobs.iter().find(|job| solved != Some(job.id));
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
            job,
            header,
            prepared,
            creation_time,
            stamped: now,
        }
    }

    /// Moves the creation time on to now.
    fn stamp(&mut self, now: Instant) {
        self.creation_time = self.job.creation_time_at(now);
        self.header.set_creation_time(self.creation_time);
        self.prepared = Prepared::new(&self.header, &self.job.work.target());
        self.stamped = now;
    }
}

#[cfg(test)]
mod tests;
