//! Records events: numbers them, keeps the latest, follows the state of the nodes, and logs them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::{Info, Skew};

use super::counters::Counters;
use super::event::{BlockEvent, Event, FailureCause, NodeEvent, Operation, RequestKind};
use super::fates::Fates;
use super::log::Log;
use super::network::NetworkWatch;
use super::snapshot::{
    Device, Devices, Hashing, Network, NodeFailure, NodeSnapshot, Payee, Program, RECENT, Record,
    Snapshot,
};
use super::work::WorkWatch;
use super::{status, table};
use crate::history::{Earlier, by_instant};
use crate::job::{Jobs, NodeId, Proof};
use crate::meter::{Meter, Reading, mean, total};
use crate::timing::SKEW_TOLERATED;

/// The time over which the present rate of counted hashes is taken.
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// The shortest time between reports about the clock of a node, and the longest after many in a
/// row.
const SKEW_INTERVAL: Duration = Duration::from_secs(10);
const MAX_SKEW_INTERVAL: Duration = Duration::from_hours(1);
/// The shortest time between reports about late blocks.
const LATE_INTERVAL: Duration = Duration::from_mins(10);
/// The number of blocks in a row too late at which their causes are reported.
const MANY_LATE: u32 = 10;

/// The one place that knows what happened.
#[derive(Debug)]
pub(crate) struct Recorder {
    started: Instant,
    program: Program,
    nodes: Vec<NodeSnapshot>,
    meter: Meter,
    /// Readings of the meter in the last [`RATE_WINDOW`], oldest first.
    readings: VecDeque<(Instant, Reading)>,
    work: WorkWatch,
    network: NetworkWatch,
    devices: Option<Arc<Devices>>,
    recent: VecDeque<Arc<Record>>,
    sequence: u64,
    log: Log,
    table_explained: bool,
    /// The last report about the clock of a node, its skew then if it was too large, and how long
    /// there is no other.
    skewed: BTreeMap<NodeId, (Instant, Option<Skew>, Duration)>,
    /// The blocks in a row that came too late or were orphaned.
    late: u32,
    /// When such a row was last reported.
    late_reported: Option<Instant>,
    fates: Fates,
    /// The nodes that do not serve their cut: whether they accept blocks is not known.
    without_cut: BTreeSet<NodeId>,
    /// The last answer, if it was a failure, and the time that it took.
    failed: Option<(NodeId, Operation, Duration)>,
}

/// One node serves from now on.
fn serve(nodes: &mut [NodeSnapshot], serving: NodeId) {
    for (at, node) in nodes.iter_mut().enumerate() {
        node.is_serving = at == serving.0;
    }
}

impl Recorder {
    /// Creates a recorder of nodes with these addresses, the last of which only insure jobs.
    pub(crate) fn new(
        now: Instant,
        program: Program,
        (nodes, submit_only): (Vec<String>, usize),
        meter: Meter,
        proof: Proof,
    ) -> Self {
        let node = |address| NodeSnapshot {
            address,
            ..NodeSnapshot::default()
        };
        let mut nodes: Vec<_> = nodes.into_iter().map(node).collect();
        for node in nodes.iter_mut().rev().take(submit_only) {
            node.is_submit_only = true;
        }
        serve(&mut nodes, NodeId(0));
        Self {
            started: now,
            program,
            nodes,
            readings: [(now, meter.counted())].into(),
            meter,
            work: WorkWatch::new(now),
            network: NetworkWatch::default(),
            devices: None,
            recent: VecDeque::new(),
            sequence: 0,
            log: Log::new(now, proof),
            table_explained: false,
            skewed: BTreeMap::new(),
            late: 0,
            late_reported: None,
            fates: Fates::default(),
            without_cut: BTreeSet::new(),
            failed: None,
        }
    }

    /// Returns the state of the nodes.
    pub(crate) fn nodes(&self) -> &[NodeSnapshot] {
        &self.nodes
    }

    /// Returns who receives the rewards of blocks.
    pub(crate) fn payee(&self) -> &Payee {
        &self.program.payee
    }

    /// Goes on from the work of earlier runs.
    pub(crate) fn resume(&mut self, earlier: &Earlier) {
        let hours = by_instant(&earlier.hours, self.started);
        self.work
            .resume(earlier.expected, earlier.expected_at_confirmed, &hours);
    }

