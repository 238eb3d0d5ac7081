//! The live area and the printed details of snapshots, at several widths.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{Difficulty, Work as ChainWork};
use clap::Parser;
use miner::job::{Job, JobId, Jobs, NodeId, Outdated};
use miner::meter::Rate;
use miner::run::Engine;
use miner::telemetry::counters::{BlockCounts, Counters, NodeCounts};
use miner::telemetry::estimate::Rates;
use miner::telemetry::event::{BlockEvent, BlockRef, Event};
use miner::telemetry::problem::{Kind, Problem, Severity};
use miner::telemetry::recent::Shares;
use miner::telemetry::snapshot::{Device, DeviceState, Devices, Hashing, NodeSnapshot, Record};
use miner::telemetry::{Snapshot, Standing};
use miner::units::HashRate;
use stratum::{Freshness, Stats, WorkerName};
use tokio_util::sync::CancellationToken;

use super::area::{Pause, area};
use super::details;
use crate::cli::Cli;
use crate::flags;
use crate::logging::Tone;
use crate::text::fitted;

const HOUR: Duration = Duration::from_hours(1);

/// Returns the last state of an engine that is stopped at once.
async fn idle() -> Snapshot {
    let flags = "chainweb-mining-client --node 127.0.0.1:1 -w simulation --data-dir none \
                 --api-listen off";
    let cli = Cli::try_parse_from(flags.split(' ')).expect("good flags");
    let mining = flags::config(&cli.mine).await.expect("nothing is bound");
    let stop = CancellationToken::new();
    stop.cancel();
    let engine = Engine::new(mining.engine).expect("a client");
    engine.run(stop).await.expect("it stops at once")
}

/// Returns the state of a miner with a job, two hours after its start.
async fn mining() -> Snapshot {
    let idle = idle().await;
    let at = idle.at + HOUR;
    let mut fields = fixtures::fields();
    fields.target = Difficulty::from_f64(1e9).target();
    fields.height = 7;
    let job = Job {
        id: JobId(1),
        node: NodeId(0),
        work: ChainWork::new(fields.encode()).expect("a target"),
        received: idle.at + HOUR.saturating_sub(Duration::from_secs(4)),
        outdated: Outdated::default(),
    };
    let mut work = idle.work.clone();
    work.expected = Some(10.0);
    work.effort_since_found = Some(0.43);
    work.rates = Some(Rates([1e7, 2e7, 3e7, 4e7, 5e7]));
    work.found = 14;
    let rate = Rate::Hashed(HashRate(1e7));
    Snapshot {
        at,
        elapsed: 2 * HOUR,
        jobs: Arc::new(Jobs::new(vec![Arc::new(job)])),
        counters: Counters {
            blocks: BlockCounts {
                accepted: 8,
                displaced: 0,
                orphaned: 1,
                pending: 2,
                unknown: 0,
            },
            solutions_stale: 3,
            ..Counters::default()
        },
        hashing: Hashing {
            present: rate,
            mean: rate,
            ..idle.hashing
        },
        work,
        problems: [].into(),
        nodes: vec![NodeSnapshot {
            address: "http://localhost:1848".to_owned(),
            failures: [].into(),
            latency: Some(Duration::from_micros(641)),
            ..idle.nodes[0].clone()
        }],
        ..idle
    }
}

/// Returns devices of these names: one active, the others silent.
fn devices(names: &[&str]) -> Devices {
    let (now, stats) = (Instant::now(), Stats::new(names.len()));
    for name in names {
        let session = stats.open(now, &WorkerName::of_user(name.as_bytes()));
        let hard = Difficulty::from_f64(1e12);
        session.accepted(now, hard, hard, hard, Freshness::Current);
    }
    let device = |(at, stats)| Device {
        stats,
        rates: Some(Rates([1e12; 5])),
        connected: HOUR,
        recent: Shares::default(),
        expected: None,
        expected_rate: None,
        state: match at {
            0 => DeviceState::Active,
            _ => DeviceState::Silent,
        },
    };
    Devices {
        each: stats
            .snapshot(now)
            .into_iter()
            .enumerate()
            .map(device)
            .collect(),
        server: stratum::Counts::default(),
        at: now,
    }
}

