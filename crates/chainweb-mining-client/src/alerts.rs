//! Alerts: what an operator wants to know away from the screen, sent to webhooks.
//!
//! One task compares snapshots; each receiver has a task and a bounded queue of its own, so that
//! one that hangs delays neither mining nor the others.

mod delivery;
mod notice;
mod receiver;
mod trial;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use miner::history::wall_clock;
use miner::telemetry::Snapshot;
use tokio::sync::{mpsc, watch as channel};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::delivery::Delivery;
use self::notice::Notice;
pub use self::receiver::Receiver;
pub(crate) use self::trial::run as test;
use self::watch::Watch;

/// Notices that wait for a receiver, of a kilobyte or so: those of several hours.
const QUEUE: usize = 100;
/// The time for the last alerts at the end.
const FLUSH: Duration = Duration::from_secs(2);

/// The receivers of alerts.
#[derive(Debug)]
pub struct Alerts {
    deliveries: Vec<Delivery>,
    max_per_hour: usize,
}

/// A queue to a receiver.
#[derive(Debug)]
struct Queue {
    sender: mpsc::Sender<Notice>,
    /// The notices for which there was no room.
    dropped: u32,
}

impl Alerts {
    /// Creates the connections to the receivers.
    ///
    /// # Errors
    /// Returns an error if a client cannot be built.
    pub(crate) fn new(receivers: &[Receiver], max_per_hour: usize) -> anyhow::Result<Self> {
        let deliveries = receivers.iter().cloned().map(Delivery::new);
        Ok(Self {
            deliveries: deliveries.collect::<Result<_, _>>()?,
            max_per_hour,
        })
    }

    /// Sends alerts until the channel of snapshots is closed, then delivers the last ones.
    pub(crate) async fn run(self, mut snapshots: channel::Receiver<Option<Arc<Snapshot>>>) {
        let closing = CancellationToken::new();
        let mut delivering = JoinSet::new();
        let mut queues = Vec::new();
        for delivery in self.deliveries {
            let (sender, queue) = mpsc::channel(QUEUE);
            queues.push(Queue { sender, dropped: 0 });
            delivering.spawn(delivery.run(queue, closing.clone()));
        }
        let mut watch = Watch::new(self.max_per_hour);
        loop {
            let is_open = snapshots.changed().await.is_ok();
            let snapshot = snapshots.borrow_and_update().clone();
            let due = snapshot.map(|snapshot| watch.observe(&snapshot, wall_clock()));
            for notice in due.unwrap_or_default() {
                for queue in &mut queues {
                    queue.send(&notice);
                }
            }
            if !is_open {
                break;
            }
        }
        drop(queues);
        closing.cancel();
        let mut left = 0;
        let flushing = async {
            while let Some(undelivered) = delivering.join_next().await {
                left += undelivered.unwrap_or_default();
            }
        };
        let is_done = timeout(FLUSH, flushing).await.is_ok();
        if !is_done || left > 0 {
            warn!(
                event = "alerts_undelivered",
                "not all alerts could be delivered before the end"
            );
        }
    }
}

impl Queue {
    /// Queues a notice, and how many were dropped before it.
    fn send(&mut self, notice: &Notice) {
        if self.dropped > 0 {
            let text = format!("Alerts that could not be delivered: {}.", self.dropped);
            let lost = Notice::event("alerts_lost", text, notice.at);
            if self.sender.try_send(lost).is_err() {
                self.dropped += 1;
                return;
            }
            self.dropped = 0;
        }
        if self.sender.try_send(notice.clone()).is_err() {
            self.dropped += 1;
        }
    }
}
