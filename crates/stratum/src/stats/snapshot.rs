//! The statistics of one worker at one moment: plain data for tables and metrics.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chainweb::{Difficulty, Level};

use crate::stats::name::WorkerName;
use crate::stats::rejection::Rejections;

/// The statistics of one worker.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerSnapshot {
    /// The worker name.
    pub name: WorkerName,
    /// The number of open sessions.
    pub sessions: u32,
    /// The time since the worker first connected.
    pub since: Duration,
    /// The time since the worker's last session or share, up to the interval between snapshots;
    /// zero while it has a session.
    pub unseen: Duration,
    /// The sum of the difficulties credited for accepted shares: the hashes that they took on
    /// average.
    pub credited: f64,
    /// The blocks expected of accepted shares: the credited difficulty of each, over the difficulty
    /// of its block.
    pub expected: f64,
    /// Accepted shares of live work.
    pub accepted: u64,
    /// Accepted shares of work retired within the grace period.
    pub accepted_late: u64,
    /// Refused shares by reason.
    pub rejections: Rejections,
    /// The time since the last accepted share.
    pub last_share: Option<Duration>,
    /// The highest difficulty of a hash since the worker last had no session.
    pub best_of_session: Option<Difficulty>,
    /// The highest difficulty of a hash.
    pub best: Option<Difficulty>,
    /// Hashes that met the block target.
    pub blocks: u64,
    /// The current share difficulty in leading zero bits; `None` before the first, and in the mode
    /// for blocks only.
    pub level: Option<Level>,
    /// The share difficulty of the last share, of which the next connection starts.
    pub last_share_level: Option<Level>,
    /// The agent of its last session, if it sent one, cut to 64 bytes.
    pub agent: Option<Arc<str>>,
    /// The address of its last session, if it is known.
    pub peer: Option<IpAddr>,
}

impl WorkerSnapshot {
    /// Returns the number of accepted shares, those of retired work included.
    pub fn all_accepted(&self) -> u64 {
        self.accepted + self.accepted_late
    }
}
