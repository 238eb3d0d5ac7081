//! The network in motion: its state behind one lock, its clock, and who waits for its events.
//!
//! Every access first lets happen what is due, and hands out the events of both before it releases the lock, so
//! that all streams see them in one order. Nothing waits for another task while it holds the lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chainweb::{ChainId, CreationTime};
use tokio::sync::{Notify, Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};

use crate::clock::NodeClock;
use crate::config::Config;
use crate::endpoint::Counters;
use crate::faults::Faults;
use crate::network::{Event, Network, Update};

/// A stream that is this many events behind skips them: for the reader one `New Cut` says as much.
const EVENTS_BEHIND: usize = 64;

#[derive(Debug)]
pub(crate) struct Engine {
    network: Mutex<Network>,
    clock: NodeClock,
    updates: BTreeMap<ChainId, broadcast::Sender<Update>>,
    /// Changes with every event: work may have become available.
    changed: watch::Sender<()>,
    /// Changes when all open update streams are to end.
    stream_ends: watch::Sender<()>,
    earlier_timer: Notify,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) stream_slots: Arc<Semaphore>,
    pub(crate) streams: TaskTracker,
}

impl Engine {
    pub(crate) fn new(config: Config) -> Self {
        let clock = NodeClock::start(config.clock_offset_micros);
        let updates = config
            .graph
            .chains()
            .map(|chain| (chain, broadcast::Sender::new(EVENTS_BEHIND)))
            .collect();
        // The node's counter starts at the limit, and the stream that would bring it to zero is refused.
        let slots = config.limits.update_streams.saturating_sub(1);
        let faults = Faults::default();
        for rule in &config.faults {
            faults.install(rule.clone());
        }
        Self {
            network: Mutex::new(Network::new(config, clock.now())),
            clock,
            updates,
            changed: watch::Sender::new(()),
            stream_ends: watch::Sender::new(()),
            earlier_timer: Notify::new(),
            faults,
            counters: Counters::default(),
            stream_slots: Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS))),
            streams: TaskTracker::new(),
        }
    }

    pub(crate) fn now(&self) -> CreationTime {
        self.clock.now()
    }

    /// Reads or changes the network as it is now.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Network, CreationTime) -> T) -> T {
        // A panic inside is a bug that its task reports; the others go on with what state there is.
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        let due_before = network.next_due();
        let now = self.clock.now();
        network.advance(now);
        let result = access(&mut network, now);
        for event in network.take_events() {
            self.publish(event);
        }
        if network.next_due() < due_before {
            self.earlier_timer.notify_one();
        }
        result
    }

    fn publish(&self, event: Event) {
        match event {
            Event::Update(chain, update) => {
                // Without a stream there is nobody to be told.
                drop(self.updates[&chain].send(update));
                self.changed.send_replace(());
            }
            Event::Block {
                chain,
                height,
                hash,
                account: Some(account),
            } => info!(%chain, height, %hash, account, "block mined"),
            Event::Block {
                chain,
                height,
                hash,
                account: None,
            } => debug!(%chain, height, %hash, "foreign block"),
        }
    }

    /// The updates of a chain from now on, if its work is ready; unless it is, no stream of it begins.
    pub(crate) fn subscribe_if_ready(&self, chain: ChainId) -> Option<broadcast::Receiver<Update>> {
        self.with(|network, _| {
            network
                .is_ready(chain)
                .then(|| self.updates[&chain].subscribe())
        })
    }

    /// Changes whenever there was an event.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Changes when all streams are to end.
    pub(crate) fn stream_ends(&self) -> watch::Receiver<()> {
        self.stream_ends.subscribe()
    }

    pub(crate) fn end_streams(&self) {
        self.stream_ends.send_replace(());
    }

    /// Wakes the network whenever something is due.
    pub(crate) async fn keep_time(&self, stop: CancellationToken) {
        loop {
            let due = self.with(|network, _| network.next_due());
            let sleep = async {
                match due {
                    Some(due) => tokio::time::sleep_until(self.clock.instant_of(due).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.earlier_timer.notified() => {}
                () = sleep => {}
            }
        }
    }
}
