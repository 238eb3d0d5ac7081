//! Writes blocks to the history.
//!
//! A block is reported once its header is on the disk, or after a second if the disk is slow: after
//! a crash the program knows of each block that the log calls found. Its submission gives the disk
//! a start of two milliseconds at most, so that the program also knows of each block that a node
//! took. Nothing waits for a history in memory, which ends with the program.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tracing::warn;

use super::feed::Feed;
use super::ledger::{Held, Ledger, PATIENCE, Passed, START};
use crate::history::{DiskFault, History, Record, Unsettled, wall_clock};
use crate::job::{JobId, NodeId};
use crate::telemetry::event::Event;
use crate::telemetry::snapshot::{NodeSnapshot, Snapshot};

/// How long the end of the program waits for the disk.
const END: Duration = Duration::from_secs(3);

/// Ends when the header of a job's block is on the disk, or takes too long.
type Writing = Pin<Box<dyn Future<Output = JobId> + Send + Sync>>;

/// The connection between the engine and the history.
pub(super) struct Journal {
    history: Option<History>,
    ledger: Ledger,
    writing: FuturesUnordered<Writing>,
    /// The senders are dropped when the header of a job's block is on the disk.
    written: BTreeMap<JobId, watch::Receiver<()>>,
    feed: Feed,
    /// Pending until the latest totals of workers are on the disk.
    totals: Option<oneshot::Receiver<()>>,
}

impl Journal {
    pub(super) fn new(mut history: Option<History>) -> Self {
        let unsettled = history.as_mut().map(History::take_unsettled);
        Self {
            history,
            ledger: Ledger::new(unsettled.unwrap_or_default()),
            writing: FuturesUnordered::new(),
            written: BTreeMap::new(),
            feed: Feed::new(wall_clock()),
            totals: None,
        }
    }

    /// Whether the headers of blocks are on a disk.
    pub(super) fn is_kept(&self) -> bool {
        self.history.as_ref().is_some_and(History::is_kept)
    }

    /// Returns why the disk takes no records at present; `None` while it does.
    pub(super) fn fault(&self) -> Option<DiskFault> {
        self.history.as_ref()?.fault()
    }

    /// Writes what the event says about a block, with the expected blocks of all runs until it was
    /// found. Returns the event, unless it is held back.
    pub(super) fn pass(
        &mut self,
        now: Instant,
        event: Event,
        expected: Option<f64>,
        nodes: &[NodeSnapshot],
    ) -> Option<Event> {
        let history = self.history.as_ref();
        let is_awaited = history.is_some_and(|at| at.is_kept() && at.fault().is_none());
        let source = |node: NodeId| {
            let node = &nodes[node.0];
            let network = node.network.as_ref();
            let network = network.map_or("", |network| network.version.as_str());
            (network, node.address.as_str())
        };
        let at = (now, wall_clock());
        let Passed { event, record } = self.ledger.pass(at, event, is_awaited, expected, source);
        match (record, history) {
            (Some(Record::Found(found)), Some(history)) if event.is_none() => {
                let (job, (sender, receiver)) = (found.job, watch::channel(()));
                let written = history.journal(Record::Found(found));
                self.written.insert(job, receiver);
                self.writing.push(Box::pin(async move {
                    // Without an answer the header may still reach the disk later.
                    timeout(PATIENCE, written).await.ok();
                    drop(sender);
                    job
                }));
            }
            (Some(record), Some(history)) => history.write(record),
            _ => {}
        }
        event
    }

    /// Returns a wait before the submission of a job's block.
    pub(super) fn start(&mut self, job: JobId) -> impl Future<Output = ()> + use<> {
        let written = self.written.remove(&job);
        async move {
            if let Some(mut written) = written {
                // An error: the sender was dropped.
                timeout(START, written.changed()).await.ok();
            }
        }
    }

    /// Waits until a header is on the disk, and returns what was held back. Pending while there is
    /// none.
    pub(super) async fn written(&mut self) -> Vec<Held> {
        match self.writing.next().await {
            Some(job) => self.ledger.written(job),
            None => std::future::pending().await,
        }
    }

    /// Returns all that is held back.
    pub(super) fn take_held(&mut self) -> Vec<Held> {
        self.ledger.take_held()
    }

