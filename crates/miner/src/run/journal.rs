//! Writes blocks to the history.
//!
//! A block is reported once its header is on the disk, or after a second if the disk is slow: after
//! a crash the program knows of each block that the log calls found. Its submission gives the disk
//! a start of two milliseconds at most, so that the program also knows of each block that a node
//! took.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tracing::warn;

use super::feed::Feed;
use crate::history::{
    BlockKey, Change, DiskFault, Fate, Found, History, Record, Unsettled, wall_clock,
};
use crate::job::{JobId, NodeId};
use crate::telemetry::event::{BlockEvent, BlockRef, Event};
use crate::telemetry::fate;
use crate::telemetry::snapshot::{NodeSnapshot, Snapshot};
use crate::units::variant;

/// How long a block that is found waits for the disk before it is reported.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the end of the program waits for the disk.
const END: Duration = Duration::from_secs(3);

/// How long the submission of a block waits for the disk.
const START: Duration = Duration::from_millis(2);

/// The age from which a block of an earlier run is not looked up any more.
const FORGOTTEN: Duration = Duration::from_hours(24);

/// Ends when the header of a job's block is on the disk, or takes too long.
type Writing = Pin<Box<dyn Future<Output = JobId> + Send + Sync>>;

/// An event, and when it happened.
type Held = (Instant, Event);

/// The connection between the engine and the history.
pub(super) struct Journal {
    history: Option<History>,
    /// The events of blocks whose headers are not on the disk yet, in their order.
    held: BTreeMap<JobId, Vec<Held>>,
    writing: FuturesUnordered<Writing>,
    /// The senders are dropped when the header of a job's block is on the disk.
    written: BTreeMap<JobId, watch::Receiver<()>>,
    /// Blocks of earlier runs that no node has been asked about.
    unsettled: Vec<Unsettled>,
    /// Blocks that no node was known to have, and too old to be taken by one. A node may have taken
    /// them just before the earlier run ended. By their rows, and by their jobs once they have one.
    late: BTreeMap<i64, Unsettled>,
    looked_up: BTreeMap<JobId, Unsettled>,
    /// The rows of all blocks of earlier runs.
    rows: BTreeMap<JobId, i64>,
    feed: Feed,
    /// Pending until the latest totals of workers are on the disk.
    totals: Option<oneshot::Receiver<()>>,
}

impl Journal {
    pub(super) fn new(mut history: Option<History>) -> Self {
        let unsettled = history.as_mut().map(History::take_unsettled);
        Self {
            history,
            held: BTreeMap::new(),
            writing: FuturesUnordered::new(),
            written: BTreeMap::new(),
            unsettled: unsettled.unwrap_or_default(),
            late: BTreeMap::new(),
            looked_up: BTreeMap::new(),
            rows: BTreeMap::new(),
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
        let event = self.look_up(event);
        let (Event::Block(block, change), Some(history)) = (&event, &self.history) else {
            return Some(event);
        };
        if let Some(found) = found(now, block, change, &nodes[block.node.0]) {
            let found = Found { expected, ..found };
            if history.fault().is_some() {
                history.write(Record::Found(Box::new(found)));
                return Some(event);
            }
            let written = history.journal(Record::Found(Box::new(found)));
            let (job, (sender, receiver)) = (block.job, watch::channel(()));
            self.written.insert(job, receiver);
            self.writing.push(Box::pin(async move {
                // Without an answer the header may still reach the disk later.
                timeout(PATIENCE, written).await.ok();
                drop(sender);
                job
            }));
            self.held.insert(job, vec![(now, event)]);
            return None;
        }
        if let BlockEvent::Restored { row, .. } = change {
            self.rows.insert(block.job, *row);
        }
        let row = self.rows.get(&block.job).copied();
        let key = row.map_or(BlockKey::Job(block.job), BlockKey::Row);
        if let Some(change) = change_of(key, change) {
            let hash = block.hash;
            history.write(Record::Change(Change { hash, ..change }));
        }
        self.hold(now, event)
    }

    /// Follows the lookups of late blocks. Returns that a block is lost if it is not in the cut.
    fn look_up(&mut self, event: Event) -> Event {
        let Event::Block(BlockRef { job, .. }, change) = &event else {
            return event;
        };
        match change {
            BlockEvent::Restored { row, .. } => {
                let block = self.late.remove(row);
                self.looked_up.extend(block.map(|block| (*job, block)));
            }
            BlockEvent::Orphaned { .. } | BlockEvent::Untracked { .. } => {
                let is_lost = matches!(change, BlockEvent::Orphaned { .. });
                let block = self.looked_up.remove(job);
                if let Some(block) = block.filter(|_| is_lost) {
                    return self.give_up(block);
                }
            }
            BlockEvent::Accepted => drop(self.looked_up.remove(job)),
            _ => {}
        }
        event
    }

    /// Gives up a block of an earlier run. Returns the event.
    fn give_up(&self, block: Unsettled) -> Event {
        let (key, is_untaken) = (BlockKey::Row(block.row), block.is_untaken());
        let (network, header) = (block.network, block.header);
        let (fate, event) = if is_untaken {
            (Fate::Lost, Event::BlockLost { network, header })
        } else {
            (Fate::Untracked, Event::BlockForgotten { network, header })
        };
        if let Some(history) = &self.history {
            history.write(Record::Change(Change::new(key, fate, wall_clock())));
        }
        event
    }

    /// Holds back an event of a block that is not reported yet.
    fn hold(&mut self, now: Instant, event: Event) -> Option<Event> {
        if let Event::Block(block, _) = &event
            && let Some(held) = self.held.get_mut(&block.job)
        {
            held.push((now, event));
            return None;
        }
        Some(event)
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
            Some(job) => self.held.remove(&job).unwrap_or_default(),
            None => std::future::pending().await,
        }
    }

