//! What is shown of a snapshot: each document is written once, when it is first asked for.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use miner::history::wall_clock;
use miner::telemetry::Snapshot;
use miner::telemetry::snapshot::ChainSnapshot;
use tokio::sync::Semaphore;

use super::MAX_STREAMS;
use super::answer::bytes;
use super::changes::Changes;
use super::clock::Clock;
use super::events::{Events, Latest};
use super::model::event;
use super::model::job::Jobs;
use super::model::node::Nodes;
use super::model::status::{Figures, Status};
use super::model::tick::{Change, Tick, Tip};
use super::model::worker::{Worker, Workers};
use super::ready::{Readiness, readiness};
use crate::metrics::{Format, Page};

/// The documents about a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Document {
    Status,
    Nodes,
    Jobs,
    Workers,
    Events,
}

/// What is shown of a snapshot.
#[derive(Debug)]
pub(super) struct Published {
    snapshot: Arc<Snapshot>,
    /// The number of the snapshot.
    sequence: u64,
    worker: Arc<str>,
    stratum_port: Option<u16>,
    clock: Clock,
    /// The last moment with a job.
    worked: Option<Instant>,
    /// The latest events.
    pub(super) events: Arc<Latest>,
    /// The message of the stream; empty if no stream was open.
    pub(super) tick: Bytes,
    documents: [OnceLock<Bytes>; Document::Events as usize + 1],
}

impl Published {
    /// Returns a document in JSON.
    pub(super) fn document(&self, document: Document) -> Bytes {
        let (snapshot, clock) = (&*self.snapshot, &self.clock);
        let write = || match document {
            Document::Status => {
                let figures = self.figures(snapshot.at);
                let worker = (&*self.worker, self.stratum_port);
                bytes(&Status::new(snapshot, worker, clock, figures))
            }
            Document::Nodes => bytes(&Nodes::new(snapshot, clock)),
            Document::Jobs => bytes(&Jobs::new(snapshot, clock)),
            Document::Workers => bytes(&Workers::new(self.sequence, snapshot, clock)),
            Document::Events => bytes(&event::Events {
                events: self.events.iter().map(|written| &written.event).collect(),
            }),
        };
        let written = &self.documents[document as usize];
        written.get_or_init(write).clone()
    }

    /// Returns a device by its name.
    pub(super) fn worker(&self, name: &str) -> Option<Worker> {
        let devices = &self.snapshot.devices.as_ref()?.each;
        let device = devices
            .iter()
            .find(|device| device.stats.name.as_str() == name)?;
        Some(Worker::new(device, &self.snapshot, &self.clock))
    }

    /// Returns whether the program is ready at `now`.
    pub(super) fn readiness(&self, now: Instant) -> Readiness {
        readiness(
            &self.snapshot,
            self.worked,
            &*self.worker == "on-demand",
            now,
        )
    }

    /// Returns the metrics as text.
    pub(super) fn metrics(&self, page: &Page, format: Format) -> Bytes {
        let now = Instant::now();
        let since_1970 = Duration::from_millis(self.clock.unix_ms(now).unsigned_abs());
        let both = (now, SystemTime::UNIX_EPOCH + since_1970);
        page.text(both, &self.snapshot, self.readiness(now).ready, format)
    }

    fn figures(&self, now: Instant) -> Figures {
        let readiness = self.readiness(now);
        Figures::new(self.sequence, &self.snapshot, &self.clock, readiness)
    }
}

/// Follows the snapshots of an engine.
#[derive(Debug)]
pub(super) struct Publisher {
    worker: Arc<str>,
    stratum_port: Option<u16>,
    sequence: u64,
    clock: Clock,
    worked: Option<Instant>,
    events: Events,
    changes: Changes,
    /// The chains of the last message.
    chains: Vec<ChainSnapshot>,
    /// A permit for each stream that may be opened.
    streams: Arc<Semaphore>,
}

impl Publisher {
    pub(super) fn new(worker: String, stratum_port: Option<u16>, streams: Arc<Semaphore>) -> Self {
        let clock = now_by_both();
        Self {
            worker: worker.into(),
            stratum_port,
            sequence: 0,
            clock,
            worked: None,
            events: Events::new(clock.unix_ms(Instant::now())),
            changes: Changes::default(),
            chains: Vec::new(),
            streams,
        }
    }

    /// Returns what is shown of the next snapshot.
    pub(super) fn publish(&mut self, snapshot: Arc<Snapshot>) -> Published {
        self.sequence += 1;
        self.clock.follow(now_by_both());
        if snapshot.jobs.iter().len() > 0 {
            self.worked = Some(snapshot.at);
        }
        let mut published = Published {
            sequence: self.sequence,
            worker: Arc::clone(&self.worker),
            stratum_port: self.stratum_port,
            clock: self.clock,
            worked: self.worked,
            events: self.events.follow(&snapshot, &self.clock),
            tick: Bytes::new(),
            documents: Default::default(),
            snapshot,
        };
        if self.streams.available_permits() < MAX_STREAMS {
            let devices = published.snapshot.devices.iter();
            let devices: Vec<Change> = devices
                .flat_map(|devices| &devices.each)
                .map(Change::new)
                .collect();
            let tick = Tick {
                figures: published.figures(published.snapshot.at),
                changed: self.changes.next(&devices),
                tips: Tip::changed(&published.snapshot.chains, &self.chains, &self.clock),
            };
            self.chains.clone_from(&published.snapshot.chains);
            let message = [b"event: status\ndata: ", &*bytes(&tick), b"\n\n"].concat();
            published.tick = message.into();
        } else {
            (self.changes, self.chains) = Default::default();
        }
        published
    }
}

fn now_by_both() -> Clock {
    Clock::new(Instant::now(), wall_clock())
}
