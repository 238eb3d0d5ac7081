//! The work of this run and of earlier ones, and what it means for blocks.
//!
//! The worker counts hashes and expected blocks itself, each hash with the difficulty of its job.
//! Here they are read, and remembered with each block until it is settled.

use std::collections::BTreeMap;
use std::time::Instant;

use super::estimate::{Expected, Luck, Rates, StaleWork, Windows};
use super::event::{BlockEvent, BlockRef};
use crate::job::{JobId, Proof};
use crate::meter::{Meter, Spent};

/// The work of this run, and what it means for blocks. What is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// The expected blocks of this run: all hashes, each over the difficulty of its job.
    pub expected: Option<f64>,
    /// The expected blocks since our last confirmed block was found, in this run or an earlier one.
    pub effort: Option<f64>,
    /// The same since our last block was found that is confirmed or may be yet.
    pub effort_since_found: Option<f64>,
    /// All hashes of this run, and those spent on jobs after they were outdated.
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
    marks: BTreeMap<JobId, f64>,
    /// The same of blocks of earlier runs, by their rows in the history.
    earlier: BTreeMap<i64, f64>,
}

impl WorkWatch {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            spent: None,
            expected: Expected::default(),
            hashes: Windows::new(now),
            found: 0,
            marks: BTreeMap::new(),
            earlier: BTreeMap::new(),
        }
    }

    /// Goes on from the expected blocks of earlier runs, those when the last confirmed block was
    /// found, and the hashes by hour.
    pub(super) fn resume(&mut self, total: f64, confirmed: f64, hours: &[(Instant, f64)]) {
        self.hashes.resume(hours);
        self.expected = Expected::resume(total, confirmed);
    }

    /// Remembers the expected blocks of all runs when a block of an earlier run was found.
    pub(super) fn remember(&mut self, row: i64, found: Option<f64>) {
        self.earlier.extend(found.map(|found| (row, found)));
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
                self.marks.insert(block.job, self.expected.blocks());
                return self.spent.map(|_| self.expected.blocks());
            }
            BlockEvent::Restored { row, .. } => {
                let mark = self.earlier.remove(row);
                self.marks.extend(mark.map(|mark| (block.job, mark)));
            }
            BlockEvent::Confirmed { .. } => {
                if let Some(found) = self.marks.remove(&block.job) {
                    self.expected.confirm(found);
                }
            }
            BlockEvent::Orphaned { .. }
            | BlockEvent::Rejected { .. }
            | BlockEvent::RejectedWithoutPow
            | BlockEvent::RejectedLikeAll
            | BlockEvent::Stale
            | BlockEvent::Untracked { .. } => {
                self.marks.remove(&block.job);
            }
            BlockEvent::Found { .. }
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
        let last_found = self.marks.values().copied().fold(0.0, f64::max);
        Work {
            expected: self.spent.map(|spent| spent.expected),
            effort: self.spent.map(|_| self.expected.effort()),
            effort_since_found: self.spent.map(|_| self.expected.effort_since(last_found)),
            stale,
            rates: self.spent.map(|_| self.hashes.rates(now)),
            found: self.found,
        }
    }
}

#[cfg(test)]
mod tests;
