//! Observation of requests, for measurements in the process of the network.

use std::time::Instant;

use chainweb::ChainId;
use tokio::sync::mpsc;

use crate::endpoint::Endpoint;

/// A request, or an event of an update stream, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Time of the moment.
    pub at: Instant,
    /// Number of the node.
    pub node: usize,
    /// Endpoint of the request.
    pub endpoint: Endpoint,
    /// Chain that the request names, or the chain of the event.
    pub chain: Option<ChainId>,
    /// The moment.
    pub moment: Moment,
}

/// A moment of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The whole request is read; or the event is due, before faults.
    Arrived,
    /// The request is handled and its answer is about to be sent. A solution is in the cut.
    Handled,
}

/// Sends observations. Those that do not fit into the channel are lost: the network waits for no
/// observer.
#[derive(Clone, Debug)]
pub struct Observer(mpsc::Sender<Observation>);

impl Observer {
    /// Creates an observer, and the channel's receiver. The channel holds `capacity` observations.
    pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<Observation>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self(sender), receiver)
    }

    pub(crate) fn observe(&self, observation: Observation) {
        self.0.try_send(observation).ok();
    }
}