    /// Returns the blocks of earlier runs that a node can be asked about; see [`Ledger::adopt`].
    pub(super) fn adopt(
        &mut self,
        network: &str,
        nodes: (NodeId, &[&str]),
        lifetime: Duration,
    ) -> Vec<(Unsettled, Option<Duration>)> {
        self.ledger.adopt(wall_clock(), network, nodes, lifetime)
    }

    /// Gives up blocks of earlier runs that no node could be asked about in a day. Returns the
    /// events.
    pub(super) fn expire(&mut self) -> Vec<Event> {
        let expired = self.ledger.expire(wall_clock()).into_iter();
        let events = expired.map(|(event, record)| {
            if let Some(history) = &self.history {
                history.write(record);
            }
            event
        });
        events.collect()
    }

    /// Whether the totals of a minute are to be written.
    pub(super) fn is_minute_over(&self) -> bool {
        self.history.is_some() && self.feed.is_due(wall_clock())
    }

    /// Writes the work since the last call. While the disk hangs that of workers is added up, since
    /// a thousand of them would soon fill the memory.
    pub(super) fn write_totals(&mut self, snapshot: &Snapshot) {
        let is_written = self.totals.as_mut().is_none_or(|totals| {
            let result = totals.try_recv();
            !matches!(result, Err(TryRecvError::Empty))
        });
        if let Some(history) = &self.history {
            let record = self.feed.totals(wall_clock(), snapshot, is_written);
            if is_written {
                self.totals = Some(history.journal(record));
            } else {
                history.write(record);
            }
        }
    }

    /// Writes the outages of nodes that start or end.
    pub(super) fn note_outages(&mut self, now: Instant, nodes: &[NodeSnapshot]) {
        if let Some(history) = &self.history {
            for record in self.feed.outages((wall_clock(), now), nodes) {
                history.write(record);
            }
        }
    }

    /// Writes what is left at the end.
    pub(super) async fn finish(&mut self, snapshot: &Snapshot) {
        if let Some(history) = &self.history {
            let now = wall_clock();
            history.write(self.feed.totals(now, snapshot, true));
            for record in self.feed.end_outages(now) {
                history.write(record);
            }
            self.flush_within(PATIENCE).await;
        }
    }

    /// Waits until everything is on the disk. If records are missing then, nothing counts as kept.
    pub(super) async fn flush(&mut self) {
        self.flush_within(END).await;
    }

    async fn flush_within(&mut self, patience: Duration) {
        if let Some(history) = &self.history
            && !history.flush(patience).await
            && history.unwritten() > 0
        {
            if history.is_kept() {
                warn!(
                    event = "history_incomplete",
                    records = history.unwritten(),
                    fix = history.fault().map(DiskFault::remedy),
                    "the program ends before the disk took the last records of the history"
                );
            }
            self.history = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use chainweb::{ChainId, Target};

    use super::Journal;
    use crate::history::{History, Place, Run};
    use crate::job::{JobId, NodeId, Proof};
    use crate::telemetry::event::{BlockEvent, BlockRef, Event};
    use crate::telemetry::snapshot::NodeSnapshot;

    #[tokio::test]
    async fn nothing_waits_for_a_history_in_memory() {
        let history = History::open(Place::Memory, Run::default(), Duration::from_mins(1)).await;
        let mut journal = Journal::new(Some(history.expect("it opens")));
        let (job, now) = (JobId(1), Instant::now());
        let block = BlockRef {
            job,
            node: NodeId(0),
            chain: ChainId::new(0),
            height: 1,
            hash: None,
        };
        let found = BlockEvent::Found {
            found_by: None,
            after: Duration::ZERO,
            header: fixtures::work(0, 1, Target::MAX).header().clone(),
            issued: now,
            proof: Proof::Verified,
        };
        let event = Event::Block(block, found);
        let nodes = [NodeSnapshot::default()];
        let passed = journal.pass(now, event.clone(), None, &nodes);
        assert_eq!(passed, Some(event));
        assert!(journal.written.is_empty());
    }

    #[tokio::test]
    async fn the_last_totals_are_written_though_the_file_is_closed_slowly() {
        let history = History::open(Place::Memory, Run::default(), Duration::from_mins(1)).await;
        let mut journal = Journal::new(Some(history.expect("it opens")));
        // All records are on the disk, and the answer comes too late.
        journal.flush_within(Duration::ZERO).await;
        assert!(journal.history.is_some());
    }
}