    /// Remembers the expected blocks of all runs when a block of an earlier run was found.
    pub(crate) fn remember(&mut self, row: i64, expected: Option<f64>) {
        self.work.remember(row, expected);
    }

    /// Notes an event when it happens, before it is recorded. Returns the expected blocks of all
    /// runs if it is a block that was found and its work is known.
    pub(crate) fn note(&mut self, now: Instant, event: &Event) -> Option<f64> {
        self.network.note(event);
        match event {
            Event::Block(block, event) => self.work.note(now, &self.meter, block, event),
            _ => None,
        }
    }

    /// Records an event, and logs it.
    pub(crate) fn record(&mut self, now: Instant, event: Event) {
        if let Event::Node(id, event) = &event {
            let asked = self.asked(now, *id, event);
            self.nodes[id.0].note(asked, event);
            self.nodes[id.0].faults.note(now, event);
        }
        if let Event::NodeChosen { node, .. } = &event {
            serve(&mut self.nodes, *node);
        }
        self.fates.note(&event);
        self.log.event(now, &event, &self.program, &self.nodes);
        let late = self.note_late(now, &event);
        if let Event::Block(block, event) = &event {
            let faults = &mut self.nodes[block.node.0].faults;
            faults.note_block(now, event);
            faults.late_blocks = self.late;
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Arc::new(Record {
            sequence: self.sequence,
            at: now,
            event,
        }));
        self.sequence += 1;
        if let Some(node) = late {
            let times = self.late;
            self.record(now, Event::Node(node, NodeEvent::BlocksLate { times }));
        }
    }

    /// Returns when the request was sent that failed with this event of a node, else `now`.
    fn asked(&self, now: Instant, node: NodeId, event: &NodeEvent) -> Instant {
        let NodeEvent::RequestFailed { request, .. } = event else {
            return now;
        };
        let of_event = |(of, operation, _): &(NodeId, Operation, Duration)| {
            *of == node && request.operation() == Some(*operation)
        };
        let took = self.failed.filter(of_event).map(|(_, _, took)| took);
        took.and_then(|took| now.checked_sub(took)).unwrap_or(now)
    }

    /// Counts blocks that come too late. Returns the node of the last one if there are many.
    fn note_late(&mut self, now: Instant, event: &Event) -> Option<NodeId> {
        let (block, event) = match event {
            Event::Block(block, event) => (block, event),
            Event::Node(id, NodeEvent::CutNotServed) => {
                self.without_cut.insert(*id);
                return None;
            }
            Event::Node(
                id,
                NodeEvent::NetworkChanged { .. }
                | NodeEvent::RequestRecovered {
                    request: RequestKind::Cut,
                    ..
                },
            ) => {
                self.without_cut.remove(id);
                return None;
            }
            _ => return None,
        };
        match event {
            BlockEvent::Stale | BlockEvent::Orphaned { .. } => {
                self.late = self.late.saturating_add(1);
                let last = self.late_reported;
                let is_due = last.is_none_or(|at| now.duration_since(at) >= LATE_INTERVAL);
                if self.late != MANY_LATE || !is_due {
                    return None;
                }
                self.late_reported = Some(now);
                Some(block.node)
            }
            BlockEvent::Accepted => {
                self.late = 0;
                None
            }
            // Acceptance cannot be checked.
            BlockEvent::Submitted { .. } if self.without_cut.contains(&block.node) => {
                self.late = 0;
                None
            }
            _ => None,
        }
    }

    /// Notes what a node says of itself.
    pub(crate) fn note_info(&mut self, node: NodeId, info: &Info) {
        self.nodes[node.0].is_evm = info.is_evm;
        self.network.identified(info);
    }

    /// Whether the node is of the EVM line, as far as it says so.
    pub(crate) fn is_evm(&self, node: NodeId) -> bool {
        self.nodes[node.0].is_evm
    }

    /// Notes the time that an answer of a node took, or a request that failed for a cause.
    pub(crate) fn note_answer(
        &mut self,
        node: NodeId,
        answer: (Operation, Option<FailureCause>),
        latency: Duration,
    ) {
        self.failed = answer.1.map(|_| (node, answer.0, latency));
        let node = &mut self.nodes[node.0];
        node.requests.entry(answer).or_default().add(latency);
        if answer.1.is_none() {
            node.latency = Some(latency);
        }
    }

