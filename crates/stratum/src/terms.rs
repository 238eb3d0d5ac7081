//! What all sessions of a server have in common.

use std::sync::Arc;
use std::time::Duration;

use chainweb::Level;

use crate::{DifficultyMode, JobIds, Nonce1Space, ShareTargets, Stats};

/// The conditions under which sessions are served.
#[derive(Debug)]
pub struct Terms {
    /// How hard shares are.
    pub difficulty: DifficultyMode,
    /// The easiest level that is asked for, unless a block's target is easier.
    pub min_level: Level,
    /// The longest time between jobs.
    pub rate: Duration,
    /// Times and amounts.
    pub limits: SessionLimits,
    /// Where sessions take their part of the nonce from.
    pub nonce1: Nonce1Space,
    /// Where jobs take their names from.
    pub job_ids: Arc<JobIds>,
    /// What workers did, and the levels that they ran at.
    pub stats: Arc<Stats>,
    /// The share targets that sessions have in common.
    pub targets: ShareTargets,
}

/// Times and amounts of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long a connection may stay without subscribing.
    pub stranger: Duration,
    /// How long after subscribing the first job waits for the authorization.
    pub authorize_grace: Duration,
    /// How long shares count after their work has ended or their target was changed.
    pub share_grace: Duration,
    /// The longest silence of the server: devices hang up after 60 seconds of it.
    pub heartbeat: Duration,
    /// How many lines a second a client may send in the long run.
    pub lines_per_second: u32,
    /// How many lines it may send at once.
    pub burst: u32,
}

impl Default for SessionLimits {
    /// A device sends a line every few seconds. A thousand a second still leave room for a proxy with a whole farm
    /// behind it.
    fn default() -> Self {
        Self {
            stranger: Duration::from_secs(20),
            authorize_grace: Duration::from_secs(2),
            share_grace: Duration::from_secs(5),
            heartbeat: Duration::from_secs(25),
            lines_per_second: 1000,
            burst: 10_000,
        }
    }
}
