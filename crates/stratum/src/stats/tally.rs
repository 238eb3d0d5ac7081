//! The counts of one worker.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level};

use crate::stats::Earlier;
use crate::stats::name::WorkerName;
use crate::stats::rejection::{Freshness, Rejection, Rejections};
use crate::stats::snapshot::WorkerSnapshot;
use crate::stats::total::Credit;

/// How long a worker without a session is kept.
const KEPT: Duration = Duration::from_hours(24);

/// As [`KEPT`], for a worker without an accepted share: a scanner, or a mistyped name.
const KEPT_IDLE: Duration = Duration::from_hours(1);

/// Ordered so that the fields that a share changes are adjacent in memory.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Tally {
    accepted: u64,
    seen: Instant,
    last_share: Option<Instant>,
    /// Expected hashes of all accepted shares, and the blocks expected of them.
    credited: f64,
    expected: f64,
    best_of_session: Option<Difficulty>,
    best: Option<Difficulty>,
    since: Instant,
    accepted_late: u64,
    rejections: Rejections,
    blocks: u64,
    sessions: u32,
    pub(super) level: Option<Level>,
    pub(super) last_share_level: Option<Level>,
    /// Of the last session.
    agent: Option<Arc<str>>,
    peer: Option<IpAddr>,
}

impl Tally {
    pub(super) fn new(now: Instant, earlier: Earlier) -> Self {
        Self {
            accepted: 0,
            seen: now,
            last_share: None,
            credited: 0.0,
            expected: 0.0,
            best_of_session: None,
            best: earlier.best,
            since: now,
            accepted_late: 0,
            rejections: Rejections::default(),
            blocks: 0,
            sessions: 0,
            level: None,
            last_share_level: earlier.level,
            agent: None,
            peer: None,
        }
    }

    pub(super) fn set_client(&mut self, agent: &str, peer: Option<IpAddr>) {
        if self.agent.as_deref() != Some(agent) {
            self.agent = (!agent.is_empty()).then(|| agent.into());
        }
        self.peer = peer;
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
        credit: Credit,
        achieved: Difficulty,
        freshness: Freshness,
    ) {
        match freshness {
            Freshness::Current => self.accepted += 1,
            Freshness::Late => self.accepted_late += 1,
        }
        self.credited += credit.hashes;
        self.expected += credit.expected;
        self.last_share = self.last_share.max(Some(now));
        self.seen = self.seen.max(now);
        self.best(achieved);
    }

    pub(super) fn rejected(&mut self, now: Instant, rejection: Rejection) {
        self.rejections.add(rejection);
        self.seen = self.seen.max(now);
    }

    pub(super) fn block(&mut self, now: Instant, achieved: Difficulty) {
        self.blocks += 1;
        self.seen = self.seen.max(now);
        self.best(achieved);
    }

    fn best(&mut self, achieved: Difficulty) {
        if self.best_of_session.is_none_or(|best| best < achieved) {
            self.best_of_session = Some(achieved);
            self.best = self.best.max(Some(achieved));
        }
    }

    /// Whether the worker has a session, or had one recently enough to be kept.
    pub(super) fn is_kept(&mut self, now: Instant) -> bool {
        if self.sessions > 0 {
            self.seen = self.seen.max(now);
        }
        let kept = if self.last_share.is_some() || self.blocks > 0 {
            KEPT
        } else {
            KEPT_IDLE
        };
        now.saturating_duration_since(self.seen) < kept
    }

    pub(super) fn earlier(&self) -> Earlier {
        Earlier {
            best: self.best,
            level: self.last_share_level,
        }
    }

    pub(super) fn snapshot(&self, name: WorkerName, now: Instant) -> WorkerSnapshot {
        WorkerSnapshot {
            name,
            sessions: self.sessions,
            since: now.saturating_duration_since(self.since),
            unseen: now.saturating_duration_since(self.seen),
            credited: self.credited,
            expected: self.expected,
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
            last_share_level: self.last_share_level,
            agent: self.agent.clone(),
            peer: self.peer,
        }
    }
}
