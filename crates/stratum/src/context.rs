//! What all sessions of a server share.

use std::sync::Arc;
use std::time::Duration;

use chainweb::Level;

use crate::difficulty_mode::DifficultyMode;
use crate::job_id::JobIds;
use crate::log_limit::LogLimit;
use crate::nonce1::Nonce1Space;
use crate::share_log::LoggedShares;
use crate::share_target::ShareTargets;
use crate::stats::{Stats, WorkerName};

/// The settings and the shared state of the sessions of a server.
#[derive(Debug)]
pub struct SessionContext {
    /// How share targets are chosen.
    pub difficulty: DifficultyMode,
    /// The lowest share difficulty of the automatic mode and of passwords, in leading zero bits.
    pub min_level: Level,
    /// The longest time between two jobs of a session.
    pub rate: Duration,
    /// Timeouts and rate limits.
    pub limits: SessionLimits,
    /// Issues each session's nonce1.
    pub nonce1: Nonce1Space,
    /// Issues job ids.
    pub job_ids: Arc<JobIds>,
    /// Statistics by worker name, and the level of each worker's last share.
    pub stats: Arc<Stats>,
    /// Share targets in use.
    pub targets: ShareTargets,
    /// The warnings about settings of devices, by worker name and setting.
    pub setting_warnings: LogLimit<(WorkerName, String)>,
    /// Which shares sessions record for a log.
    pub logged: LoggedShares,
}

impl SessionContext {
    /// Returns the time after a job in which the next one is due, while there is work.
    pub(crate) fn job_interval(&self) -> Duration {
        self.rate.min(self.limits.heartbeat)
    }
}

/// The timeouts and rate limits of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long a connection may stay without `mining.subscribe`.
    pub subscribe_timeout: Duration,
    /// How long the first job waits for `mining.authorize` after `mining.subscribe`.
    pub authorize_grace: Duration,
    /// How long shares are accepted after their work was retired or their target replaced.
    pub share_grace: Duration,
    /// The longest time without a line from the server. The Antminer KA3 disconnects after 60
    /// seconds.
    pub heartbeat: Duration,
    /// The long-term limit on lines from the client, per second.
    pub lines_per_second: u32,
    /// The most lines at once.
    pub burst: u32,
}

impl Default for SessionLimits {
    /// A device sends a line every few seconds; a thousand a second leave room for a proxy with a
    /// whole farm behind it.
    fn default() -> Self {
        Self {
            subscribe_timeout: Duration::from_secs(20),
            authorize_grace: Duration::from_secs(2),
            share_grace: Duration::from_secs(5),
            heartbeat: Duration::from_secs(25),
            lines_per_second: 1000,
            burst: 10_000,
        }
    }
}
