//! The work of this run and of earlier ones, and what it means for blocks.
//!
//! The worker counts hashes and expected blocks itself, each hash with the difficulty of its job.
//! Here they are read, and remembered with each block until it is settled.

use std::collections::BTreeMap;
use std::time::Instant;

use super::estimate::{Expected, Luck, Mark, Rates, StaleWork, Windows};
use super::event::{BlockEvent, BlockRef};
use crate::job::{JobId, Proof};
use crate::meter::{Meter, Spent};

/// The work of this run, and what it means for blocks. What is not known is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// The expected blocks of this run: all hashes, each over the difficulty of its job.
    pub expected: Option<f64>,
    /// The expected blocks since our last confirmed block was found, in this run or an earlier one.
    pub effort: Option<f64>,
    /// Hashes spent on jobs after they were outdated.
    pub stale: StaleWork,
    /// All hashes per second.
    pub rates: Option<Rates>,
    /// The blocks found in this run with proof of work, whatever became of them.
    pub found: u64,
}

impl Work {
    /// Returns the luck of this run.
    pub fn luck(&self) -> Option<Luck> {
        Some(Luck::of(self.found, self.expected?))
    }
}

/// Follows the work, and the blocks that are not settled.
#[derive(Debug)]
pub(super) struct WorkWatch {
    /// The work of this run when it was last read.
    spent: Option<Spent>,
    /// The work of this run and of earlier ones.
    expected: Expected,
    hashes: Windows,
    found: u64,
    /// The work done when each block was found, until the block is settled: no more blocks than
    /// the coordinator submits and tracks.
    marks: BTreeMap<JobId, Mark>,
}

impl WorkWatch {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            spent: None,
            expected: Expected::default(),
            hashes: Windows::new(now),
            found: 0,
            marks: BTreeMap::new(),
        }
    }

    /// Reads the work done since the last call.
    pub(super) fn read(&mut self, now: Instant, meter: &Meter) {
        let Some(spent) = meter.spent() else {
            return;
        };
        let before = self.spent.replace(spent).unwrap_or_default();
        self.expected.grow(spent.expected - before.expected);
        self.hashes.add(now, spent.hashes - before.hashes);
    }

    /// Notes what changed about a block. Returns the expected blocks of all runs when it was found,
    /// if it was found just now and its work is known.
    pub(super) fn note(
        &mut self,
        now: Instant,
        meter: &Meter,
        block: &BlockRef,
        event: &BlockEvent,
    ) -> Option<f64> {
        match event {
            BlockEvent::Found {
                proof: Proof::Verified,
                ..
            } => {
                self.read(now, meter);
                self.found += 1;
                self.marks.insert(block.job, self.expected.mark());
                return self.spent.and(self.expected.blocks());
            }
            BlockEvent::Confirmed { .. } => {
                if let Some(found) = self.marks.remove(&block.job) {
                    self.expected.confirm(found);
                }
            }
            BlockEvent::Orphaned { .. }
            | BlockEvent::Rejected { .. }
            | BlockEvent::RejectedWithoutPow
            | BlockEvent::Stale
            | BlockEvent::Untracked { .. } => {
                self.marks.remove(&block.job);
            }
            BlockEvent::Found { .. }
            | BlockEvent::Restored { .. }
            | BlockEvent::SubmissionFailed { .. }
            | BlockEvent::Submitted { .. }
            | BlockEvent::SubmissionUncertain { .. }
            | BlockEvent::Accepted
            | BlockEvent::Displaced { .. } => {}
        }
        None
    }

    /// Returns what was known when the work was last read.
    pub(super) fn work(&self, now: Instant) -> Work {
        let mut stale = StaleWork::default();
        let parts = self
            .spent
            .map(|spent| (spent.hashes - spent.stale, spent.stale));
        let (current, outdated) = parts.unzip();
        stale.add(current, outdated);
        Work {
            expected: self.spent.map(|spent| spent.expected),
            effort: self.spent.and(self.expected.effort()),
            stale,
            rates: self.spent.map(|_| self.hashes.rates(now)),
            found: self.found,
        }
    }
}

#[cfg(test)]
mod tests;
