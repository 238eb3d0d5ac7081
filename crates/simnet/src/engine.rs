//! The running network: its state behind one lock, its clock, and the subscribers of its nodes.
//!
//! Every access first advances the network to the current time. Events are published before the
//! lock is released, so all streams receive them in one order. No code awaits while it holds the
//! lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chainweb::{ChainId, CreationTime};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::network::Update;
use crate::nodes::Nodes;

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
    nodes: Mutex<Nodes>,
    clock: Clock,
    /// One for each node.
    pub(crate) feeds: Vec<Feed>,
    earlier_timer: Notify,
}

impl Engine {
    pub(crate) fn new(config: &Config) -> Self {
        let clock = Clock::start();
        let of_chain = |chain| (chain, broadcast::Sender::new(EVENTS_BEHIND));
        let feeds = (0..config.nodes).map(|_| Feed {
            updates: config.graph.chains().map(of_chain).collect(),
            changed: watch::Sender::new(()),
        });
        Self {
            nodes: Mutex::new(Nodes::new(config, clock.now())),
            clock,
            feeds: feeds.collect(),
            earlier_timer: Notify::new(),
        }
    }

    /// Reads or changes the network, advanced to the current time.
    pub(crate) fn with<T>(&self, access: impl FnOnce(&mut Nodes, CreationTime) -> T) -> T {
        // A panic in `access` is a bug that its own task reports; other tasks continue.
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let due_before = nodes.next_due();
        let now = self.clock.now();
        nodes.advance(now);
        let result = access(&mut nodes, now);
        for (index, chain, update) in nodes.take_events() {
            let feed = &self.feeds[index];
            // Fails only while the chain has no stream.
            drop(feed.updates[&chain].send(update));
            feed.changed.send_replace(());
        }
        if nodes.next_due() < due_before {
            self.earlier_timer.notify_one();
        }
        result
    }

    /// Advances the network whenever a timer is due, until `stop` is cancelled.
    pub(crate) async fn run_timers(&self, stop: CancellationToken) {
        loop {
            let due = self.with(|nodes, _| nodes.next_due());
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
