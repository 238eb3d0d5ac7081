//! The counters of the server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::durations::{Durations, SharedDurations};
use crate::server::ending::Ending;
use crate::stats::{Rejection, Rejections};

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
    /// Jobs sent so long after the one before that a device may have run out of nonces.
    pub late_jobs: AtomicU64,
    /// The longest such time in nanoseconds.
    longest_wait: AtomicU64,
    /// Refused shares by reason, in the order of [`Rejection::ALL`].
    pub(super) rejections: [AtomicU64; Rejection::ALL.len()],
    /// Connections that ended, by reason, in the order of [`Ending::ALL`].
    pub(super) endings: [AtomicU64; Ending::ALL.len()],
    /// The hashes credited for accepted shares, as the bits of a float.
    credited: AtomicU64,
    /// The times from an event that changes the live work to the last byte of a job sent for it.
    pub(super) notify: SharedDurations,
}

/// The values of [`Counters`] at about one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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
    /// Jobs sent so long after the one before that a device may have run out of nonces.
    pub late_jobs: u64,
    /// The longest such time.
    pub longest_wait: Duration,
    /// Refused shares by reason.
    pub rejections: Rejections,
    /// Connections that ended, by reason, in the order of [`Ending::ALL`].
    pub endings: [u64; Ending::ALL.len()],
    /// The sum of the difficulties credited for accepted shares: the hashes that they took on
    /// average. Never falls, unlike the sum over the workers that are known now.
    pub credited: f64,
    /// The times from the arrival of an event that changes the live work to the last byte of a job
    /// sent for it, one for each session that gets another job.
    pub notify: Durations,
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
            late_jobs: of(&self.late_jobs),
            longest_wait: Duration::from_nanos(of(&self.longest_wait)),
            rejections: Rejections(self.rejections.each_ref().map(of)),
            endings: self.endings.each_ref().map(of),
            credited: f64::from_bits(of(&self.credited)),
            notify: self.notify.read(),
        }
    }

    pub(super) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }

    /// Counts a job sent this long after the one before.
    pub(super) fn late_job(&self, wait: Duration) {
        Self::add(&self.late_jobs, 1);
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.longest_wait.fetch_max(nanos, Ordering::Relaxed);
    }

    /// Adds hashes credited for accepted shares.
    pub(super) fn credit(&self, hashes: f64) {
        let add = |bits| (f64::from_bits(bits) + hashes).to_bits();
        self.credited
            .update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}
