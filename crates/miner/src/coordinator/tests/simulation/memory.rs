//! What outlives the program: the ledger's records on their way to a disk, and what is there when
//! the program is killed.
//!
//! The disk is a database of the real tables, in memory. It takes records in their order: at once,
//! late, or not at all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use chainweb::{BlockHash, Work};
use rand::RngExt;

use super::super::super::{Event, Request};
use super::answers::block_hash;
use super::{Flight, World};
use crate::history::disk::Disk;
use crate::history::{Fate, Record, Totals};
use crate::job::{JobId, NodeId};
use crate::run::ledger::{Held, Ledger, PATIENCE, START};
use crate::telemetry::Standing;
use crate::telemetry::event::{BlockEvent, Event as Report};
use crate::timing::Timing;

const MINUTE: Duration = Duration::from_mins(1);
/// How long the writer waits before it tries again.
const RETRY: Duration = Duration::from_secs(1);
/// The addresses of the nodes.
const ADDRESSES: [&str; 5] = ["node-0", "node-1", "node-2", "node-3", "node-4"];

/// How the disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    Slow,
    /// It takes nothing. Known after the first try.
    Failing,
}

#[derive(Debug)]
pub(super) struct Memory {
    pub(super) disk: Disk,
    pub(super) ledger: Ledger,
    health: Health,
    is_fault_known: bool,
    /// The records on their way, in their order, and when the disk takes them.
    queue: VecDeque<Record>,
    due: Instant,
    /// The blocks whose events are held back, and since when.
    awaited: BTreeMap<JobId, Instant>,
    /// The jobs of this run whose headers are on the disk.
    pub(super) on_disk: BTreeSet<JobId>,
    /// The blocks that the program forgot since the disk did not take them before it was killed.
    pub(super) forgotten: BTreeSet<BlockHash>,
    /// The blocks that this run reported as found, and those of them in totals.
    found: u64,
    counted: u64,
    minute: Instant,
    /// Whether the program was ever killed.
    pub(super) was_cut_off: bool,
    started: Instant,
}

impl Memory {
    pub(super) fn new(now: Instant) -> Self {
        let mut disk = Disk::new();
        let ledger = Ledger::new(disk.begin_run(clock(Duration::ZERO)));
        Self {
            disk,
            ledger,
            health: Health::Good,
            is_fault_known: false,
            queue: VecDeque::new(),
            due: now,
            awaited: BTreeMap::new(),
            on_disk: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            found: 0,
            counted: 0,
            minute: now + MINUTE,
            was_cut_off: false,
            started: now,
        }
    }

    /// Returns when something is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let due = (!self.queue.is_empty()).then_some(self.due);
        let waited = self.awaited.values().map(|since| *since + PATIENCE).min();
        [due, waited, Some(self.minute)].into_iter().flatten().min()
    }

    fn clock(&self, now: Instant) -> SystemTime {
        clock(now - self.started)
    }

    fn queue(&mut self, now: Instant, delay: Duration, record: Record) {
        if self.queue.is_empty() {
            self.due = now + delay;
        }
        self.queue.push_back(record);
    }

    /// Some records reach the disk, in one transaction.
    fn write(&mut self, records: usize) {
        let batch: Vec<_> = self.queue.drain(..records).collect();
        self.disk.write(&batch);
        let headers = batch.iter().filter_map(|record| match record {
            Record::Found(found) => Some(found.job),
            _ => None,
        });
        self.on_disk.extend(headers);
    }
}

/// Returns the time by a clock that starts at any time.
fn clock(since: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000) + since
}

impl World {
    /// How long the disk takes for what comes next.
    fn delay(&mut self) -> Duration {
        let health = self.memory.as_ref().map(|memory| memory.health);
        let micros = match health {
            Some(Health::Slow) => self.rng.random_range(0..3_000_000),
            _ => self.rng.random_range(0..3000),
        };
        Duration::from_micros(micros)
    }

