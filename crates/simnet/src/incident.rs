//! Faults of a whole node at a certain time.

use std::time::Duration;

/// A fault of a whole node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The number of the node.
    pub node: usize,
    /// The fault.
    pub kind: IncidentKind,
    /// The time from the start of the network to the fault.
    pub after: Duration,
    /// The time until the fault is over; `None` for never, except for restarts, which are over at
    /// once.
    pub lasting: Option<Duration>,
}

/// Kind of an [`Incident`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentKind {
    /// The node mines on without the others: [`Link::Partitioned`](crate::Link::Partitioned).
    Partition,
    /// The node responds, and its cut stands: [`Link::Frozen`](crate::Link::Frozen).
    Freeze,
    /// The node follows a fork that is higher by this number of blocks on each chain, and yet
    /// lighter: [`Node::fork`](crate::Node::fork).
    Fork(u64),
    /// The node stops and starts again: [`Node::restart_after`](crate::Node::restart_after).
    Restart,
    /// The port is closed; the node takes blocks of the others:
    /// [`Node::set_listening`](crate::Node::set_listening).
    Close,
}
