//! The counts of one worker.

use std::time::Instant;

use chainweb::{Difficulty, Level};

use super::rates::Rates;
use super::{REMEMBERED, REMEMBERED_IDLE, WorkerName, WorkerSnapshot};
use crate::message::Refusal;

/// How new the work of an accepted share was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It was live.
    Current,
    /// It had ended, within the grace that such work has.
    Superseded,
}

/// Why a share was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejection {
    /// Its job was superseded too long ago.
    Stale,
    /// Its job is not known.
    UnknownJob,
    /// It had been sent before.
    Duplicate,
    /// Its hash is above the share target.
    LowDifficulty,
    /// Its nonce is malformed, or its job takes no more shares.
    Malformed,
    /// It came before its sender had subscribed.
    NotSubscribed,
    /// It came before its sender was authorized.
    Unauthorized,
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Stale => Self::Stale,
            Refusal::JobNotFound => Self::UnknownJob,
            Refusal::Duplicate => Self::Duplicate,
            Refusal::LowDifficulty => Self::LowDifficulty,
            Refusal::NotSubscribed | Refusal::NoNonce1 => Self::NotSubscribed,
            Refusal::Unauthorized => Self::Unauthorized,
            Refusal::BadRequest(_)
            | Refusal::UnknownMethod
            | Refusal::BadNonce2
            | Refusal::Crowded => Self::Malformed,
        }
    }
}

impl Rejection {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::Stale,
        Self::UnknownJob,
        Self::Duplicate,
        Self::LowDifficulty,
        Self::Malformed,
        Self::NotSubscribed,
        Self::Unauthorized,
    ];

    /// The reason as the label of a metric.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::UnknownJob => "unknown_job",
            Self::Duplicate => "duplicate",
            Self::LowDifficulty => "low_difficulty",
            Self::Malformed => "malformed",
            Self::NotSubscribed => "not_subscribed",
            Self::Unauthorized => "unauthorized",
        }
    }
}

/// Counts of refused shares by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejections([u64; Rejection::ALL.len()]);

impl Rejections {
    /// The shares that were refused for this reason.
    pub const fn of(&self, rejection: Rejection) -> u64 {
        self.0[rejection as usize]
    }

    /// The shares that were refused for other reasons than that their job was too old.
    pub fn but_stale(&self) -> u64 {
        self.0.iter().sum::<u64>() - self.of(Rejection::Stale)
    }

    pub(super) fn add(&mut self, rejection: Rejection) {
        self.0[rejection as usize] += 1;
    }
}

/// In this order, so that a share finds what it changes side by side.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Tally {
    accepted: u64,
    seen: Instant,
    last_share: Option<Instant>,
    rates: Rates,
    best_of_session: Option<Difficulty>,
    best: Option<Difficulty>,
    since: Instant,
    accepted_late: u64,
    rejections: Rejections,
    blocks: u64,
    sessions: u32,
    pub(super) level: Option<Level>,
    pub(super) ran_at: Option<Level>,
}

impl Tally {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            accepted: 0,
            seen: now,
            last_share: None,
            rates: Rates::new(now),
            best_of_session: None,
            best: None,
            since: now,
            accepted_late: 0,
            rejections: Rejections::default(),
            blocks: 0,
            sessions: 0,
            level: None,
            ran_at: None,
        }
    }

    pub(super) fn open(&mut self, now: Instant) {
        if self.sessions == 0 {
            self.best_of_session = None;
        }
        self.sessions += 1;
        self.seen = self.seen.max(now);
    }

    pub(super) fn close(&mut self) {
        self.sessions -= 1;
    }

    pub(super) fn accepted(
        &mut self,
        now: Instant,
        credited: Difficulty,
        found: Difficulty,
        freshness: Freshness,
    ) {
        match freshness {
            Freshness::Current => self.accepted += 1,
            Freshness::Superseded => self.accepted_late += 1,
        }
        self.rates.add(now, credited.as_f64());
        self.last_share = self.last_share.max(Some(now));
        self.seen = self.seen.max(now);
        self.best(found);
    }

    pub(super) fn rejected(&mut self, now: Instant, rejection: Rejection) {
        self.rejections.add(rejection);
        self.seen = self.seen.max(now);
    }

    pub(super) fn block(&mut self, now: Instant, found: Difficulty) {
        self.blocks += 1;
        self.seen = self.seen.max(now);
        self.best(found);
    }

    fn best(&mut self, found: Difficulty) {
        if self.best_of_session.is_none_or(|best| best < found) {
            self.best_of_session = Some(found);
            self.best = self.best.max(Some(found));
        }
    }

    /// Whether the worker has a session or had one of late; notes that it was seen.
    pub(super) fn is_known(&mut self, now: Instant) -> bool {
        if self.sessions > 0 {
            self.seen = self.seen.max(now);
        }
        let remembered = if self.last_share.is_some() || self.blocks > 0 {
            REMEMBERED
        } else {
            REMEMBERED_IDLE
        };
        now.saturating_duration_since(self.seen) < remembered
    }

    pub(super) fn snapshot(&self, name: WorkerName, now: Instant) -> WorkerSnapshot {
        WorkerSnapshot {
            name,
            sessions: self.sessions,
            since: now.saturating_duration_since(self.since),
            unseen: now.saturating_duration_since(self.seen),
            rates: self.rates.read(now),
            accepted: self.accepted,
            accepted_late: self.accepted_late,
            rejections: self.rejections,
            last_share: self
                .last_share
                .map(|last| now.saturating_duration_since(last)),
            best_of_session: self.best_of_session,
            best: self.best,
            blocks: self.blocks,
            level: self.level,
        }
    }
}