    /// Returns all that is held back.
    pub(super) fn take_held(&mut self) -> Vec<Held> {
        let held = std::mem::take(&mut self.held);
        held.into_values().flatten().collect()
    }

    /// Returns the blocks of earlier runs that a node of this network can be asked about, with the
    /// time for which it may still take them, perhaps none; those that it may have taken are only
    /// looked up. `nodes` are the addresses of all nodes.
    pub(super) fn adopt(
        &mut self,
        network: &str,
        (node, nodes): (NodeId, &[&str]),
        lifetime: Duration,
    ) -> Vec<(Unsettled, Option<Duration>)> {
        let now = wall_clock();
        let is_due = |block: &mut Unsettled| {
            let issuer = nodes.iter().position(|node| *node == block.node);
            let is_others = issuer.is_some_and(|issuer| issuer != node.0);
            // Only the node that issued its work can take it.
            let waits = is_others && block.is_untaken() && age(now, block) < lifetime;
            block.network == network && !waits
        };
        let of_network = self.unsettled.extract_if(.., is_due);
        let blocks = of_network.map(|block| {
            let left = lifetime.saturating_sub(age(now, &block));
            let left = block.is_untaken().then_some(left);
            if left == Some(Duration::ZERO) {
                // Submitted once all the same: the clock may have been set forward since.
                self.late.insert(block.row, block.clone());
            }
            (block, left)
        });
        blocks.collect()
    }

    /// Gives up blocks of earlier runs that no node could be asked about in a day. Returns the
    /// events.
    pub(super) fn expire(&mut self) -> Vec<Event> {
        let now = wall_clock();
        let is_old = |block: &mut Unsettled| age(now, block) >= FORGOTTEN;
        let old: Vec<_> = self.unsettled.extract_if(.., is_old).collect();
        old.into_iter().map(|block| self.give_up(block)).collect()
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

    /// Waits until everything is on the disk. If that takes too long, nothing counts as kept.
    pub(super) async fn flush(&mut self) {
        self.flush_within(END).await;
    }

    async fn flush_within(&mut self, patience: Duration) {
        if let Some(history) = &self.history
            && !history.flush(patience).await
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

/// Returns the time since a node last issued the work of a block; none if the clock was set back.
fn age(now: SystemTime, block: &Unsettled) -> Duration {
    now.duration_since(block.issued).unwrap_or_default()
}

/// Returns the record of a block that was found.
fn found(now: Instant, block: &BlockRef, event: &BlockEvent, node: &NodeSnapshot) -> Option<Found> {
    let BlockEvent::Found {
        found_by,
        header,
        issued,
        ..
    } = event
    else {
        return None;
    };
    let found = wall_clock();
    let network = node.network.as_ref();
    Some(Found {
        job: block.job,
        network: network.map_or_else(String::new, |network| network.version.to_string()),
        node: node.address.clone(),
        chain: block.chain,
        height: block.height,
        hash: block.hash,
        header: header.as_bytes().to_vec(),
        difficulty: header.target().difficulty().as_f64(),
        worker: found_by.as_deref().map(str::to_owned),
        issued: found - now.saturating_duration_since(*issued),
        found,
        expected: None,
    })
}

/// Returns the change of a block's fate.
fn change_of(block: BlockKey, event: &BlockEvent) -> Option<Change> {
    let mut change = Change::new(block, fate(event)?, wall_clock());
    match event {
        BlockEvent::SubmissionUncertain { error, .. } | BlockEvent::Rejected { error, .. } => {
            change.detail = Some(error.clone());
        }
        BlockEvent::Displaced { by } => change.other = Some(*by),
        BlockEvent::Confirmed { depth } => change.depth = Some(*depth),
        BlockEvent::Orphaned { by, depth, reason } => {
            (change.other, change.depth) = (Some(*by), Some(*depth));
            change.detail = reason.map(variant);
        }
        BlockEvent::Untracked { reason } => change.detail = Some(variant(reason)),
        _ => {}
    }
    Some(change)
}

#[cfg(test)]
mod tests;
