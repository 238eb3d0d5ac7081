//! What is recorded, and what is reported because of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{BlockHash, ChainId, Target};
use node::Skew;

use super::Recorder;
use crate::history::Fate;
use crate::job::{JobId, Jobs, NodeId, Proof};
use crate::meter::{HashMeter, Meter};
use crate::telemetry::counters::Counters;
use crate::telemetry::event::{
    BlockEvent, BlockRef, Event, FailureCause, NodeEvent, Operation, RequestKind,
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
        (vec!["node:1848".into()], 0),
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
fn late(recorder: &mut Recorder, count: u32, hash: Option<BlockHash>, event: &BlockEvent) -> usize {
    late_at(Instant::now(), recorder, count, hash, event)
}

fn late_at(
    now: Instant,
    recorder: &mut Recorder,
    count: u32,
    hash: Option<BlockHash>,
    event: &BlockEvent,
) -> usize {
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
    let start = Instant::now();
    let mut recorder = recorder(start, Meter::None);
    let mut warned = |minutes, count, event: BlockEvent| {
        let now = start + Duration::from_mins(minutes);
        late_at(now, &mut recorder, count, hash, &event)
    };
    assert_eq!(warned(0, 9, BlockEvent::Stale), 0);
    assert_eq!(warned(0, 1, BlockEvent::Accepted), 0);
    assert_eq!(warned(0, 9, BlockEvent::Stale), 0);
    assert_eq!(warned(0, 5, BlockEvent::Submitted { attempts: 1 }), 0);
    assert_eq!(warned(0, 1, BlockEvent::Stale), 1);
    assert_eq!(warned(20, 50, BlockEvent::Stale), 1);
    assert_eq!(warned(20, 1, BlockEvent::Accepted), 1);
    assert_eq!(warned(20, 10, BlockEvent::Stale), 2);
    // Not more often than once in ten minutes.
    assert_eq!(warned(29, 1, BlockEvent::Accepted), 2);
    assert_eq!(warned(29, 10, BlockEvent::Stale), 2);
    assert_eq!(warned(30, 1, BlockEvent::Accepted), 2);
    assert_eq!(warned(30, 10, BlockEvent::Stale), 3);
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
        meter.thread(0).add(100, 0.0, 0.0);
        recorder.tick(at(second), &Counters::default());
    }
    assert_eq!(rate(&recorder, 20), ["100", "100"]);
    for second in 21..=30 {
        recorder.tick(at(second), &Counters::default());
    }
    assert_eq!(rate(&recorder, 30), ["0", "67"]);
}

#[test]
fn a_block_is_counted_once_in_each_fate_that_it_reaches() {
    let now = Instant::now();
    let mut recorder = recorder(now, Meter::None);
    let by = BlockHash::new([2; 32]);
    let restored = BlockEvent::Restored {
        row: 1,
        fate: Fate::Found,
    };
    // An earlier run found it in the cut.
    let accepted = BlockEvent::Restored {
        row: 4,
        fate: Fate::Accepted,
    };
    for (job, event) in [
        (1, restored),
        (1, BlockEvent::Submitted { attempts: 1 }),
        (1, BlockEvent::Accepted),
        (1, BlockEvent::Displaced { by }),
        (1, BlockEvent::Accepted),
        (2, BlockEvent::Submitted { attempts: 1 }),
        (2, BlockEvent::Accepted),
        (1, BlockEvent::Confirmed { depth: 6 }),
        (
            2,
            BlockEvent::Orphaned {
                by,
                depth: 6,
                reason: None,
            },
        ),
        (3, BlockEvent::Stale),
        (4, accepted),
        (4, BlockEvent::Displaced { by }),
        (4, BlockEvent::Accepted),
    ] {
        let block = BlockRef {
            job: JobId(job),
            node: NODE,
            chain: ChainId::new(0),
            height: 1,
            hash: Some(BlockHash::new([1; 32])),
        };
        recorder.record(now, Event::Block(block, event));
    }
    let (network, header) = (String::new(), fixtures::work(0, 1, Target::MAX));
    let header = header.header().clone();
    recorder.record(now, Event::BlockForgotten { network, header });
    let fates = snapshot(&recorder, now).fates;
    assert!(fates.keys().copied().eq(Fate::ALL), "{fates:?}");
    let reached: Vec<_> = fates.into_iter().filter(|(_, count)| *count > 0).collect();
    let expected = [
        (Fate::Submitted, 2),
        (Fate::Accepted, 2),
        (Fate::Displaced, 2),
        (Fate::Confirmed, 1),
        (Fate::Orphaned, 1),
        (Fate::Stale, 1),
        (Fate::Untracked, 1),
    ];
    assert_eq!(reached, expected);
}

#[test]
fn answers_and_failures_of_a_node_are_timed_apart() {
    let now = Instant::now();
    let mut recorder = recorder(now, Meter::None);
    let second = Duration::from_secs(1);
    let refused = Some(FailureCause::Refused);
    recorder.note_answer(NODE, (Operation::Work, None), second);
    recorder.note_answer(NODE, (Operation::Work, None), 2 * second);
    recorder.note_answer(NODE, (Operation::Submit, refused), 3 * second);
    let node = &snapshot(&recorder, now).nodes[0];
    // A failure is not the latency of the node.
    assert_eq!(node.latency, Some(2 * second));
    let times = node.requests.iter();
    let times: Vec<_> = times
        .map(|(of, times)| (*of, times.count(), times.sum()))
        .collect();
    let expected = [
        ((Operation::Work, None), 2, 3 * second),
        ((Operation::Submit, refused), 1, 3 * second),
    ];
    assert_eq!(times, expected);
}

#[test]
fn a_failure_lasts_since_its_request_was_sent() {
    let now = Instant::now();
    let mut recorder = recorder(now, Meter::None);
    let second = Duration::from_secs(1);
    let timed_out = (Operation::Work, Some(FailureCause::NoAnswer));
    recorder.note_answer(NODE, timed_out, 10 * second);
    recorder.record(now + 10 * second, failed(RequestKind::Work, "late"));
    // That of another request is the last answer.
    recorder.record(now + 11 * second, failed(RequestKind::Info, "late"));
    recorder.note_answer(NODE, timed_out, 10 * second);
    recorder.record(now + 21 * second, failed(RequestKind::Work, "late"));
    let node = &snapshot(&recorder, now + 21 * second).nodes[0];
    let since = |request| node.failures[&request].since - now;
    let both = [RequestKind::Work, RequestKind::Info].map(since);
    assert_eq!(both, [Duration::ZERO, 11 * second]);
}
