//! The work that jobs are made of, as it comes in, and what is remembered of it.
//!
//! A work is stamped with a new creation time for every job, never the same twice, so that no two jobs have the same
//! header. The time moves with the monotonic clock and stays behind the node's. Who hands out the work and takes its
//! solutions is not known here: the key says it to somebody else.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chainweb::{CreationTime, Nonce, Target, Work, WorkHeader};

/// The part of the time passed by which the node's clock may lag behind this machine's, as a divisor.
const DRIFT_MARGIN: u32 = 1024;

/// The most solutions of one work that are told: the first is enough for the chain, and on networks with hardly any
/// difficulty they come without end.
const MAX_SOLUTIONS: usize = 4096;

/// A work that is worth mining.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveWork {
    /// The name by which its solutions are told; new bytes have a new one.
    pub key: u64,
    /// What is to be solved.
    pub work: Work,
    /// When it arrived.
    pub received: Instant,
}

/// A work with what jobs share that are made of it.
#[derive(Debug)]
pub struct Origin {
    live: LiveWork,
    /// Microseconds since the Unix epoch.
    last_stamp: AtomicI64,
    ended: OnceLock<Instant>,
    // Held when a block is found.
    solved: Mutex<HashSet<(CreationTime, Nonce)>>,
}

/// Whether something was told already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// It was not.
    New,
    /// It was, or there is no place to remember it.
    Known,
}

impl Origin {
    /// The origin of a work of which no job has been made.
    pub fn new(live: LiveWork) -> Self {
        let before = live.work.header().creation_time().as_micros() - 1;
        Self {
            live,
            last_stamp: AtomicI64::new(before),
            ended: OnceLock::new(),
            solved: Mutex::default(),
        }
    }

    /// The name of the work.
    pub fn key(&self) -> u64 {
        self.live.key
    }

    /// The target of a block.
    pub fn block_target(&self) -> Target {
        self.live.work.target()
    }

    /// The header with a creation time that no other job of this work has: the work's own, moved by the time since it
    /// was received less a 1024th, for clocks that go apart, or a microsecond after the last stamp.
    pub fn stamp(&self, now: Instant) -> WorkHeader {
        let header = self.live.work.header();
        let elapsed = now.saturating_duration_since(self.live.received);
        let certain = elapsed.saturating_sub(elapsed / DRIFT_MARGIN);
        let certain = header.creation_time().saturating_add(certain).as_micros();
        let next = |last: i64| certain.max(last.saturating_add(1));
        let last = self
            .last_stamp
            .update(Ordering::Relaxed, Ordering::Relaxed, next);
        header.with_creation_time(CreationTime::from_micros(next(last)))
    }

    /// Marks the work as worth nothing any more.
    pub fn end(&self, now: Instant) {
        // An end stays where it was first seen.
        self.ended.set(now).ok();
    }

    /// Since when the work is worth nothing; `None` while it is live.
    pub fn ended_for(&self, now: Instant) -> Option<Duration> {
        let ended = self.ended.get()?;
        Some(now.saturating_duration_since(*ended))
    }

    /// Remembers a solution.
    pub fn solve(&self, time: CreationTime, nonce: Nonce) -> Novelty {
        // No panic leaves the set half changed.
        let mut solved = self.solved.lock().unwrap_or_else(PoisonError::into_inner);
        if solved.len() < MAX_SOLUTIONS && solved.insert((time, nonce)) {
            Novelty::New
        } else {
            Novelty::Known
        }
    }
}
