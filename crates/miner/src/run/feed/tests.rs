use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chainweb::{Difficulty, Level};
use stratum::{Counts, Earlier, Freshness, Stats, WorkerName, WorkerSession};

use super::Feed;
use crate::history::{Outage, Record, Totals, WorkerTotals};
use crate::job::{Jobs, NodeId, Proof};
use crate::meter::Meter;
use crate::telemetry::Event;
use crate::telemetry::counters::Counters;
use crate::telemetry::devices::DeviceWatch;
use crate::telemetry::event::{FailureCause, NodeEvent, RequestKind};
use crate::telemetry::recorder::Recorder;
use crate::telemetry::snapshot::{Devices, Payee, Program, Snapshot};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A Stratum server with its telemetry and the feed of its history.
struct Farm {
    start: Instant,
    stats: Arc<Stats>,
    watch: DeviceWatch,
    recorder: Recorder,
    feed: Feed,
}

impl Farm {
    fn new() -> Self {
        let (start, stats) = (Instant::now(), Arc::new(Stats::new(100)));
        let program = Program {
            version: "1",
            payee: Payee::Simulated,
        };
        let meter = Meter::Estimated(Some(Arc::clone(&stats)));
        Self {
            start,
            stats,
            watch: DeviceWatch::default(),
            recorder: Recorder::new(
                start,
                program,
                (vec!["node".into()], 0),
                meter,
                Proof::Verified,
            ),
            feed: Feed::new(at(600)),
        }
    }

    fn connect(&self, seconds: u64, name: &str) -> WorkerSession {
        let now = self.start + Duration::from_secs(seconds);
        self.stats.open(now, &WorkerName::of_user(name.as_bytes()))
    }

    fn snapshot(&mut self, seconds: u64) -> Snapshot {
        let now = self.start + Duration::from_secs(seconds);
        let (each, _) = self.watch.observe(now, self.stats.snapshot(now));
        let server = Counts {
            accepted_shares: each.iter().map(|device| device.stats.accepted).sum(),
            ..Counts::default()
        };
        self.recorder.note_devices(Devices {
            each,
            server,
            at: now,
        });
        self.recorder.tick(now, &Counters::default());
        self.recorder
            .snapshot(now, Arc::new(Jobs::default()), Counters::default())
    }

    /// Returns what is recorded at a time by the clock, with the time since the start.
    fn record(&mut self, clock: u64, seconds: u64) -> (SystemTime, Totals, Vec<WorkerTotals>) {
        let snapshot = self.snapshot(seconds);
        totals(self.feed.totals(at(clock), &snapshot, true))
    }
}

fn totals(record: Record) -> (SystemTime, Totals, Vec<WorkerTotals>) {
    match record {
        Record::Totals(at, totals, workers) => (at, totals, workers),
        other => panic!("not totals: {other:?}"),
    }
}

fn share(farm: &Farm, session: &WorkerSession, seconds: u64) {
    let now = farm.start + Duration::from_secs(seconds);
    let [credited, achieved, block] = [1000, 9000, 4000].map(Difficulty::from_u128);
    session.accepted(now, credited, achieved, block, Freshness::Current);
}

fn work(shares: u64) -> Totals {
    Totals {
        hashes: Some(1000.0 * shares as f64),
        expected: Some(0.25 * shares as f64),
        stale_hashes: None,
        shares_accepted: shares,
        ..Totals::default()
    }
}

fn worker(name: &str, shares: u64) -> WorkerTotals {
    WorkerTotals {
        name: name.to_owned(),
        totals: work(shares),
        best_share: Some(9000.0),
        level: Some(44),
    }
}

