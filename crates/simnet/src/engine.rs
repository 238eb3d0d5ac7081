//! The running network: its state behind one lock, its clock, and the subscribers of its node.
//!
//! Every access first advances the network to the current time. Events are published before the
//! lock is released, so all streams receive them in one order. No code awaits while it holds the
//! lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chainweb::{ChainId, CreationTime};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::NodeClock;
use crate::config::Config;
use crate::network::{Network, Update};

/// A stream this many events behind skips them: to its reader one `New Cut` is equivalent.
const EVENTS_BEHIND: usize = 64;

/// The updates of a node.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) updates: BTreeMap<ChainId, broadcast::Sender<Update>>,
    /// Changes with every update: work may have become available.
    pub(crate) changed: watch::Sender<()>,
}

#[derive(Debug)]
pub(crate) struct Engine {
    network: Mutex<Network>,
    clock: NodeClock,
    pub(crate) feed: Feed,
    earlier_timer: Notify,
}

impl Engine {
    pub(crate) fn new(config: Config) -> Self {
        let clock = NodeClock::start(config.clock_offset_micros);
        let updates = config
            .graph
            .chains()
            .map(|chain| (chain, broadcast::Sender::new(EVENTS_BEHIND)))
            .collect();
        Self {
            network: Mutex::new(Network::new(config, clock.now())),
            clock,
            feed: Feed {
                updates,
                changed: watch::Sender::new(()),
            },
            earlier_timer: Notify::new(),
        }
    }

    /// Reads or changes the network, advanced to the current time.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Network, CreationTime) -> T) -> T {
        // A panic in `access` is a bug that its own task reports; other tasks continue.
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        let due_before = network.next_due();
        let now = self.clock.now();
        network.advance(now);
        let result = access(&mut network, now);
        for (chain, update) in network.take_events() {
            // Fails only while the chain has no stream.
            drop(self.feed.updates[&chain].send(update));
            self.feed.changed.send_replace(());
        }
        if network.next_due() < due_before {
            self.earlier_timer.notify_one();
        }
        result
    }

    /// Advances the network whenever a timer is due, until `stop` is cancelled.
    pub(crate) async fn run_timers(&self, stop: CancellationToken) {
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
