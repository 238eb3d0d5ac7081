//! What the coordinator wants done.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use chainweb::{ChainId, WorkHeader};
use node::{Tip, Version};

use super::event::{Purpose, Seq};
use crate::demand::View;
use crate::job::{JobId, Jobs, NodeId};
use crate::telemetry;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Replace the worker's live jobs by these.
    Publish(Arc<Jobs>),
    /// Send the worker the state of the network.
    Show(Arc<View>),
    /// Open the update stream of a chain.
    Subscribe {
        node: NodeId,
        version: Version,
        subscription: Seq,
        chain: ChainId,
    },
    /// Close all update streams of a node.
    Unsubscribe { node: NodeId },
    /// Send a request to a node.
    Request { node: NodeId, request: Request },
    /// Report what happened.
    Report(telemetry::Event),
}

/// The connection of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// One that is open, if there is one.
    Any,
    /// A new one, which a load balancer may lead to another node.
    New,
}

/// A request to a node. Each is answered by one [`Event`](super::Event), also if it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Which network it serves.
    Identify,
    /// Work, on `chain` if the node supports the choice.
    Work {
        version: Version,
        seq: Seq,
        chain: Option<ChainId>,
    },
    /// The tips of its chains, within this time if it is shorter than the limit of the client.
    Cut {
        version: Version,
        seq: Seq,
        within: Option<Duration>,
    },
    /// The blocks at these heights on the branch below `tip`.
    Ancestors {
        version: Version,
        seq: Seq,
        chain: ChainId,
        tip: Tip,
        heights: RangeInclusive<u64>,
        purpose: Purpose,
    },
    /// The same, with what miners know of the blocks: some of them may be ours.
    Headers {
        version: Version,
        seq: Seq,
        chain: ChainId,
        tip: Tip,
        heights: RangeInclusive<u64>,
    },
    /// All blocks at the height of a job's block, also those of branches that were left.
    Siblings {
        version: Version,
        job: JobId,
        chain: ChainId,
        height: u64,
    },
    /// Submits the solved header of a job.
    Submit {
        version: Version,
        job: JobId,
        header: WorkHeader,
        connection: Connection,
    },
}
