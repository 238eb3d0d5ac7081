//! What the server has done so far, as numbers that only grow and a few that tell how many there are.

use std::sync::atomic::{AtomicU64, Ordering};

/// The numbers. Each may be read at any time; no two of them are read at the same instant.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections that there are.
    pub connections: AtomicU64,
    /// Connections so far.
    pub accepted_connections: AtomicU64,
    /// Connections that were over a limit.
    pub refused_connections: AtomicU64,
    /// Subscriptions for which there was no nonce space.
    pub refused_subscriptions: AtomicU64,
    /// Connections that ended because the client sent too much or too long a line, was a stranger or did not read.
    pub ended_by_server: AtomicU64,
    /// Lines that were no requests.
    pub bad_lines: AtomicU64,
    /// Shares that count.
    pub accepted_shares: AtomicU64,
    /// Those of them whose work had just ended.
    pub late_shares: AtomicU64,
    /// Shares that do not count.
    pub refused_shares: AtomicU64,
    /// Solutions told.
    pub solutions: AtomicU64,
    /// Jobs that took the place of others that a slow client had not been sent.
    pub skipped_jobs: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}
