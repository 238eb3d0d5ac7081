//! Figures of one worker at one moment: plain data for tables and metrics.

use std::time::Duration;

use chainweb::{Difficulty, Level};

use super::{Rejections, WorkerName};

/// Hashes per second, from the difficulty of accepted shares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HashRates {
    /// Over the last minute.
    pub minute: f64,
    /// Over the last 15 minutes.
    pub quarter_hour: f64,
    /// Over the last hour.
    pub hour: f64,
    /// Over the last 24 hours.
    pub day: f64,
}

/// What one worker has done.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerSnapshot {
    /// Who.
    pub name: WorkerName,
    /// The number of sessions that are open.
    pub sessions: u32,
    /// The time since the worker was first seen.
    pub since: Duration,
    /// The time since the worker last had a session or sent a share, to the interval between snapshots; zero while it has
    /// a session.
    pub unseen: Duration,
    /// Hash rates over time since it was first seen, times without a session included.
    pub rates: HashRates,
    /// Shares that were accepted for jobs that were current.
    pub accepted: u64,
    /// Shares that were accepted for jobs that had just been superseded.
    pub accepted_late: u64,
    /// Shares that were refused, by reason.
    pub rejections: Rejections,
    /// The time since the last share that was accepted.
    pub last_share: Option<Duration>,
    /// The difficulty of the best hash since the worker was last without a session.
    pub best_of_session: Option<Difficulty>,
    /// The difficulty of the best hash since the worker was first seen.
    pub best: Option<Difficulty>,
    /// Hashes that met a block's target.
    pub blocks: u64,
    /// The level at which it was last asked for shares.
    pub level: Option<Level>,
}
