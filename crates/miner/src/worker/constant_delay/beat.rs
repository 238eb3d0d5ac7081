//! The beat, and the blocks that are owed.
//!
//! It begins with the first job and keeps its phase from then on. Where too few jobs are live at a beat, the rest is made
//! up for as soon as jobs come, but never more than one beat's blocks from before the last beat: a job that is late by
//! a little costs nothing, and a node that was away for an hour is not flooded afterwards.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Config;
use crate::job::{Job, Jobs};
use crate::worker::returned::Returned;

/// The chains of the public networks, for which the Haskell client has this number whatever the node's is.
const CHAINS: NonZeroUsize = NonZeroUsize::new(20).expect("not zero");

/// When blocks are made, and of which jobs.
#[derive(Debug)]
pub(super) struct Beat {
    config: Config,
    next: Option<Instant>,
    owed: usize,
    returned: Returned,
}

impl Beat {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            next: None,
            owed: 0,
            returned: Returned::default(),
        }
    }

    /// Gives the jobs that blocks are to be made of now, the oldest first, so that none has to wait for ever.
    pub(super) fn step(&mut self, now: Instant, jobs: &Jobs) -> Vec<Arc<Job>> {
        self.returned.look(jobs);
        self.count(now, jobs);
        let oldest_first = jobs.iter().rev();
        let returned = &mut self.returned;
        let made: Vec<_> = oldest_first
            .filter(|job| !returned.contains(job))
            .take(self.owed)
            .map(Arc::clone)
            .collect();
        for job in &made {
            returned.insert(job);
        }
        self.owed -= made.len();
        made
    }

    /// The next beat.
    pub(super) fn wakeup(&self) -> Option<Instant> {
        self.next
    }

    /// Counts the beats until now.
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
                    self.owed.min(blocks)
                } else {
                    blocks
                };
                self.owed = before + blocks;
                let since_beat = u64::try_from(late_ns % interval.as_nanos()).unwrap_or_default();
                self.next =
                    now.checked_add(interval.saturating_sub(Duration::from_nanos(since_beat)));
            }
        }
    }

    /// The time between two beats, as the number of chains is known now.
    fn interval(&self, jobs: &Jobs) -> Duration {
        let chains = jobs.chains().unwrap_or(CHAINS).get();
        let chains = u32::try_from(chains).unwrap_or(u32::MAX);
        (self.config.block_time / chains).max(Duration::from_nanos(1))
    }
}

#[cfg(test)]
mod tests;
