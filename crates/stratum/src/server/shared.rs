//! What all connections of a server share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use listen::LimitReached;
use tokio::sync::mpsc;
use tracing::warn;

use crate::context::SessionContext;
use crate::log_limit::LogLimit;
use crate::server::counters::{Counters, Counts};
use crate::server::gate::{Gate, Refused};
use crate::session::{SettingWarning, Solution};
use crate::share_log::ShareLog;
use crate::tls::Tls;

/// What all connections of a server share.
pub(super) struct Shared {
    pub(super) context: Arc<SessionContext>,
    pub(super) counters: Arc<Counters>,
    pub(super) solutions: mpsc::Sender<Solution>,
    pub(super) write_stall: Duration,
    pub(super) gate: Gate,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) share_log: Option<ShareLog>,
    pub(super) late_job_warnings: LogLimit<()>,
}

/// The time between two warnings of late jobs.
pub(super) const LATE_JOB_WARNINGS: Duration = Duration::from_mins(1);

impl Shared {
    /// Counts and logs a job that a device gets this long after the one before.
    pub(super) fn late_job(&self, now: Instant, wait: Duration) {
        self.counters.late_job(wait);
        if self.late_job_warnings.is_due(now, ()) {
            let Counts {
                late_jobs,
                longest_wait,
                ..
            } = self.counters.read();
            warn!(event = "jobs_late", so_far = late_jobs, longest = ?longest_wait, "devices wait too long for jobs: this machine is overloaded");
        }
    }

    /// Logs a setting of a device that cannot be applied as it is.
    pub(super) fn warn_of_setting(peer: SocketAddr, warning: &SettingWarning) {
        let worker = warning.worker.as_ref().map(tracing::field::display);
        let setting = &warning.setting;
        match warning.limit {
            Some(limit) => {
                let level = limit.bits();
                warn!(event = "device_setting_limited", %peer, worker, ?setting, level, "device asks for a difficulty outside the limits; using the nearest level (see --stratum-min-difficulty)");
            }
            None => {
                warn!(event = "device_setting_unreadable", %peer, worker, ?setting, "cannot read a setting of a device; a difficulty is d=44 (bits), d=4096.0 (pool difficulty) or d=4.4T (hashes)");
            }
        }
    }

    /// Counts and logs a client that may not connect.
    pub(super) fn refuse(&self, now: Instant, peer: SocketAddr, refused: Refused) {
        Counters::add(&self.counters.refused_connections, 1);
        self.gate.warn_of_refusal(now, peer, refused);
    }

    /// Counts and logs a connection beyond a limit.
    pub(super) fn refuse_beyond(&self, peer: SocketAddr, limit: &LimitReached) {
        let refused = &self.counters.refused_connections;
        let so_far = refused.fetch_add(1, Ordering::Relaxed) + 1;
        // Logged whenever the number has doubled.
        if so_far.is_power_of_two() {
            warn!(event = "connection_refused", %peer, refusal = %limit, so_far, "connection refused");
        }
    }
}
