//! Jobs and their solutions: what goes from the coordinator to the worker and back.
//!
//! A job never changes: new bytes are a new job with a new id. A solution names its job and the two fields that a
//! miner may choose, so that nothing else of the header can differ.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainId, CreationTime, Nonce, Work, WorkHeader};

/// The part of the time passed by which the node's clock may lag behind this machine's, as a divisor.
const DRIFT_MARGIN: u32 = 1024;

/// The place of a node in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// Names a job for the life of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A piece of work, immutable, with where and when it came from.
#[derive(Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// The node that handed it out, and the only one that can take its solution.
    pub node: NodeId,
    /// What is to be solved.
    pub work: Work,
    /// When the answer with the work arrived.
    pub received: Instant,
}

impl Job {
    /// The chain that the job extends.
    pub fn chain(&self) -> ChainId {
        self.work.chain()
    }

    /// The creation time that the job may carry at `now`: the work's own, moved by the time since it was received, less
    /// a 1024th.
    ///
    /// It never runs ahead of the node's clock, whatever the wall clock of this machine says: a block from a node's
    /// future is lost, and can stall its chain. The part that is left out is for drift: two quartz clocks go apart by
    /// up to some hundred millionths of the time, and one that is being slewed by up to 500 more.
    pub fn creation_time_at(&self, now: Instant) -> CreationTime {
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
}

impl Jobs {
    /// The set of these jobs, which are live and stand newest first.
    pub fn new(newest_first: Vec<Arc<Job>>) -> Self {
        Self {
            newest_first,
            chains: None,
        }
    }

    /// The same jobs, of a network with so many chains as far as its node says.
    #[must_use]
    pub fn on_chains(self, chains: Option<NonZeroUsize>) -> Self {
        Self { chains, ..self }
    }

    /// How many chains the network has, where its node says it.
    pub fn chains(&self) -> Option<NonZeroUsize> {
        self.chains
    }

    /// The jobs, newest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Job>> + DoubleEndedIterator {
        self.newest_first.iter()
    }

    /// Whether the job is still live.
    pub fn contains(&self, id: JobId) -> bool {
        self.iter().any(|job| job.id == id)
    }
}

/// A job and the two header fields that solve it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The job that is solved.
    pub job: Arc<Job>,
    /// The nonce found.
    pub nonce: Nonce,
    /// The creation time that was hashed with the nonce.
    pub creation_time: CreationTime,
    /// The device or thread that found it, if the worker names them.
    pub found_by: Option<Arc<str>>,
}

/// What the solutions of a worker prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Their hash meets the target. The client checks that before it submits, by code other than the worker's.
    Verified,
    /// Nothing: the worker returns work unsolved, for nodes that do not check proof of work.
    None,
}

impl Solution {
    /// The job given back as it came: its own nonce, its own time, and no work done.
    pub fn unsolved(job: Arc<Job>) -> Self {
        let header = job.work.header();
        Self {
            nonce: header.nonce(),
            creation_time: header.creation_time(),
            found_by: None,
            job,
        }
    }

    /// The header to be handed in.
    pub fn header(&self) -> WorkHeader {
        let mut header = self
            .job
            .work
            .header()
            .with_creation_time(self.creation_time);
        header.set_nonce(self.nonce);
        header
    }
}
