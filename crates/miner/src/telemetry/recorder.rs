//! Records events: numbers them, keeps the latest, follows the state of the nodes, and logs them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::Skew;

use super::counters::Counters;
use super::event::{Event, NodeEvent};
use super::log::Log;
use super::snapshot::{
    Device, Devices, Hashing, Network, NodeFailure, NodeSnapshot, Payee, Program, RECENT, Record,
    Snapshot,
};
use super::{status, table};
use crate::job::{Jobs, NodeId, Proof};
use crate::meter::{Meter, Reading};
use crate::timing::SKEW_TOLERATED;

/// The time over which the present rate of counted hashes is taken.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// The one place that knows what happened.
#[derive(Debug)]
pub(crate) struct Recorder {
    started: Instant,
    program: Program,
    nodes: Vec<NodeSnapshot>,
    meter: Meter,
    /// Readings of the meter in the last [`RATE_WINDOW`], oldest first.
    readings: VecDeque<(Instant, Reading)>,
    devices: Option<Arc<Devices>>,
    recent: VecDeque<Arc<Record>>,
    sequence: u64,
    log: Log,
    table_explained: bool,
}

impl Recorder {
    /// Creates a recorder of nodes with these addresses.
    pub(crate) fn new(
        now: Instant,
        program: Program,
        nodes: Vec<String>,
        meter: Meter,
        proof: Proof,
    ) -> Self {
        let node = |address| NodeSnapshot {
            address,
            network: None,
            failure: None,
            latency: None,
            clock_skew: None,
        };
        Self {
            started: now,
            program,
            nodes: nodes.into_iter().map(node).collect(),
            readings: [(now, meter.counted())].into(),
            meter,
            devices: None,
            recent: VecDeque::new(),
            sequence: 0,
            log: Log::new(now, proof),
            table_explained: false,
        }
    }

    /// Returns who receives the rewards of blocks.
    pub(crate) fn payee(&self) -> &Payee {
        &self.program.payee
    }

    /// Records an event, and logs it.
    pub(crate) fn record(&mut self, now: Instant, event: Event) {
        if let Event::Node(id, event) = &event {
            self.nodes[id.0].note(now, event);
        }
        self.log.event(now, &event, &self.program, &self.nodes);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Arc::new(Record {
            sequence: self.sequence,
            at: now,
            event,
        }));
        self.sequence += 1;
    }

    /// Notes the time that an answer of a node took.
    pub(crate) fn note_latency(&mut self, node: NodeId, latency: Duration) {
        self.nodes[node.0].latency = Some(latency);
    }

    /// Notes the clock skew of a node, and reports it once if it is large.
    pub(crate) fn note_clock_skew(&mut self, now: Instant, node: NodeId, skew: Skew) {
        let is_new = self.nodes[node.0]
            .clock_skew
            .is_none_or(|before| !before.exceeds(SKEW_TOLERATED));
        self.nodes[node.0].clock_skew = Some(skew);
        if is_new && skew.exceeds(SKEW_TOLERATED) {
            self.record(now, Event::Node(node, NodeEvent::ClockSkew(skew)));
        }
    }

    /// Replaces what is known of the devices.
    pub(crate) fn note_devices(&mut self, devices: Devices) {
        self.devices = Some(Arc::new(devices));
    }

    /// Reads the meter. To be called about once a second.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.log.tick(now);
        while self
            .readings
            .get(1)
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) >= RATE_WINDOW)
        {
            self.readings.pop_front();
        }
        self.readings.push_back((now, self.meter.counted()));
    }

    /// Returns everything that is known at `now`.
    pub(crate) fn snapshot(&self, now: Instant, jobs: Arc<Jobs>, counters: Counters) -> Snapshot {
        let elapsed = now.saturating_duration_since(self.started);
        let (since, before) = self.readings[0];
        let time = now.saturating_duration_since(since);
        let devices = self
            .devices
            .as_deref()
            .map_or(&[][..], |devices| &devices.each);
        Snapshot {
            at: now,
            elapsed,
            program: self.program.clone(),
            nodes: self.nodes.clone(),
            jobs,
            counters,
            hashing: Hashing {
                present: self.meter.present_rate(
                    before,
                    time,
                    devices.iter().map(Device::hash_rate),
                ),
                mean: self
                    .meter
                    .mean_rate(elapsed, devices.iter().map(Device::day_rate)),
                counted: self.meter.counted(),
            },
            devices: self.devices.clone(),
            events: self.recent.iter().cloned().collect(),
        }
    }

    /// Logs the status line.
    pub(crate) fn log_status(snapshot: &Snapshot) {
        status::log(snapshot);
    }

    /// Logs the table of devices, if there are any.
    pub(crate) fn log_devices(&mut self) {
        if let Some(devices) = &self.devices
            && !devices.each.is_empty()
        {
            table::log(devices, &mut self.table_explained);
        }
    }

    /// Logs the totals of a run that ended.
    pub(crate) fn log_end(&mut self, snapshot: &Snapshot) {
        self.log.finish(snapshot.at);
        status::log_end(snapshot);
    }
}

impl NodeSnapshot {
    fn note(&mut self, now: Instant, event: &NodeEvent) {
        match event {
            NodeEvent::RequestFailed {
                request,
                cause,
                error,
                ..
            } => {
                let lasting = self
                    .failure
                    .as_ref()
                    .filter(|failure| failure.request == *request);
                self.failure = Some(NodeFailure {
                    request: *request,
                    cause: *cause,
                    error: error.clone(),
                    since: lasting.map_or(now, |failure| failure.since),
                });
            }
            NodeEvent::RequestRecovered { request, .. } => {
                self.failure.take_if(|failure| failure.request == *request);
            }
            NodeEvent::NetworkIdentified { version, chains }
            | NodeEvent::NetworkChanged {
                version, chains, ..
            } => {
                self.network = Some(Network {
                    version: version.clone(),
                    chains: *chains,
                });
            }
            NodeEvent::NetworkReset { .. }
            | NodeEvent::PowRequired { .. }
            | NodeEvent::PowNotRequired
            | NodeEvent::LookupFailed { .. }
            | NodeEvent::ClockSkew(_) => {}
        }
    }
}
