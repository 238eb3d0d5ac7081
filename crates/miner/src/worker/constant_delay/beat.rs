//! The beat, and the number of blocks due.
//!
//! The beat starts with the first job and keeps its phase. Blocks missing at a beat for lack of
//! jobs are produced when jobs arrive, at most those of one earlier beat. So a slightly late job
//! costs nothing, and an outage of the node is not followed by a flood of blocks.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ConstantDelay;
use crate::job::{Job, Jobs};
use crate::worker::returned::Returned;

/// The number of chains if the node does not report it: the public networks have 20, and the
/// Haskell client always uses 20.
const CHAINS: NonZeroUsize = NonZeroUsize::new(20).expect("not zero");

/// The state of the beat.
#[derive(Debug)]
pub(super) struct Beat {
    config: ConstantDelay,
    next: Option<Instant>,
    due: usize,
    returned: Returned,
}

impl Beat {
    pub(super) fn new(config: ConstantDelay) -> Self {
        Self {
            config,
            next: None,
            due: 0,
            returned: Returned::default(),
        }
    }

    /// Returns the jobs to return unsolved now, oldest first, so that no job waits forever.
    pub(super) fn step(&mut self, now: Instant, jobs: &Jobs) -> Vec<Arc<Job>> {
        self.returned.forget_retired(jobs);
        self.count(now, jobs);
        let oldest_first = jobs.iter().rev();
        let returned = &mut self.returned;
        let made: Vec<_> = oldest_first
            .filter(|job| !returned.contains(job))
            .take(self.due)
            .map(Arc::clone)
            .collect();
        for job in &made {
            returned.insert(job);
        }
        self.due -= made.len();
        made
    }

    /// Returns the time of the next beat.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        self.next
    }

    /// Adds the blocks of the beats up to `now` to those due.
    fn count(&mut self, now: Instant, jobs: &Jobs) {
        let interval = self.interval(jobs);
        match self.next {
            None if jobs.iter().len() == 0 => {}
            None => self.next = now.checked_add(interval),
            Some(next) if now < next => {}
            Some(next) => {
                let late_ns = now.saturating_duration_since(next).as_nanos();
                let blocks = self.config.blocks.get();
                let before = if late_ns < interval.as_nanos() {
                    self.due.min(blocks)
                } else {
                    blocks
                };
                self.due = before + blocks;
                let since_beat = u64::try_from(late_ns % interval.as_nanos()).unwrap_or_default();
                self.next =
                    now.checked_add(interval.saturating_sub(Duration::from_nanos(since_beat)));
            }
        }
    }

    /// Returns the time between two beats for the current number of chains.
    fn interval(&self, jobs: &Jobs) -> Duration {
        let chains = jobs.chains().unwrap_or(CHAINS).get();
        let chains = u32::try_from(chains).unwrap_or(u32::MAX);
        (self.config.block_time / chains).max(Duration::from_nanos(1))
    }
}

#[cfg(test)]
mod tests;
