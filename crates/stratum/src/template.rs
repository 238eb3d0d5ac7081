//! The work that jobs are made from, and the solutions found for it.
//!
//! Each job carries a creation time of its own, so no two jobs have the same header. The time
//! advances with the monotonic clock and stays behind the node's. Nodes are not known here: the
//! caller identifies work by its key.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chainweb::{ChainId, CreationTime, Difficulty, Nonce, Target, Work, WorkHeader};

/// The part of the elapsed time by which the node's clock may lag behind this machine's, as a
/// divisor.
const DRIFT_MARGIN: u32 = 1024;

/// The most solutions of one work that are reported. The first is enough for the chain; networks
/// of hardly any difficulty have no end of them.
const MAX_SOLUTIONS: usize = 4096;

/// Work for one chain that can still become a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveWork {
    /// Identifies the work in its [`Solution`](crate::Solution)s. New bytes need a new key.
    pub key: u64,
    /// The header and its target.
    pub work: Work,
    /// When the node sent it.
    pub received: Instant,
}

/// The live work.
#[derive(Clone, Debug, Default)]
pub struct LiveSet {
    /// The work, newest first.
    pub works: Arc<[LiveWork]>,
    /// When the event arrived that changed it. `None` if it changes at this moment.
    pub since: Option<Instant>,
}

impl LiveSet {
    /// Returns a set that changes at this moment.
    pub fn new(newest_first: impl Into<Arc<[LiveWork]>>) -> Self {
        Self {
            works: newest_first.into(),
            since: None,
        }
    }
}

/// Work, and the state that its jobs share.
#[derive(Debug)]
pub struct Template {
    live: LiveWork,
    difficulty: Difficulty,
    /// Microseconds since the Unix epoch.
    last_creation_time: AtomicI64,
    retired: OnceLock<Instant>,
    // Locked when a block is found.
    solutions: Mutex<HashSet<(CreationTime, Nonce)>>,
}

/// Whether a solution was reported before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Novelty {
    New,
    /// Reported before, or beyond the number of solutions that are reported.
    Known,
}

impl Template {
    /// Creates a template of which no job has been made.
    pub fn new(live: LiveWork) -> Self {
        let before = live.work.header().creation_time().as_micros() - 1;
        Self {
            difficulty: live.work.target().difficulty(),
            live,
            last_creation_time: AtomicI64::new(before),
            retired: OnceLock::new(),
            solutions: Mutex::default(),
        }
    }

    /// Returns [`LiveWork::key`].
    pub(crate) fn key(&self) -> u64 {
        self.live.key
    }

    /// Returns the largest hash of a block.
    pub(crate) fn block_target(&self) -> Target {
        self.live.work.target()
    }

    /// Returns the difficulty of a block.
    pub(crate) fn difficulty(&self) -> Difficulty {
        self.difficulty
    }

    /// Returns the chain and the height.
    pub(crate) fn place(&self) -> (ChainId, u64) {
        let header = self.live.work.header();
        (header.chain(), header.height())
    }

    /// Returns the header with a creation time that no other job of this work has.
    ///
    /// The time is the node's, plus the time since the work was received less a 1024th for clock
    /// drift, and at least a microsecond after that of the job before.
    pub(crate) fn stamp(&self, now: Instant) -> WorkHeader {
        let header = self.live.work.header();
        let elapsed = now.saturating_duration_since(self.live.received);
        let certain = elapsed.saturating_sub(elapsed / DRIFT_MARGIN);
        let certain = header.creation_time().saturating_add(certain).as_micros();
        let next = |last: i64| certain.max(last.saturating_add(1));
        let last = self
            .last_creation_time
            .update(Ordering::Relaxed, Ordering::Relaxed, next);
        header.with_creation_time(CreationTime::from_micros(next(last)))
    }

    /// Marks the work as retired. Later calls have no effect.
    pub(crate) fn retire(&self, now: Instant) {
        self.retired.set(now).ok();
    }

    /// Returns the time since the work was retired, or `None` while it is live.
    pub(crate) fn retired_for(&self, now: Instant) -> Option<Duration> {
        let retired = self.retired.get()?;
        Some(now.saturating_duration_since(*retired))
    }

    /// Records a solution.
    pub(crate) fn record_solution(&self, time: CreationTime, nonce: Nonce) -> Novelty {
        // No panic leaves the set half changed.
        let mut solutions = self
            .solutions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if solutions.len() < MAX_SOLUTIONS && solutions.insert((time, nonce)) {
            Novelty::New
        } else {
            Novelty::Known
        }
    }
}