    /// A report of the coordinator passes the ledger before the log gets it.
    pub(super) fn take_report(&mut self, event: Report) {
        self.check_report(&event);
        let delay = self.delay();
        let now = self.now;
        let Some(memory) = &mut self.memory else {
            return;
        };
        let nodes = &self.coordinator.nodes;
        let source = |node: NodeId| {
            let info = nodes[node.0].info.as_ref();
            (
                info.map_or("", |info| info.version.as_str()),
                ADDRESSES[node.0],
            )
        };
        let at = (now, memory.clock(now));
        let is_awaited = !memory.is_fault_known;
        let passed = memory.ledger.pass(at, event, is_awaited, None, source);
        if let Some(record) = passed.record {
            if let (Record::Found(found), None) = (&record, &passed.event) {
                memory.awaited.insert(found.job, now);
            }
            memory.queue(now, delay, record);
        }
        self.log(passed.event.map(|event| (now, event)));
    }

    /// The log gets events.
    fn log(&mut self, events: impl IntoIterator<Item = Held>) {
        for (_, event) in events {
            if let Report::Block(block, BlockEvent::Found { .. }) = &event {
                self.a_reported_block_is_on_the_disk(block.job);
                if let Some(memory) = &mut self.memory {
                    memory.found += 1;
                }
            }
        }
    }

    /// Returns until when the submission of a job's block waits for the disk.
    pub(super) fn start_of(&self, job: JobId) -> Option<Instant> {
        let memory = self.memory.as_ref()?;
        memory.awaited.contains_key(&job).then(|| self.now + START)
    }

    /// Whether a disk known to take nothing, or a slow one, explains that a header is not there.
    pub(super) fn is_excused(&self, job: JobId) -> bool {
        self.memory.as_ref().is_some_and(|memory| {
            let since = memory.awaited.get(&job);
            memory.is_fault_known || since.is_some_and(|since| *since + PATIENCE <= self.now)
        })
    }

    /// Does what is due. Returns whether there was something.
    pub(super) fn memory_acts(&mut self) -> bool {
        let now = self.now;
        let Some(memory) = &mut self.memory else {
            return false;
        };
        let mut is_any = false;
        if !memory.queue.is_empty() && memory.due <= now {
            is_any = true;
            if memory.health == Health::Failing {
                memory.is_fault_known = true;
                memory.due = now + RETRY;
            } else {
                memory.is_fault_known = false;
                let records = memory.queue.len();
                self.write_records(records);
            }
        }
        let Some(memory) = &mut self.memory else {
            return is_any;
        };
        if memory.minute <= now {
            is_any = true;
            memory.minute = now + MINUTE;
            let totals = Totals {
                blocks: memory.found - std::mem::replace(&mut memory.counted, memory.found),
                ..Totals::default()
            };
            let record = Record::Totals(memory.clock(now), totals, Vec::new());
            memory.queue(now, Duration::ZERO, record);
            self.adopt_all();
        }
        let memory = self.memory.as_ref().expect("it was there");
        let waited = memory.awaited.iter();
        let waited = waited.filter(|(_, since)| **since + PATIENCE <= now);
        let waited: Vec<_> = waited.map(|(job, _)| *job).collect();
        for job in waited {
            is_any = true;
            self.release(job);
        }
        is_any
    }

    /// The header of a block is on the disk, or takes too long.
    fn release(&mut self, job: JobId) {
        let memory = self.memory.as_mut().expect("it has a ledger");
        let held = memory.ledger.written(job);
        self.log(held);
        let memory = self.memory.as_mut().expect("it has a ledger");
        memory.awaited.remove(&job);
        for flight in &mut self.flights {
            if matches!(&flight.request, Request::Submit { job: of, .. } if *of == job) {
                flight.starts = None;
            }
        }
    }

    fn write_records(&mut self, records: usize) {
        let memory = self.memory.as_mut().expect("it has a disk");
        self.other_events += records as u64;
        self.trace.put(records as u64);
        memory.write(records);
        self.release_written();
    }

    /// Releases all blocks whose headers are on the disk.
    fn release_written(&mut self) {
        let memory = self.memory.as_ref().expect("it has a disk");
        let written = memory
            .awaited
            .keys()
            .filter(|job| memory.on_disk.contains(job));
        for job in written.copied().collect::<Vec<_>>() {
            self.release(job);
        }
    }