fn text(snapshot: Option<&Snapshot>, pause: Pause, columns: u16) -> Vec<String> {
    let rows = area(snapshot, pause, columns).rows;
    rows.into_iter().map(|row| row.text).collect()
}

#[tokio::test]
async fn the_area_is_shortened_to_the_width_of_the_terminal() {
    let mut snapshot = mining().await;
    for (columns, expected) in [
        (
            80,
            [
                "rate 10.0 MH/s  15 min 20.0 MH/s  1 h 30.0 MH/s",
                "blocks 8  2 pending  1 orphaned  3 too late  one in 1.7 min on average",
                "effort [########------------] 43 %  luck 140 % (95 %: 77 to 235)",
                "node http://localhost:1848  641 µs",
                "h rates  b blocks  n nodes  j jobs  l log level  p pause  ? help  q quit",
            ],
        ),
        (
            40,
            [
                "rate 10.0 MH/s  15 min 20.0 MH/s",
                "blocks 8  2 pending  1 orphaned",
                "effort [####------] 43 %",
                "node http://localhost:1848  641 µs",
                "h rates  b blocks  n nodes  j jobs",
            ],
        ),
        (
            20,
            [
                "rate 10.0 MH/s",
                "blocks 8  2 pending",
                "effort 43 %",
                "node http://local..",
                "h rates  b blocks",
            ],
        ),
    ] {
        assert_eq!(text(Some(&snapshot), Pause::Off, columns), expected);
    }
    snapshot.devices = Some(Arc::new(devices(&["a", "b", "c"])));
    let rows = text(Some(&snapshot), Pause::Never, 80);
    assert_eq!(
        rows[3],
        "devices 1  2 silent  node http://localhost:1848  641 µs"
    );
    assert_eq!(
        rows[4],
        "h rates  d devices  b blocks  n nodes  j jobs  l log level  ? help  q quit"
    );
}

#[tokio::test]
async fn a_problem_takes_the_rows_of_effort_and_keys_and_a_pause_that_of_the_keys() {
    let mut snapshot = mining().await;
    let problem = Problem {
        kind: Kind::NodeDown,
        severity: Severity::Stopped,
        subjects: vec!["node".to_owned()],
        what: "The node is\n\u{1b}[2J gone.".to_owned(),
        remedy: "Start it.".to_owned(),
        lost: None,
    };
    snapshot.problems = [problem].into();
    let last = |pause| area(Some(&snapshot), pause, 80).rows.split_off(2);
    let [_, what, remedy] = &last(Pause::Off)[..] else {
        panic!("five rows")
    };
    assert_eq!(
        (what.text.as_str(), what.tone),
        ("The node is[2J gone.", Tone::Warning)
    );
    assert_eq!(
        (remedy.text.as_str(), remedy.tone),
        ("Start it.", Tone::Warning)
    );
    let [effort, _, paused] = &last(Pause::On)[..] else {
        panic!("five rows")
    };
    assert!(effort.text.starts_with("effort"));
    assert_eq!(
        (paused.text.as_str(), paused.tone),
        ("paused: p resumes hashing", Tone::Warning)
    );
    assert_eq!(
        details::help(&snapshot, Pause::Never)[1],
        "The node is[2J gone. Start it."
    );
}

