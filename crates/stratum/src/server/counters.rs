//! The counters of the server.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start, and one gauge. They are not read as one consistent snapshot.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections now open.
    pub connections: AtomicU64,
    /// Connections accepted.
    pub accepted_connections: AtomicU64,
    /// Connections refused because a limit was reached.
    pub refused_connections: AtomicU64,
    /// Subscriptions refused because no nonce1 was free.
    pub refused_subscriptions: AtomicU64,
    /// Connections closed by the server: an oversized line, a flood, no subscription, or a client
    /// that does not read.
    pub ended_by_server: AtomicU64,
    /// Lines that were not valid requests.
    pub bad_lines: AtomicU64,
    /// Accepted shares.
    pub accepted_shares: AtomicU64,
    /// Accepted shares whose work was already retired.
    pub late_shares: AtomicU64,
    /// Refused shares.
    pub refused_shares: AtomicU64,
    /// Solutions reported.
    pub solutions: AtomicU64,
    /// Unsent jobs replaced by newer ones because the client was slow to read.
    pub skipped_jobs: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}
