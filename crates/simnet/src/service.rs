//! One node of the running network, as its HTTP server needs it.

use std::sync::Arc;

use chainweb::{ChainId, CreationTime};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio_util::task::TaskTracker;

use crate::endpoint::Counters;
use crate::engine::Engine;
use crate::faults::Faults;
use crate::network::{Network, Update};

#[derive(Debug)]
pub(crate) struct Service {
    engine: Arc<Engine>,
    /// Changes when all open update streams must end.
    pub(crate) stream_ends: watch::Sender<()>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) stream_slots: Arc<Semaphore>,
    pub(crate) streams: TaskTracker,
}

impl Service {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        let (limit, rules) = engine.with(|network, _| {
            let config = network.config();
            (config.limits.update_streams, config.faults.clone())
        });
        let faults = Faults::default();
        for rule in rules {
            faults.install(rule);
        }
        // The node's counter starts at the limit; it refuses the stream that would make it zero.
        let slots = limit.saturating_sub(1);
        Self {
            engine,
            stream_ends: watch::Sender::new(()),
            faults,
            counters: Counters::default(),
            stream_slots: Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS))),
            streams: TaskTracker::new(),
        }
    }

    /// Reads or changes the node's view of the network at its current time.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Network, CreationTime) -> T) -> T {
        self.engine.with(access)
    }

    /// Returns a receiver that changes with every update of the node.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.engine.feed.changed.subscribe()
    }

    /// Subscribes to the updates of a chain. Returns `None` while the chain has no work; its
    /// streams do not begin before.
    pub(crate) fn subscribe_if_ready(&self, chain: ChainId) -> Option<broadcast::Receiver<Update>> {
        self.with(|network, _| {
            network
                .is_ready(chain)
                .then(|| self.engine.feed.updates[&chain].subscribe())
        })
    }
}