#[tokio::test]
async fn what_is_not_known_is_left_out() {
    assert_eq!(
        text(None, Pause::Never, 80),
        ["h rates  b blocks  n nodes  j jobs  l log level  ? help  q quit"]
    );
    let idle = idle().await;
    let rows = text(Some(&idle), Pause::Never, 80);
    assert_eq!(
        rows[..3],
        [
            "rate 1.00 MH/s simulated",
            "blocks 0",
            "node http://127.0.0.1:1  no work"
        ]
    );
    assert_eq!(details::blocks(&idle, 80), ["recent blocks: none"]);
    assert_eq!(details::jobs(&idle, 80), ["jobs: none"]);
    assert_eq!(
        details::devices(&idle, 80),
        ["devices: this worker serves none"]
    );
    assert_eq!(
        details::rates(&idle, 80),
        ["rate: 1.00 MH/s simulated now, 1.00 MH/s simulated since the start"]
    );
}

#[tokio::test]
async fn several_nodes_are_compared() {
    let mut snapshot = mining().await;
    let one = details::nodes(&snapshot, 79);
    assert_eq!(one[0].split_whitespace().last(), Some("state"));
    let mut other = snapshot.nodes[0].clone();
    "http://10.0.0.6:1848".clone_into(&mut other.address);
    (other.standing, other.is_serving) = (Standing::Behind, false);
    snapshot.nodes.push(other);
    let counts = |(cut_height, first_events)| NodeCounts {
        cut_height: Some(cut_height),
        first_events,
        ..NodeCounts::default()
    };
    snapshot.counters.nodes = [(800, 3), (788, 1)].map(counts).into();
    let lines = details::nodes(&snapshot, 100);
    let last = |line: &str| {
        let words = line.split_whitespace().rev();
        words.take(4).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(last(&lines[0])[..3], ["state", "first", "behind"]);
    assert_eq!(last(&lines[2]), ["behind", "%", "25", "12"]);
}

#[tokio::test]
async fn details_are_tables_without_what_does_not_fit() {
    let mut snapshot = mining().await;
    assert_eq!(
        details::jobs(&snapshot, 79),
        [
            "chain  height    age  difficulty  mean time",
            "0           7  4.0 s      1.00 G    1.7 min",
        ]
    );
    assert_eq!(
        details::rates(&snapshot, 79),
        [
            "rate: 10.0 MH/s now, 10.0 MH/s since the start",
            "mean of      1 min     15 min        1 h       24 h        7 d",
            "rate     10.0 MH/s  20.0 MH/s  30.0 MH/s  40.0 MH/s  50.0 MH/s",
            "next block: 1.7 min (mean); 50 % within 1.2 min, 90 % 3.8 min, 99 % 7.7 min",
            "blocks: 14 found, 10.00 expected, luck 140 % (95 %: 77 to 235)",
        ]
    );
    let names = ["k.\u{1b}[31mred", "鉱夫", "x"];
    snapshot.devices = Some(Arc::new(devices(&names)));
    let lines = details::devices(&snapshot, 79);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    let many: Vec<String> = (0..1000).map(|at| format!("device-{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    snapshot.devices = Some(Arc::new(devices(&many)));
    let lines = details::devices(&snapshot, 20);
    assert_eq!(lines.len(), 42);
    assert_eq!(lines[41], "and 960 more");
    let block = BlockRef {
        job: JobId(1),
        node: NodeId(0),
        chain: chainweb::ChainId::new(3),
        height: 7,
        hash: None,
    };
    let at = snapshot.at;
    snapshot.at += Duration::from_secs(5);
    let record = |sequence, event| {
        Arc::new(Record {
            sequence,
            at,
            event: Event::Block(block, event),
        })
    };
    snapshot.events = vec![
        record(0, BlockEvent::Submitted { attempts: 1 }),
        record(1, BlockEvent::Accepted),
    ];
    assert_eq!(
        details::blocks(&snapshot, 79),
        [
            "block    chain  height     state  since  device",
            "unknown      3       7  accepted  5.0 s",
        ]
    );
    for details in [
        details::rates,
        details::devices,
        details::blocks,
        details::nodes,
        details::jobs,
    ] {
        for columns in [0, 1, 19, 39, 79] {
            for line in details(&snapshot, columns) {
                assert_eq!(fitted(&line, columns), line);
            }
        }
    }
}