    /// Some records reach the disk.
    pub(super) fn write_some(&mut self) {
        let Some(memory) = self.memory.as_ref() else {
            return;
        };
        if memory.health != Health::Failing && !memory.queue.is_empty() {
            let records = self.rng.random_range(1..=memory.queue.len());
            self.write_records(records);
        }
    }

    /// The disk becomes slow, fails or recovers.
    pub(super) fn change_disk(&mut self) {
        let all = [Health::Good, Health::Slow, Health::Failing];
        let health = all[self.rng.random_range(0..all.len())];
        if let Some(memory) = &mut self.memory {
            memory.health = health;
        }
    }

    /// The disk takes everything again, at once.
    pub(super) fn heal_disk(&mut self) {
        if let Some(memory) = &mut self.memory {
            memory.health = Health::Good;
            memory.due = self.now;
        }
    }

    /// Takes up the blocks of earlier runs that any node can be asked about.
    pub(super) fn adopt_all(&mut self) {
        if self.memory.is_none() || self.coordinator.is_stopping() {
            return;
        }
        for id in (0..self.nodes.len()).map(NodeId) {
            let node = &self.coordinator.nodes[id.0];
            let is_other = node.peer.standing == Standing::OtherNetwork;
            let Some(info) = node.info.as_ref().filter(|_| !is_other) else {
                continue;
            };
            let network = info.version.as_str().to_owned();
            let (now, lifetime) = (self.now, Timing::default().payload_lifetime);
            let memory = self.memory.as_mut().expect("it has a ledger");
            let clock = memory.clock(now);
            let nodes = (id, &ADDRESSES[..self.config.nodes]);
            for (block, left) in memory.ledger.adopt(clock, &network, nodes, lifetime) {
                let work = Work::new(block.header).expect("it was solved");
                let (row, fate) = (block.row, block.fate);
                let event = Event::Restored {
                    node: id,
                    row,
                    fate,
                    work,
                    left,
                };
                self.handle(event);
            }
        }
    }

    /// The program is killed: some of its last requests reach their nodes, and some of its last
    /// records the disk.
    pub(super) fn end_of_flights(&mut self) {
        self.write_some();
        for at in 0..self.flights.len() {
            let flight: &Flight = &self.flights[at];
            let is_sent = flight.answer.is_none() && !self.is_held(flight);
            if is_sent && self.rng.random_bool(0.5) {
                self.act(at);
            }
        }
        let memory = self.memory.as_mut().expect("only then is it killed");
        let lost = memory.queue.drain(..);
        let lost = lost.filter_map(|record| match record {
            Record::Found(found) => chainweb::WorkHeader::decode(&found.header).ok(),
            _ => None,
        });
        memory
            .forgotten
            .extend(lost.map(|header| block_hash(&header)));
    }

    /// The program starts again with what is on the disk.
    pub(super) fn start_again(&mut self) {
        let now = self.now;
        let memory = self.memory.as_mut().expect("only then was it killed");
        let unsettled = memory.disk.begin_run(memory.clock(now));
        memory.ledger = Ledger::new(unsettled);
        memory.awaited.clear();
        memory.on_disk.clear();
        (memory.found, memory.counted) = (0, 0);
        memory.minute = now + MINUTE;
        (memory.is_fault_known, memory.was_cut_off) = (false, true);
        self.other_events += 1;
        self.blocks_are_counted_once();
    }

    /// Everything is on the disk.
    pub(super) fn flush(&mut self) {
        self.heal_disk();
        let records = self.memory.as_ref().map_or(0, |memory| memory.queue.len());
        if records > 0 {
            self.write_records(records);
        }
    }

    /// Returns the blocks on the disk: row, fate, and hash of the header.
    pub(super) fn rows(&self) -> Vec<(i64, Fate, String, BlockHash)> {
        let memory = self.memory.as_ref().expect("it has a disk");
        let rows = memory.disk.rows().into_iter();
        rows.map(|(row, fate, network, header)| (row, fate, network, block_hash(&header)))
            .collect()
    }
}
