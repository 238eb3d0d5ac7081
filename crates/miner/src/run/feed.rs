//! What the history gets of a run: its work, minute by minute, and the outages of its nodes.
//!
//! The snapshot has sums since the start; a record has what was added since the record before.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chainweb::{Difficulty, Level};
use stratum::{Rejection, WorkerName};

use crate::history::{Fate, Outage, Record, Totals, WorkerTotals, milliseconds};
use crate::telemetry::snapshot::{Device, NodeSnapshot, Snapshot};

const MINUTE: i64 = 60_000;

/// The shortest outage that is recorded.
const LEAST_OUTAGE: Duration = Duration::from_secs(5);

/// What was recorded so far.
#[derive(Debug)]
pub(super) struct Feed {
    /// The minute that has not been recorded, counted from the Unix epoch by the clock of this
    /// machine, which may be set back.
    minute: i64,
    whole: Totals,
    workers: BTreeMap<WorkerName, WorkerTotals>,
    /// The outages that last, by the index of the node.
    outages: BTreeMap<usize, Outage>,
}

impl Feed {
    pub(super) fn new(now: SystemTime) -> Self {
        Self {
            minute: milliseconds(now) / MINUTE,
            whole: Totals::default(),
            workers: BTreeMap::new(),
            outages: BTreeMap::new(),
        }
    }

    /// Whether a minute is over.
    pub(super) fn is_due(&self, now: SystemTime) -> bool {
        milliseconds(now) / MINUTE != self.minute
    }

    /// Returns the work since the last call; that of workers since the last call with workers.
    pub(super) fn totals(
        &mut self,
        now: SystemTime,
        snapshot: &Snapshot,
        has_workers: bool,
    ) -> Record {
        let start = (self.minute * MINUTE).unsigned_abs();
        let at = UNIX_EPOCH + Duration::from_millis(start);
        self.minute = milliseconds(now) / MINUTE;
        let whole = sums(snapshot);
        let added = whole.since(&std::mem::replace(&mut self.whole, whole));
        let workers = if has_workers {
            self.of_workers(snapshot)
        } else {
            Vec::new()
        };
        Record::Totals(at, added, workers)
    }

    /// Returns what was added by the workers that did something.
    fn of_workers(&mut self, snapshot: &Snapshot) -> Vec<WorkerTotals> {
        let devices = snapshot.devices.iter().flat_map(|devices| &devices.each);
        let mut before = std::mem::take(&mut self.workers);
        let mut added = Vec::new();
        // A name that never sent a good share may be a scanner's.
        for device in devices.filter(|device| device.stats.last_share.is_some()) {
            let name = &device.stats.name;
            let present = worker(device);
            let former = before.remove(name).unwrap_or_default();
            if former != present {
                added.push(WorkerTotals {
                    totals: present.totals.since(&former.totals),
                    ..present.clone()
                });
            }
            self.workers.insert(name.clone(), present);
        }
        added
    }

    /// Returns the outages that start or end. A node of which no work can be had is in one.
    pub(super) fn outages(
        &mut self,
        (now, at): (SystemTime, Instant),
        nodes: &[NodeSnapshot],
    ) -> Vec<Record> {
        let mut records = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            match node.down() {
                Some(failure) if !self.outages.contains_key(&index) => {
                    let lasts = at.saturating_duration_since(failure.since);
                    if lasts >= LEAST_OUTAGE {
                        let outage = Outage {
                            node: node.address.clone(),
                            since: milliseconds(now - lasts),
                            until: None,
                            cause: failure.error.clone(),
                        };
                        records.push(Record::Outage(outage.clone()));
                        self.outages.insert(index, outage);
                    }
                }
                Some(_) => {}
                None => records.extend(self.end(now, index)),
            }
        }
        records
    }

    /// Ends the outages with the program.
    pub(super) fn end_outages(&mut self, now: SystemTime) -> Vec<Record> {
        let open: Vec<_> = self.outages.keys().copied().collect();
        open.into_iter()
            .filter_map(|at| self.end(now, at))
            .collect()
    }

    fn end(&mut self, now: SystemTime, index: usize) -> Option<Record> {
        let mut outage = self.outages.remove(&index)?;
        outage.until = Some(milliseconds(now));
        Some(Record::Outage(outage))
    }
}

/// Returns the work since the start.
fn sums(snapshot: &Snapshot) -> Totals {
    let server = snapshot.devices.as_ref().map(|devices| &devices.server);
    let server = server.copied().unwrap_or_default();
    let work = &snapshot.work;
    Totals {
        hashes: work.stale.total(),
        expected: work.expected,
        stale_hashes: work.stale.hashes(),
        shares_accepted: server.accepted_shares,
        shares_stale: server.rejections.of(Rejection::Stale),
        shares_rejected: server.rejections.except_stale(),
        blocks: snapshot.fates.get(&Fate::Found).copied().unwrap_or(0),
    }
}

/// Returns the work of a device since it connected.
fn worker(device: &Device) -> WorkerTotals {
    let stats = &device.stats;
    WorkerTotals {
        name: stats.name.as_str().to_owned(),
        totals: Totals {
            hashes: device.expected.map(|_| stats.credited),
            expected: device.expected,
            stale_hashes: None,
            shares_accepted: stats.all_accepted(),
            shares_stale: stats.rejections.of(Rejection::Stale),
            shares_rejected: stats.rejections.except_stale(),
            blocks: stats.blocks,
        },
        best_share: stats.best.map(Difficulty::as_f64),
        level: stats.last_share_level.map(Level::bits),
    }
}

#[cfg(test)]
mod tests;
