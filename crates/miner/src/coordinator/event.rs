//! What the coordinator reacts to.

use std::collections::BTreeMap;
use std::time::Duration;

use chainweb::{BlockHash, ChainId, Work};
use node::{Ancestor, Cut, Error, Info, UpdateEvent};

use crate::demand::Demand;
use crate::history::Fate;
use crate::job::{Job, JobId, NodeId, Solution};
use crate::telemetry::event::Operation;

/// A sequence number: a position in the order of all events and requests.
///
/// The numbers are the coordinator's logical clock. Requests carry the number at which they were
/// made. An answer counts only for what was known then: the number separates updates before a
/// request from updates during it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seq(pub u64);

impl Seq {
    /// Returns the number at which the job arrived, which is also its id.
    pub(super) fn of(job: &Job) -> Self {
        Self(job.id.0)
    }
}

/// What the blocks of a branch are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To look up submitted blocks.
    Lookup,
    /// To compare one block with that of other nodes.
    Comparison,
}

/// An input of the coordinator. A failed request is an event as well. Answers repeat the fields of
/// their request.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The answer to [`Identify`](super::Request::Identify).
    Identified {
        node: NodeId,
        result: Result<Info, Error>,
    },
    /// The answer to [`Work`](super::Request::Work).
    Work {
        node: NodeId,
        seq: Seq,
        result: Result<Work, Error>,
    },
    /// The answer to [`Cut`](super::Request::Cut).
    Cut {
        node: NodeId,
        seq: Seq,
        result: Result<Cut, Error>,
    },
    /// The answer to [`Ancestors`](super::Request::Ancestors): blocks of the branch by height.
    Ancestors {
        node: NodeId,
        seq: Seq,
        chain: ChainId,
        tip_height: u64,
        purpose: Purpose,
        result: Result<BTreeMap<u64, BlockHash>, Error>,
    },
    /// The answer to [`Headers`](super::Request::Headers): blocks of the branch by height.
    Headers {
        node: NodeId,
        seq: Seq,
        chain: ChainId,
        tip_height: u64,
        result: Result<BTreeMap<u64, Ancestor>, Error>,
    },
    /// The answer to [`Siblings`](super::Request::Siblings).
    Siblings {
        node: NodeId,
        job: JobId,
        result: Result<Vec<Ancestor>, Error>,
    },
    /// An event of an update stream.
    Update {
        node: NodeId,
        subscription: Seq,
        chain: ChainId,
        update: UpdateEvent,
    },
    /// The worker found a solution.
    Solved(Solution),
    /// A block of an earlier run is to be submitted while the node may take it, or to be looked up.
    Restored {
        node: NodeId,
        row: i64,
        fate: Fate,
        work: Work,
        left: Option<Duration>,
    },
    /// The worker changed its demand.
    Demand(Demand),
    /// The answer to [`Submit`](super::Request::Submit).
    Submitted {
        node: NodeId,
        job: JobId,
        result: Result<(), Error>,
    },
    /// Time passed.
    Tick,
    /// The program stops: no new work, but solutions are still submitted.
    Stop,
}

impl Event {
    /// Returns the operation that a node answered, and the error if it failed. `None` of an event
    /// that is no answer.
    pub(crate) fn answered(&self) -> Option<(Operation, Option<&Error>)> {
        Some(match self {
            Self::Identified { result, .. } => (Operation::Info, result.as_ref().err()),
            Self::Work { result, .. } => (Operation::Work, result.as_ref().err()),
            Self::Cut { result, .. } => (Operation::Cut, result.as_ref().err()),
            Self::Ancestors { result, .. } => (Operation::Ancestors, result.as_ref().err()),
            Self::Headers { result, .. } => (Operation::Ancestors, result.as_ref().err()),
            Self::Siblings { result, .. } => (Operation::Ancestors, result.as_ref().err()),
            Self::Submitted { result, .. } => (Operation::Submit, result.as_ref().err()),
            Self::Update { .. }
            | Self::Solved(_)
            | Self::Restored { .. }
            | Self::Demand(_)
            | Self::Tick
            | Self::Stop => return None,
        })
    }
}
