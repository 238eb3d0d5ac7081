//! The counters of the server.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start, and one gauge.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections now open.
    pub connections: AtomicU64,
    /// Connections accepted.
    pub accepted_connections: AtomicU64,
    /// Connections refused because of a limit or of the client's address.
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

/// The values of [`Counters`] at about one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections now open.
    pub connections: u64,
    /// Connections accepted.
    pub accepted_connections: u64,
    /// Connections refused because of a limit or of the client's address.
    pub refused_connections: u64,
    /// Subscriptions refused because no nonce1 was free.
    pub refused_subscriptions: u64,
    /// Connections closed by the server: an oversized line, a flood, no subscription, or a client
    /// which does not read.
    pub ended_by_server: u64,
    /// Lines which were not valid requests.
    pub bad_lines: u64,
    /// Accepted shares.
    pub accepted_shares: u64,
    /// Accepted shares whose work was already retired.
    pub late_shares: u64,
    /// Refused shares.
    pub refused_shares: u64,
    /// Solutions reported.
    pub solutions: u64,
    /// Unsent jobs replaced by newer ones because the client was slow to read.
    pub skipped_jobs: u64,
}

impl Counters {
    /// Returns the present values. They are read one after the other, not as one consistent
    /// snapshot.
    pub fn read(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            connections: of(&self.connections),
            accepted_connections: of(&self.accepted_connections),
            refused_connections: of(&self.refused_connections),
            refused_subscriptions: of(&self.refused_subscriptions),
            ended_by_server: of(&self.ended_by_server),
            bad_lines: of(&self.bad_lines),
            accepted_shares: of(&self.accepted_shares),
            late_shares: of(&self.late_shares),
            refused_shares: of(&self.refused_shares),
            solutions: of(&self.solutions),
            skipped_jobs: of(&self.skipped_jobs),
        }
    }

    pub(super) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}