    /// Notes the number of connections opened to a node.
    pub(crate) fn note_connections(&mut self, node: NodeId, opened: u64) {
        self.nodes[node.0].connections_opened = opened;
    }

    /// Notes the clock skew of a node. Reports a large one, its changes, and its end.
    pub(crate) fn note_clock_skew(&mut self, now: Instant, node: NodeId, skew: Skew) {
        self.nodes[node.0].clock_skew = Some(skew);
        let last = self.skewed.get(&node).copied();
        let event = match last.and_then(|(_, reported, _)| reported) {
            None if skew.exceeds(SKEW_TOLERATED) => NodeEvent::ClockSkew(skew),
            // Skew about the limit is reported once, not at each crossing.
            Some(_) if !skew.exceeds(SKEW_TOLERATED / 2) => NodeEvent::ClockSkewEnded,
            Some(reported) if skew.differs(&reported, SKEW_TOLERATED) => NodeEvent::ClockSkew(skew),
            _ => return,
        };
        // Nodes with different clocks may answer in turn at one address.
        let interval = match last {
            None => SKEW_INTERVAL,
            Some((at, _, interval)) => match now.saturating_duration_since(at) {
                elapsed if elapsed < interval => return,
                elapsed if elapsed < 2 * interval => (2 * interval).min(MAX_SKEW_INTERVAL),
                _ => SKEW_INTERVAL,
            },
        };
        let reported = (event == NodeEvent::ClockSkew(skew)).then_some(skew);
        self.skewed.insert(node, (now, reported, interval));
        self.record(now, Event::Node(node, event));
    }

    /// Replaces what is known of the devices.
    pub(crate) fn note_devices(&mut self, devices: Devices) {
        self.devices = Some(Arc::new(devices));
    }

    /// Reads the meter. To be called about once a second.
    pub(crate) fn tick(&mut self, now: Instant, counters: &Counters) {
        self.log.tick(now, counters);
        self.work.read(now, &self.meter);
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
        let counted = self.meter.counted();
        let hashes = counted.hashes.saturating_sub(before.hashes);
        let present = total(devices.iter().filter_map(Device::hash_rate));
        let mean = mean(devices.iter().filter_map(Device::day_rate), elapsed);
        Snapshot {
            nodes: self.nodes.clone(),
            jobs,
            counters,
            hashing: Hashing {
                present: self.meter.rate(hashes, time, present),
                mean: self.meter.rate(counted.hashes, elapsed, mean),
                counted,
            },
            work: self.work.work(now),
            network: self.network.rates(),
            fates: self.fates.counts(),
            devices: self.devices.clone(),
            events: self.recent.iter().cloned().collect(),
            ..Snapshot::new(now, elapsed, self.program.clone())
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
        self.log.finish(snapshot.at, &snapshot.counters);
        status::log_end(snapshot);
    }
}

impl NodeSnapshot {
    /// Notes an event. `asked` is when the request was sent, if it is the failure of one.
    fn note(&mut self, asked: Instant, event: &NodeEvent) {
        match event {
            NodeEvent::RequestFailed {
                request,
                cause,
                error,
                ..
            } => {
                let lasting = self.failures.get(request);
                let failure = NodeFailure {
                    cause: *cause,
                    error: error.clone(),
                    since: lasting.map_or(asked, |failure| failure.since),
                };
                self.failures.insert(*request, failure);
                if matches!(
                    cause,
                    FailureCause::Unreachable
                        | FailureCause::Tls
                        | FailureCause::Proxy
                        | FailureCause::NoAnswer
                ) {
                    self.latency = None;
                }
            }
            NodeEvent::RequestRecovered { request, .. } => {
                self.failures.remove(request);
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
            NodeEvent::Standing { standing, .. } => self.standing = *standing,
            NodeEvent::NetworkReset { .. }
            | NodeEvent::PowRequired { .. }
            | NodeEvent::PowNotRequired
            | NodeEvent::ProofsRefused { .. }
            | NodeEvent::ProofsAccepted
            | NodeEvent::PayloadsUnknown { .. }
            | NodeEvent::OrphansInARow { .. }
            | NodeEvent::BlocksLate { .. }
            | NodeEvent::LookupFailed { .. }
            | NodeEvent::CutNotServed
            | NodeEvent::UpdatesSilent { .. }
            | NodeEvent::UpdatesResumed { .. }
            | NodeEvent::ClockSkew(_)
            | NodeEvent::ClockSkewEnded => {}
        }
    }
}
