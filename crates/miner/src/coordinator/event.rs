//! What the coordinator is told.

use std::collections::{BTreeMap, BTreeSet};

use chainweb::{BlockHash, ChainGraph, ChainId, Work};
use node::{Cut, Error, UpdateEvent, Version};

use crate::demand::Demand;
use crate::job::{Job, JobId, NodeId, Solution};

/// A moment in the order of everything that happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

impl Ticket {
    /// The moment when the job came in, which is what it is named by.
    pub(super) fn of(job: &Job) -> Self {
        Self(job.id.0)
    }

    /// The name of a job that comes in at this moment.
    pub(super) fn names_job(self) -> JobId {
        JobId(self.0)
    }
}

/// Names a solution that is being handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubmissionId(pub u64);

/// What a node serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The network.
    pub version: Version,
    /// Its chains; empty where the node does not say.
    pub chains: BTreeSet<ChainId>,
    /// How they are braided, where the node says.
    pub graph: Option<ChainGraph>,
}

/// Something that happened. Requests that fail give an event as well.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "the fields repeat the request that the event answers"
)]
pub enum Event {
    /// The answer to [`Identify`](super::Request::Identify).
    Identified {
        node: NodeId,
        result: Result<Identity, Error>,
    },
    /// The answer to [`Work`](super::Request::Work).
    Work {
        node: NodeId,
        ticket: Ticket,
        result: Result<Work, Error>,
    },
    /// The answer to [`Cut`](super::Request::Cut).
    Cut {
        node: NodeId,
        ticket: Ticket,
        result: Result<Cut, Error>,
    },
    /// The answer to [`Ancestors`](super::Request::Ancestors): the branch below a tip, by height.
    Ancestors {
        node: NodeId,
        ticket: Ticket,
        chain: ChainId,
        tip_height: u64,
        result: Result<BTreeMap<u64, BlockHash>, Error>,
    },
    /// An update stream has something to say.
    Update {
        node: NodeId,
        subscription: Ticket,
        chain: ChainId,
        update: UpdateEvent,
    },
    /// The worker has found a solution.
    Solved(Solution),
    /// The worker wants this from now on.
    Demand(Demand),
    /// The answer to [`Submit`](super::Request::Submit).
    Submitted {
        submission: SubmissionId,
        result: Result<(), Error>,
    },
    /// Time has passed.
    Tick,
    /// No more work is wanted; what is solved is still handed in.
    Stop,
}

impl Event {
    /// Whether a node has answered a request as it should.
    pub(crate) fn is_answer(&self) -> bool {
        match self {
            Self::Identified { result, .. } => result.is_ok(),
            Self::Work { result, .. } => result.is_ok(),
            Self::Cut { result, .. } => result.is_ok(),
            Self::Ancestors { result, .. } => result.is_ok(),
            Self::Submitted { result, .. } => result.is_ok(),
            Self::Update { .. } | Self::Solved(_) | Self::Demand(_) | Self::Tick | Self::Stop => {
                false
            }
        }
    }
}
