//! Faults of a whole node at a certain time.

use std::io;
use std::time::Duration;

use tokio::time::sleep;
use tracing::info;

use crate::link::Link;
use crate::node::Node;

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
    /// The node mines on without the others: [`Link::Partitioned`].
    Partition,
    /// The node responds, and its cut stands: [`Link::Frozen`].
    Freeze,
    /// The node follows a fork that is higher by this number of blocks on each chain, and yet
    /// lighter: [`Node::fork`].
    Fork(u64),
    /// The node stops and starts again: [`Node::restart_after`].
    Restart,
    /// The port is closed; the node takes blocks of the others: [`Node::set_listening`].
    Close,
}

impl Incident {
    /// Lets it happen to its node.
    ///
    /// # Errors
    /// Returns the errors of [`Node::set_listening`], and [`MoveError::NoFork`](crate::MoveError)
    /// as another error.
    pub(crate) async fn happen(self, node: &Node) -> io::Result<()> {
        sleep(self.after).await;
        info!(event = "simnet_incident", node = self.node, kind = ?self.kind, "fault of a node begins");
        match self.kind {
            IncidentKind::Partition => drop(node.set_link(Link::Partitioned)),
            IncidentKind::Freeze => drop(node.set_link(Link::Frozen)),
            IncidentKind::Fork(ahead) => node.fork(ahead).map_err(io::Error::other)?,
            IncidentKind::Restart => {
                node.restart_after(self.lasting.unwrap_or_default()).await?;
            }
            IncidentKind::Close => node.set_listening(false).await?,
        }
        match self.lasting {
            None => return Ok(()),
            Some(_) if self.kind == IncidentKind::Restart => {}
            Some(time) => sleep(time).await,
        }
        match self.kind {
            IncidentKind::Restart => {}
            IncidentKind::Close => node.set_listening(true).await?,
            _ => drop(node.set_link(Link::Connected)),
        }
        info!(event = "simnet_incident_over", node = self.node, kind = ?self.kind, "fault of a node is over");
        Ok(())
    }
}
