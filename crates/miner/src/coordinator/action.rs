//! What the coordinator wants done.

use std::ops::RangeInclusive;
use std::sync::Arc;

use chainweb::{ChainId, WorkHeader};
use node::{Tip, Version};

use super::{SubmissionId, Ticket};
use crate::demand::View;
use crate::job::{Jobs, NodeId};

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say to whom and about what")]
pub enum Action {
    /// Give the worker these jobs in the place of all former ones.
    Publish(Arc<Jobs>),
    /// Show the worker how the network stands.
    Show(Arc<View>),
    /// Listen to a chain from now on.
    Subscribe {
        node: NodeId,
        version: Version,
        subscription: Ticket,
        chain: ChainId,
    },
    /// Close all update streams of a node.
    Unsubscribe { node: NodeId },
    /// Ask a node something.
    Request { node: NodeId, request: Request },
}

/// A question to a node. Each is answered by one [`Event`](super::Event), whether it succeeds or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields repeat those of the node's API")]
pub enum Request {
    /// What it serves.
    Identify,
    /// Work, on the chain if one is named and the node can.
    Work {
        version: Version,
        ticket: Ticket,
        chain: Option<ChainId>,
    },
    /// The tips of its chains.
    Cut { version: Version, ticket: Ticket },
    /// The blocks at the heights on the branch that ends in `tip`.
    Ancestors {
        version: Version,
        ticket: Ticket,
        chain: ChainId,
        tip: Tip,
        heights: RangeInclusive<u64>,
    },
    /// To take a solution.
    Submit {
        version: Version,
        submission: SubmissionId,
        header: WorkHeader,
    },
}
