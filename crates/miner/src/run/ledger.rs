//! What the history gets of blocks, and which blocks of earlier runs are asked about.
//!
//! The decisions of the journal, without its disk. An event about a block is held back while the
//! header of the block is on its way to the disk. No clock is read here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use crate::history::{BlockKey, Change, Fate, Found, Record, Unsettled};
use crate::job::{JobId, NodeId};
use crate::telemetry::event::{BlockEvent, BlockRef, Event};
use crate::telemetry::fate;
use crate::units::variant;

/// How long a block that is found waits for the disk before it is reported.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// How long the submission of a block waits for the disk.
pub(crate) const START: Duration = Duration::from_millis(2);

/// The age from which a block of an earlier run is not looked up any more.
const FORGOTTEN: Duration = Duration::from_hours(24);

/// An event, and when it happened.
pub(crate) type Held = (Instant, Event);

/// The node of a block: its network, empty if that is unknown, and its address.
pub(crate) type Source<'a> = (&'a str, &'a str);

/// The blocks whose events are held back, and those of earlier runs.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The events of blocks whose headers are not on the disk yet, in their order.
    held: BTreeMap<JobId, Vec<Held>>,
    /// Blocks of earlier runs that no node has been asked about.
    unsettled: Vec<Unsettled>,
    /// Blocks that no node was known to have, and too old to be taken by one. A node may have taken
    /// them just before the earlier run ended. By their rows, and by their jobs once they have one.
    late: BTreeMap<i64, Unsettled>,
    looked_up: BTreeMap<JobId, Unsettled>,
    /// The rows of all blocks of earlier runs.
    rows: BTreeMap<JobId, i64>,
}

/// What follows from an event.
#[derive(Debug)]
pub(crate) struct Passed {
    /// The event, unless it is held back.
    pub(crate) event: Option<Event>,
    /// What is to be written. If the event is that a block was found and held back, the record is
    /// its header.
    pub(crate) record: Option<Record>,
}

impl Ledger {
    pub(crate) fn new(unsettled: Vec<Unsettled>) -> Self {
        Self {
            held: BTreeMap::new(),
            unsettled,
            late: BTreeMap::new(),
            looked_up: BTreeMap::new(),
            rows: BTreeMap::new(),
        }
    }

    /// Returns what to write about an event, and the event unless it is held back: a found block
    /// until [`Ledger::written`] if the disk is awaited, with the expected blocks of all runs
    /// until it was found.
    pub(crate) fn pass<'a>(
        &mut self,
        (now, clock): (Instant, SystemTime),
        event: Event,
        is_awaited: bool,
        expected: Option<f64>,
        source: impl FnOnce(NodeId) -> Source<'a>,
    ) -> Passed {
        let (event, record) = self.look_up(clock, event);
        let Event::Block(block, change) = &event else {
            let event = Some(event);
            return Passed { event, record };
        };
        if let Some(found) = found((now, clock), block, change, source) {
            let record = Some(Record::Found(Box::new(Found { expected, ..found })));
            if !is_awaited {
                let event = Some(event);
                return Passed { event, record };
            }
            self.held.insert(block.job, vec![(now, event)]);
            let event = None;
            return Passed { event, record };
        }
        if let BlockEvent::Restored { row, .. } = change {
            self.rows.insert(block.job, *row);
        }
        let row = self.rows.get(&block.job).copied();
        let key = row.map_or(BlockKey::Job(block.job), BlockKey::Row);
        let hash = block.hash;
        let change = change_of(key, change, clock).map(|change| Change { hash, ..change });
        let event = self.hold(now, event);
        let record = change.map(Record::Change);
        Passed { event, record }
    }

    /// Follows the lookups of late blocks. Returns that a block is lost if it is not in the cut.
    fn look_up(&mut self, clock: SystemTime, event: Event) -> (Event, Option<Record>) {
        let Event::Block(BlockRef { job, .. }, change) = &event else {
            return (event, None);
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
                    let (event, record) = give_up(clock, block);
                    return (event, Some(record));
                }
            }
            BlockEvent::Accepted => drop(self.looked_up.remove(job)),
            _ => {}
        }
        (event, None)
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

    /// The header of a job's block is on the disk, or takes too long. Returns what was held back.
    pub(crate) fn written(&mut self, job: JobId) -> Vec<Held> {
        self.held.remove(&job).unwrap_or_default()
    }

    /// Returns all that is held back.
    pub(crate) fn take_held(&mut self) -> Vec<Held> {
        let held = std::mem::take(&mut self.held);
        held.into_values().flatten().collect()
    }

    /// Returns the blocks of earlier runs that a node of this network can be asked about, with the
    /// time for which it may still take them, perhaps none; those that it may have taken are only
    /// looked up. `nodes` are the addresses of all nodes.
    pub(crate) fn adopt(
        &mut self,
        now: SystemTime,
        network: &str,
        (node, nodes): (NodeId, &[&str]),
        lifetime: Duration,
    ) -> Vec<(Unsettled, Option<Duration>)> {
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
    /// events, and what to write of each.
    pub(crate) fn expire(&mut self, now: SystemTime) -> Vec<(Event, Record)> {
        let is_old = |block: &mut Unsettled| age(now, block) >= FORGOTTEN;
        let old = self.unsettled.extract_if(.., is_old);
        old.map(|block| give_up(now, block)).collect()
    }
}

/// Gives up a block of an earlier run.
fn give_up(now: SystemTime, block: Unsettled) -> (Event, Record) {
    let (key, is_untaken) = (BlockKey::Row(block.row), block.is_untaken());
    let (network, header) = (block.network, block.header);
    let (fate, event) = if is_untaken {
        (Fate::Lost, Event::BlockLost { network, header })
    } else {
        (Fate::Untracked, Event::BlockForgotten { network, header })
    };
    (event, Record::Change(Change::new(key, fate, now)))
}

/// Returns the time since a node last issued the work of a block; none if the clock was set back.
fn age(now: SystemTime, block: &Unsettled) -> Duration {
    now.duration_since(block.issued).unwrap_or_default()
}

/// Returns the record of a block, if the event is that it was found.
fn found<'a>(
    (now, clock): (Instant, SystemTime),
    block: &BlockRef,
    event: &BlockEvent,
    source: impl FnOnce(NodeId) -> Source<'a>,
) -> Option<Found> {
    let BlockEvent::Found {
        found_by,
        header,
        issued,
        ..
    } = event
    else {
        return None;
    };
    let (network, node) = source(block.node);
    Some(Found {
        job: block.job,
        network: network.to_owned(),
        node: node.to_owned(),
        chain: block.chain,
        height: block.height,
        hash: block.hash,
        header: header.as_bytes().to_vec(),
        difficulty: header.target().difficulty().as_f64(),
        worker: found_by.as_deref().map(str::to_owned),
        issued: clock - now.saturating_duration_since(*issued),
        found: clock,
        expected: None,
    })
}

/// Returns the change of a block's fate.
fn change_of(block: BlockKey, event: &BlockEvent, clock: SystemTime) -> Option<Change> {
    let mut change = Change::new(block, fate(event)?, clock);
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
