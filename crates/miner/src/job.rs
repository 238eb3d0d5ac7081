//! Jobs and their solutions, which go from the coordinator to the worker and back.
//!
//! The work of a job never changes: new bytes are a new job with a new id. A solution names its job
//! and the two header fields a miner may choose; no other field can differ.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chainweb::{ChainId, CreationTime, Nonce, Work, WorkHeader};

/// The share of elapsed time by which the node's clock may lag behind this machine's, as a divisor.
const DRIFT_MARGIN: u32 = 1024;

/// The position of a node in the configuration, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// The id of a job, unique for the life of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An immutable work, with its source and time of arrival.
#[derive(Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The node that issued the work, and the only one that can take its solution.
    pub node: NodeId,
    /// The work to solve.
    pub work: Work,
    /// When the work arrived.
    pub received: Instant,
    /// Since when its work is outdated.
    pub outdated: Outdated,
}

/// Since when a job is outdated: the time of the first event by which it was, such as a new block
/// on its chain or a refresh of its payload.
#[derive(Debug, Default)]
pub struct Outdated {
    /// The time after the arrival of the work in nanoseconds, and one; zero if it is not outdated.
    nanos: AtomicU64,
}

impl PartialEq for Outdated {
    fn eq(&self, other: &Self) -> bool {
        self.nanos.load(Ordering::Relaxed) == other.nanos.load(Ordering::Relaxed)
    }
}

impl Eq for Outdated {}

impl Job {
    /// Notes that the work is outdated from now on, unless it was before.
    pub(crate) fn outdate(&self, now: Instant) {
        let after = now.saturating_duration_since(self.received).as_nanos();
        let nanos = u64::try_from(after).unwrap_or(u64::MAX).saturating_add(1);
        let nanos_now = &self.outdated.nanos;
        // An error: it was outdated before.
        nanos_now
            .compare_exchange(0, nanos, Ordering::Relaxed, Ordering::Relaxed)
            .ok();
    }

    /// Notes that the work is current: the node issued the same again.
    pub(crate) fn renew(&self) {
        self.outdated.nanos.store(0, Ordering::Relaxed);
    }

    /// Returns the part of a time, from 0 to 1, in which the job was outdated.
    pub(crate) fn outdated_part(&self, from: Instant, to: Instant) -> f64 {
        let Some(nanos) = self.outdated.nanos.load(Ordering::Relaxed).checked_sub(1) else {
            return 0.0;
        };
        let since = self.received + Duration::from_nanos(nanos);
        let all = to.saturating_duration_since(from).as_secs_f64();
        let outdated = to.saturating_duration_since(since).as_secs_f64();
        if all > 0.0 {
            (outdated / all).min(1.0)
        } else {
            0.0
        }
    }

    /// Returns the chain of the job.
    pub fn chain(&self) -> ChainId {
        self.work.chain()
    }

    /// Returns the creation time of the job's header at `now`: the work's own plus the time since
    /// the work arrived, less a 1024th.
    ///
    /// It never runs ahead of the node's clock and does not depend on the wall clock of this
    /// machine: a block from a node's future is lost, and can stall its chain. The 1024th allows
    /// for drift: two quartz clocks drift apart by up to 100 ppm or so, a slewed one by 500 more.
    pub(crate) fn creation_time_at(&self, now: Instant) -> CreationTime {
        let elapsed = now.saturating_duration_since(self.received);
        let certain = elapsed.saturating_sub(elapsed / DRIFT_MARGIN);
        self.work.header().creation_time().saturating_add(certain)
    }
}

/// The live jobs, at most one per chain, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    newest_first: Vec<Arc<Job>>,
    chains: Option<NonZeroUsize>,
    since: Option<Instant>,
}

impl Jobs {
    /// Returns a set of these jobs, newest first.
    pub fn new(newest_first: Vec<Arc<Job>>) -> Self {
        Self {
            newest_first,
            chains: None,
            since: None,
        }
    }

    /// Sets the number of chains of the network, if the node lists them.
    #[must_use]
    pub(crate) fn on_chains(self, chains: Option<NonZeroUsize>) -> Self {
        Self { chains, ..self }
    }

    /// Returns the number of chains of the network, if the node lists them.
    pub(crate) fn chains(&self) -> Option<NonZeroUsize> {
        self.chains
    }

    /// Sets when the event arrived after which these are the live jobs.
    #[must_use]
    pub(crate) fn since(self, event: Instant) -> Self {
        let since = Some(event);
        Self { since, ..self }
    }

    /// Returns when the event arrived after which these are the live jobs.
    pub(crate) fn changed(&self) -> Option<Instant> {
        self.since
    }

    /// Returns the jobs, newest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Job>> + DoubleEndedIterator {
        self.newest_first.iter()
    }

    /// Whether the job is still live.
    pub(crate) fn contains(&self, id: JobId) -> bool {
        self.iter().any(|job| job.id == id)
    }
}

/// A job and the two header fields that solve it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The solved job.
    pub job: Arc<Job>,
    /// The nonce found.
    pub nonce: Nonce,
    /// The creation time hashed with the nonce.
    pub creation_time: CreationTime,
    /// The name of the device or thread, if the worker has names for them.
    pub found_by: Option<Arc<str>>,
}

/// What the solutions of a worker prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Their hash meets the target. The client checks it before submission, by code other than the
    /// worker's.
    Verified,
    /// Nothing: the worker returns work unsolved, for nodes with proof of work disabled.
    None,
}

impl Solution {
    /// Returns the job as it arrived, with the nonce and time of its work.
    pub(crate) fn unsolved(job: Arc<Job>) -> Self {
        let header = job.work.header();
        Self {
            nonce: header.nonce(),
            creation_time: header.creation_time(),
            found_by: None,
            job,
        }
    }

    /// Returns the header to submit.
    pub(crate) fn header(&self) -> WorkHeader {
        let mut header = self
            .job
            .work
            .header()
            .with_creation_time(self.creation_time);
        header.set_nonce(self.nonce);
        header
    }
}
