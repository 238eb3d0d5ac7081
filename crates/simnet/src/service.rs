//! A node of the running network, as its HTTP server needs it.

use std::sync::Arc;
use std::time::Instant;

use chainweb::{ChainId, CreationTime};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::endpoint::{Counters, Endpoint};
use crate::engine::{Engine, Feed};
use crate::faults::Faults;
use crate::link::Link;
use crate::network::{Network, Update};
use crate::observation::{Moment, Observation, Observer};

#[derive(Debug)]
pub(crate) struct Service {
    engine: Arc<Engine>,
    index: usize,
    /// Changes when all open update streams must end.
    pub(crate) stream_ends: watch::Sender<()>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    observer: Option<Observer>,
    pub(crate) stream_slots: Arc<Semaphore>,
    pub(crate) streams: TaskTracker,
}

impl Service {
    pub(crate) fn new(engine: Arc<Engine>, index: usize, config: &Config) -> Self {
        Self {
            engine,
            index,
            stream_ends: watch::Sender::new(()),
            faults: Faults::of_node(index, &config.faults),
            counters: Counters::default(),
            observer: config.observer.clone(),
            stream_slots: Arc::new(Semaphore::new(config.stream_slots())),
            streams: TaskTracker::new(),
        }
    }

    /// Counts a request or an event, and reports it to the observer.
    pub(crate) fn count(&self, endpoint: Endpoint, chain: Option<ChainId>) {
        self.counters.count(endpoint);
        self.observe(endpoint, chain, Moment::Arrived);
    }

    /// Reports a moment to the observer, if there is one.
    pub(crate) fn observe(&self, endpoint: Endpoint, chain: Option<ChainId>, moment: Moment) {
        if let Some(observer) = &self.observer {
            observer.observe(Observation {
                at: Instant::now(),
                node: self.index,
                endpoint,
                chain,
                moment,
            });
        }
    }

    /// Reads or changes the node's view of the network at its current time.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Network, CreationTime) -> T) -> T {
        self.engine
            .with(|nodes, now| nodes.with(self.index, now, access))
    }

    /// Returns the node's link to the others.
    pub(crate) fn link(&self) -> Link {
        self.engine.with(|nodes, _| nodes.link(self.index))
    }

    /// Connects or disconnects the node, and returns its former link.
    pub(crate) fn set_link(&self, link: Link) -> Link {
        self.engine
            .with(|nodes, now| nodes.set_link(self.index, link, now))
    }

    fn feed(&self) -> &Feed {
        &self.engine.feeds[self.index]
    }

    /// Returns a receiver that changes with every update of the node.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.feed().changed.subscribe()
    }

    /// Subscribes to the updates of a chain. Returns `None` while the chain has no work, unless on
    /// the EVM line; its streams do not begin before.
    pub(crate) fn subscribe_if_ready(&self, chain: ChainId) -> Option<broadcast::Receiver<Update>> {
        self.with(|network, _| {
            (network.is_ready(chain) || network.config().release.is_evm())
                .then(|| self.feed().updates[&chain].subscribe())
        })
    }
}
