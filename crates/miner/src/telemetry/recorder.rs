//! Records events: numbers them, keeps the latest, follows the state of the nodes, and logs them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::Skew;

use super::counters::Counters;
use super::event::{Event, FailureCause, NodeEvent};
use super::log::Log;
use super::snapshot::{
    Device, Devices, Hashing, Network, NodeFailure, NodeSnapshot, Payee, Program, RECENT, Record,
    Snapshot,
};
use super::{status, table};
use crate::job::{Jobs, NodeId, Proof};
use crate::meter::{Meter, Reading, mean, total};
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
    /// The nodes whose clock skew is reported.
    skewed: BTreeSet<NodeId>,
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
            is_evm: false,
            failures: BTreeMap::new(),
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
            skewed: BTreeSet::new(),
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

    /// Notes whether a node is of the EVM line.
    pub(crate) fn note_evm(&mut self, node: NodeId, is_evm: bool) {
        self.nodes[node.0].is_evm = is_evm;
    }

    /// Whether the node is of the EVM line, as far as it says so.
    pub(crate) fn is_evm(&self, node: NodeId) -> bool {
        self.nodes[node.0].is_evm
    }

    /// Notes the time that an answer of a node took.
    pub(crate) fn note_latency(&mut self, node: NodeId, latency: Duration) {
        self.nodes[node.0].latency = Some(latency);
    }

    /// Notes the clock skew of a node, and reports it once if it is large.
    pub(crate) fn note_clock_skew(&mut self, now: Instant, node: NodeId, skew: Skew) {
        self.nodes[node.0].clock_skew = Some(skew);
        // Skew about the limit is reported once, not at each crossing.
        if !skew.exceeds(SKEW_TOLERATED / 2) {
            self.skewed.remove(&node);
        } else if skew.exceeds(SKEW_TOLERATED) && self.skewed.insert(node) {
            self.record(now, Event::Node(node, NodeEvent::ClockSkew(skew)));
        }
    }

    /// Replaces what is known of the devices.
    pub(crate) fn note_devices(&mut self, devices: Devices) {
        self.devices = Some(Arc::new(devices));
    }

    /// Reads the meter. To be called about once a second.
    pub(crate) fn tick(&mut self, now: Instant, counters: &Counters) {
        self.log.tick(now, counters);
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
        let hashes = counted.hashes.wrapping_sub(before.hashes);
        let present = total(devices.iter().map(Device::hash_rate));
        let mean = mean(devices.iter().map(Device::day_rate), elapsed);
        Snapshot {
            at: now,
            elapsed,
            program: self.program.clone(),
            nodes: self.nodes.clone(),
            jobs,
            counters,
            hashing: Hashing {
                present: self.meter.rate(hashes, time, present),
                mean: self.meter.rate(counted.hashes, elapsed, mean),
                counted,
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
        self.log.finish(snapshot.at, &snapshot.counters);
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
                let lasting = self.failures.get(request);
                let failure = NodeFailure {
                    cause: *cause,
                    error: error.clone(),
                    since: lasting.map_or(now, |failure| failure.since),
                };
                self.failures.insert(*request, failure);
                if matches!(
                    cause,
                    FailureCause::Unreachable | FailureCause::Tls | FailureCause::NoAnswer
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
            NodeEvent::NetworkReset { .. }
            | NodeEvent::PowRequired { .. }
            | NodeEvent::PowNotRequired
            | NodeEvent::PayloadsUnknown { .. }
            | NodeEvent::OrphansInARow { .. }
            | NodeEvent::LookupFailed { .. }
            | NodeEvent::CutNotServed
            | NodeEvent::UpdatesSilent { .. }
            | NodeEvent::UpdatesResumed { .. }
            | NodeEvent::ClockSkew(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::Recorder;
    use crate::job::{Jobs, NodeId, Proof};
    use crate::meter::{HashMeter, Meter};
    use crate::telemetry::counters::Counters;
    use crate::telemetry::event::{Event, FailureCause, NodeEvent, RequestKind};
    use crate::telemetry::snapshot::{Payee, Program, RECENT, Snapshot};

    const NODE: NodeId = NodeId(0);

    fn recorder(now: Instant, meter: Meter) -> Recorder {
        let program = Program {
            version: "1",
            payee: Payee::Simulated,
        };
        Recorder::new(
            now,
            program,
            vec!["node:1848".into()],
            meter,
            Proof::Verified,
        )
    }

    fn snapshot(recorder: &Recorder, now: Instant) -> Snapshot {
        recorder.snapshot(now, Arc::new(Jobs::default()), Counters::default())
    }

    fn failed(request: RequestKind, error: &str) -> Event {
        let event = NodeEvent::RequestFailed {
            request,
            cause: FailureCause::NoAnswer,
            error: error.to_owned(),
            retry_in: Duration::ZERO,
        };
        Event::Node(NODE, event)
    }

    #[test]
    fn a_failure_lasts_from_the_first_report_until_its_request_succeeds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut recorder = recorder(start, Meter::None);
        recorder.record(at(1), failed(RequestKind::Work, "slow"));
        recorder.record(at(2), failed(RequestKind::Work, "gone"));
        let work = |recorder: &Recorder, seconds| {
            let failures = &snapshot(recorder, at(seconds)).nodes[0].failures;
            failures.get(&RequestKind::Work).cloned()
        };
        let failure = work(&recorder, 3).expect("it lasts");
        assert_eq!((failure.error.as_str(), failure.since), ("gone", at(1)));
        let recovered = |request| {
            let after = Duration::ZERO;
            Event::Node(NODE, NodeEvent::RequestRecovered { request, after })
        };
        recorder.record(at(4), recovered(RequestKind::Cut));
        assert!(work(&recorder, 4).is_some());
        recorder.record(at(5), recovered(RequestKind::Work));
        assert_eq!(work(&recorder, 5), None);
    }

    #[test]
    fn the_latest_events_are_kept_with_numbers_without_gaps() {
        let now = Instant::now();
        let mut recorder = recorder(now, Meter::None);
        for _ in 0..RECENT + 10 {
            recorder.record(now, Event::TrackerFull { limit: 1 });
        }
        let events = snapshot(&recorder, now).events;
        let numbers: Vec<_> = events.iter().map(|record| record.sequence).collect();
        let expected: Vec<_> = (10..RECENT as u64 + 10).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn the_present_rate_covers_the_last_ten_seconds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let meter = Arc::new(HashMeter::new(1));
        let mut recorder = recorder(start, Meter::Counted(Arc::clone(&meter)));
        let rate = |recorder: &Recorder, seconds| {
            let hashing = snapshot(recorder, at(seconds)).hashing;
            let rates = [hashing.present, hashing.mean];
            rates.map(|rate| format!("{:.0}", rate.hashes_per_second()))
        };
        for second in 1..=20 {
            meter.thread(0).add(100);
            recorder.tick(at(second), &Counters::default());
        }
        assert_eq!(rate(&recorder, 20), ["100", "100"]);
        for second in 21..=30 {
            recorder.tick(at(second), &Counters::default());
        }
        assert_eq!(rate(&recorder, 30), ["0", "67"]);
    }
}