#[test]
fn a_minute_has_the_work_since_the_one_before() {
    let mut farm = Farm::new();
    let earlier = Earlier {
        best: None,
        level: Level::new(44),
    };
    farm.stats
        .restore(["a", "b"].map(|name| (name.to_owned(), earlier)));
    let (a, b) = (farm.connect(0, "a"), farm.connect(0, "b"));
    let _idle = farm.connect(0, "idle");
    share(&farm, &a, 1);
    share(&farm, &a, 2);
    share(&farm, &b, 3);
    assert!(!farm.feed.is_due(at(659)));
    assert!(farm.feed.is_due(at(660)));
    let of_all = |shares| Totals {
        stale_hashes: Some(0.0),
        ..work(shares)
    };
    let workers = vec![worker("a", 2), worker("b", 1)];
    assert_eq!(farm.record(660, 60), (at(600), of_all(3), workers));
    assert!(!farm.feed.is_due(at(661)));
    // While workers are left out they are added up.
    share(&farm, &b, 70);
    let snapshot = farm.snapshot(120);
    let record = farm.feed.totals(at(720), &snapshot, false);
    assert_eq!(totals(record), (at(660), of_all(1), vec![]));
    share(&farm, &b, 130);
    let workers = vec![worker("b", 2)];
    assert_eq!(farm.record(780, 180), (at(720), of_all(1), workers));
    assert_eq!(farm.record(840, 240), (at(780), of_all(0), vec![]));
}

#[test]
fn a_clock_that_is_set_back_ends_a_minute() {
    let mut farm = Farm::new();
    let a = farm.connect(0, "a");
    share(&farm, &a, 1);
    // An hour back, and forward again.
    for (clock, start, shares) in [(0, 600, 1), (3, 0, 0), (660, 0, 1), (700, 660, 0)] {
        let (at_, totals, _) = farm.record(clock, 30);
        assert_eq!((at_, totals.shares_accepted), (at(start), shares));
        if shares == 0 {
            share(&farm, &a, 20);
        }
    }
    assert!(farm.feed.is_due(at(600)));
}

#[test]
fn a_worker_that_left_and_returns_starts_again_at_zero() {
    let mut farm = Farm::new();
    let a = farm.connect(0, "a");
    for second in 0..5 {
        share(&farm, &a, second);
    }
    drop(a);
    assert_eq!(farm.record(660, 60).2[0].totals, work(5));
    // A day later its statistics are removed, and it returns within the same minute.
    assert_eq!(
        farm.snapshot(100_000).devices.map_or(9, |it| it.each.len()),
        0
    );
    let a = farm.connect(100_000, "a");
    share(&farm, &a, 100_001);
    let (_, of_all, workers) = farm.record(100_660, 100_060);
    assert_eq!((workers[0].totals, of_all.hashes), (work(1), Some(1000.0)));
}

#[test]
fn an_outage_is_a_time_without_work() {
    let mut farm = Farm::new();
    let now = |seconds| {
        (
            at(1000 + seconds),
            farm.start + Duration::from_secs(seconds),
        )
    };
    let failed = |request| NodeEvent::RequestFailed {
        request,
        cause: FailureCause::Unreachable,
        error: format!("no {request:?}"),
        retry_in: Some(Duration::ZERO),
    };
    let recovered = |request| NodeEvent::RequestRecovered {
        request,
        after: Duration::ZERO,
    };
    let outage = |since, until| {
        Record::Outage(Outage {
            node: "node".to_owned(),
            since,
            until,
            cause: "no Work".to_owned(),
        })
    };
    let mut events = [
        (3, failed(RequestKind::Cut)),
        (4, failed(RequestKind::Work)),
        (20, failed(RequestKind::Info)),
        (21, recovered(RequestKind::Work)),
        (30, recovered(RequestKind::Info)),
        // Too short.
        (40, failed(RequestKind::Work)),
        (44, recovered(RequestKind::Work)),
        (50, failed(RequestKind::Work)),
    ]
    .into_iter()
    .peekable();
    let mut records = Vec::new();
    for second in 0..60 {
        while let Some((_, event)) = events.next_if(|(at, _)| *at == second) {
            farm.recorder
                .record(now(second).1, Event::Node(NodeId(0), event));
        }
        let found = farm.feed.outages(now(second), farm.recorder.nodes());
        records.extend(found.into_iter().map(|record| (second, record)));
    }
    assert_eq!(
        records,
        [
            (9, outage(1_004_000, None)),
            (30, outage(1_004_000, Some(1_030_000))),
            (55, outage(1_050_000, None)),
        ]
    );
    let last = farm.feed.end_outages(at(1060));
    assert_eq!(last, [outage(1_050_000, Some(1_060_000))]);
    assert_eq!(farm.feed.end_outages(at(1060)), []);
}
