//! Records events: numbers them, keeps the latest, follows the state of the nodes, and logs them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::Skew;

use super::counters::Counters;
use super::event::{BlockEvent, Event, FailureCause, NodeEvent, RequestKind};
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

/// The shortest time between reports about the clock of a node, and the longest after many in a
/// row.
const SKEW_INTERVAL: Duration = Duration::from_secs(10);
const MAX_SKEW_INTERVAL: Duration = Duration::from_hours(1);
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
    /// The nodes that do not serve their cut: whether they accept blocks is not known.
    without_cut: BTreeSet<NodeId>,
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
            skewed: BTreeMap::new(),
            late: 0,
            without_cut: BTreeSet::new(),
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

    /// Records an event, and logs it.
    pub(crate) fn record(&mut self, now: Instant, event: Event) {
        if let Event::Node(id, event) = &event {
            self.nodes[id.0].note(now, event);
        }
        self.log.event(now, &event, &self.program, &self.nodes);
        let late = self.note_late(&event);
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

    /// Counts blocks that come too late. Returns the node of the last one if there are many.
    fn note_late(&mut self, event: &Event) -> Option<NodeId> {
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
                (self.late == MANY_LATE).then_some(block.node)
            }
            BlockEvent::Accepted => {
                self.late = 0;
                None
            }
            // Acceptance cannot be checked.
            BlockEvent::Submitted { .. }
                if block.hash.is_none() || self.without_cut.contains(&block.node) =>
            {
                self.late = 0;
                None
            }
            _ => None,
        }
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
            is_kept: false,
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
            NodeEvent::NetworkReset { .. }
            | NodeEvent::PowRequired { .. }
            | NodeEvent::PowNotRequired
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use chainweb::{BlockHash, ChainId};
    use node::Skew;

    use super::Recorder;
    use crate::job::{JobId, Jobs, NodeId, Proof};
    use crate::meter::{HashMeter, Meter};
    use crate::telemetry::counters::Counters;
    use crate::telemetry::event::{
        BlockEvent, BlockRef, Event, FailureCause, NodeEvent, RequestKind,
    };
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
            retry_in: Some(Duration::ZERO),
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
    fn a_clock_that_is_off_is_reported_when_that_begins_changes_and_ends() {
        let start = Instant::now();
        let mut recorder = recorder(start, Meter::None);
        let ahead = |seconds: i64| Skew::from_stamp(100 + seconds, 100_000_000, Duration::ZERO);
        // Time, skew, and the report.
        let skewed = |seconds| Some(NodeEvent::ClockSkew(ahead(seconds)));
        for (second, seconds, expected) in [
            (0, 3, None),
            (1, 8, skewed(8)),
            (20, 12, None),
            (21, 4, None),
            (22, 15, skewed(15)),
            // Another node at the same address: not at once.
            (23, -30, None),
            (24, 15, None),
            (40, 1, Some(NodeEvent::ClockSkewEnded)),
            (60, 4, None),
            (61, -7, skewed(-7)),
        ] {
            let before = recorder.sequence;
            let now = start + Duration::from_secs(second);
            recorder.note_clock_skew(now, NODE, ahead(seconds));
            let events = snapshot(&recorder, now).events;
            let new = events.last().filter(|_| recorder.sequence > before);
            let expected = expected.map(|event| Event::Node(NODE, event));
            assert_eq!(new.map(|record| record.event.clone()), expected, "{second}");
        }
    }

    #[test]
    fn clocks_that_alternate_are_reported_more_and_more_rarely() {
        let start = Instant::now();
        let mut recorder = recorder(start, Meter::None);
        let skew = |seconds: i64| Skew::from_stamp(100 + seconds, 100_000_000, Duration::ZERO);
        let mut reports = |from: u64, seconds: u64, skew_of: fn(u64) -> i64| {
            let before = recorder.sequence;
            for second in from..from + seconds {
                let now = start + Duration::from_secs(second);
                recorder.note_clock_skew(now, NODE, skew(skew_of(second)));
            }
            recorder.sequence - before
        };
        let alternate = |second: u64| if second.is_multiple_of(2) { 30 } else { 0 };
        let first = reports(0, 3600, alternate);
        assert!((8..=10).contains(&first), "{first}");
        let later = reports(3600, 6 * 3600, alternate);
        assert!((5..=7).contains(&later), "{later}");
        assert_eq!(reports(30_000, 10_000, |_| 0), 1);
        // The clocks agreed: a change is reported at once, and the next one soon.
        assert_eq!(reports(40_000, 1, |_| 30), 1);
        assert_eq!(reports(40_010, 1, |_| 0), 1);
    }

    /// Records this event of so many blocks. Returns how often late blocks were reported so far.
    fn late(
        recorder: &mut Recorder,
        count: u32,
        hash: Option<BlockHash>,
        event: &BlockEvent,
    ) -> usize {
        let now = Instant::now();
        for _ in 0..count {
            let block = BlockRef {
                job: JobId(1),
                node: NODE,
                chain: ChainId::new(0),
                height: 1,
                hash,
            };
            recorder.record(now, Event::Block(block, event.clone()));
        }
        let late = Event::Node(NODE, NodeEvent::BlocksLate { times: 10 });
        let events = snapshot(recorder, now).events;
        events.iter().filter(|record| record.event == late).count()
    }

    #[test]
    fn a_submission_ends_a_row_of_late_blocks_where_acceptance_is_unknown() {
        let hash = Some(BlockHash::new([1; 32]));
        let submitted = BlockEvent::Submitted { attempts: 1 };
        // The network shows no hashes.
        let mut evm = recorder(Instant::now(), Meter::None);
        assert_eq!(late(&mut evm, 9, None, &BlockEvent::Stale), 0);
        assert_eq!(late(&mut evm, 1, None, &submitted), 0);
        assert_eq!(late(&mut evm, 9, None, &BlockEvent::Stale), 0);
        // The node does not serve its cut, for a while.
        let mut recorder = recorder(Instant::now(), Meter::None);
        let node = |event| Event::Node(NODE, event);
        recorder.record(Instant::now(), node(NodeEvent::CutNotServed));
        assert_eq!(late(&mut recorder, 9, hash, &BlockEvent::Stale), 0);
        assert_eq!(late(&mut recorder, 1, hash, &submitted), 0);
        assert_eq!(late(&mut recorder, 9, hash, &BlockEvent::Stale), 0);
        let recovered = NodeEvent::RequestRecovered {
            request: RequestKind::Cut,
            after: Duration::ZERO,
        };
        recorder.record(Instant::now(), node(recovered));
        assert_eq!(late(&mut recorder, 1, hash, &submitted), 0);
        assert_eq!(late(&mut recorder, 1, hash, &BlockEvent::Stale), 1);
    }

    #[test]
    fn ten_blocks_in_a_row_too_late_are_reported_once_until_one_is_accepted() {
        let hash = Some(BlockHash::new([1; 32]));
        let mut recorder = recorder(Instant::now(), Meter::None);
        let mut warned = |count, event: BlockEvent| late(&mut recorder, count, hash, &event);
        assert_eq!(warned(9, BlockEvent::Stale), 0);
        assert_eq!(warned(1, BlockEvent::Accepted), 0);
        assert_eq!(warned(9, BlockEvent::Stale), 0);
        assert_eq!(warned(5, BlockEvent::Submitted { attempts: 1 }), 0);
        assert_eq!(warned(1, BlockEvent::Stale), 1);
        assert_eq!(warned(50, BlockEvent::Stale), 1);
        assert_eq!(warned(1, BlockEvent::Accepted), 1);
        assert_eq!(warned(10, BlockEvent::Stale), 2);
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
