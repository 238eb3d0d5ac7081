//! The text of the metrics, read by a parser of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chainweb::{Difficulty, Level};
use miner::history::Fate;
use miner::telemetry::counters::{Counters, NodeCounts};
use miner::telemetry::estimate::StaleWork;
use miner::telemetry::event::{FailureCause, Operation};
use miner::telemetry::faults::Faults;
use miner::telemetry::recent::Shares;
use miner::telemetry::snapshot::{Device, DeviceState, Devices, NodeSnapshot, Payee, Program};
use miner::telemetry::{Snapshot, Standing, Work};
use stratum::{Counts, Durations, Freshness, Stats, WorkerName};

use super::{Facts, Format, NamedWorkers, Page, Process, TABLE, render};

/// A series: its name and labels.
type Series = (String, BTreeMap<String, String>);

/// Reads the text as a strict reader of `OpenMetrics` does: families are declared before their
/// samples, in one piece, and no series comes twice.
#[track_caller]
fn parse(text: &str) -> BTreeMap<Series, f64> {
    let body = text.strip_suffix("# EOF\n").expect("the end is marked");
    let mut series = BTreeMap::new();
    let mut families = BTreeSet::new();
    let mut family = String::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let (kind, rest) = rest.split_once(' ').unwrap();
            let (name, _) = rest.split_once(' ').unwrap();
            assert!(["HELP", "TYPE", "UNIT"].contains(&kind), "{line}");
            if kind == "HELP" {
                assert!(families.insert(name.to_owned()), "{name} twice");
                name.clone_into(&mut family);
            }
            assert_eq!(name, family, "{line}");
            continue;
        }
        let end = line.find(['{', ' ']).unwrap();
        let (name, mut rest) = line.split_at(end);
        let ending = name.strip_prefix(&family).expect(line);
        let endings = ["", "_total", "_info", "_sum", "_count", "_bucket"];
        assert!(endings.contains(&ending), "{line}");
        let mut labels = BTreeMap::new();
        while let Some(label) = rest.strip_prefix(['{', ',']) {
            let (key, value) = label.split_once("=\"").unwrap();
            let (value, after) = quoted(value);
            assert_eq!(labels.insert(key.to_owned(), value), None, "{line}");
            rest = after;
        }
        let value = rest.strip_prefix('}').unwrap_or(rest).strip_prefix(' ');
        let value = value.expect(line).parse().expect(line);
        let before = series.insert((name.to_owned(), labels), value);
        assert_eq!(before, None, "{line}");
    }
    series
}

/// Returns a text up to its closing quote without escapes, and what follows.
#[track_caller]
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        value.push(match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => match characters.next().unwrap().1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                other => panic!("the escape {other} is unknown"),
            },
            character => character,
        });
    }
    panic!("no closing quote in {text}");
}

/// Returns a state with one node that has not answered.
pub(crate) fn snapshot(devices: Option<Devices>) -> Snapshot {
    let now = Instant::now();
    let mut times = Durations::default();
    times.add(Duration::from_millis(30));
    times.add(Duration::from_mins(2));
    let request = |failed| (Operation::Work, failed);
    let mut stale = StaleWork::default();
    stale.add(None, None);
    let program = Program {
        version: "1.2.3",
        payee: Payee::Simulated,
    };
    Snapshot {
        nodes: vec![NodeSnapshot {
            address: "node:1848".to_owned(),
            network: None,
            is_evm: false,
            failures: BTreeMap::new(),
            faults: Faults::default(),
            standing: Standing::Unknown,
            is_serving: true,
            is_submit_only: false,
            latency: None,
            requests: [
                (request(None), times),
                (request(Some(FailureCause::NoAnswer)), times),
            ]
            .into(),
            connections_opened: 7,
            clock_skew: None,
        }],
        counters: Counters {
            nodes: vec![NodeCounts {
                jobs: 3,
                ..NodeCounts::default()
            }],
            ..Counters::default()
        },
        fates: Fate::ALL.map(|fate| (fate, fate as u64)).into(),
        work: Work {
            stale,
            ..Work::default()
        },
        devices: devices.map(Arc::new),
        ..Snapshot::new(now, Duration::from_mins(1), program)
    }
}

fn facts(snapshot: Snapshot, named: &mut NamedWorkers) -> Facts {
    Facts {
        workers: snapshot.devices.as_deref().map(|all| named.select(all)),
        process: Process::read(),
        is_ready: true,
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
        at: snapshot.at,
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(10_000),
        snapshot: Arc::new(snapshot),
    }
}

/// Returns the metrics of devices.
fn metrics(stats: &Stats, now: Instant, named: &mut NamedWorkers) -> BTreeMap<Series, f64> {
    let text = render(
        facts(snapshot(Some(devices(stats, now))), named),
        Format::OpenMetrics,
    );
    parse(&text)
}

fn devices(stats: &Stats, now: Instant) -> Devices {
    let device = |stats| Device {
        stats,
        rates: None,
        expected: None,
        expected_rate: None,
        state: DeviceState::Active,
        connected: Duration::ZERO,
        recent: Shares::default(),
    };
    Devices {
        each: stats.snapshot(now).into_iter().map(device).collect(),
        server: Counts {
            accepted_shares: 5,
            late_shares: 2,
            credited: 1e25,
            ..Counts::default()
        },
        at: now,
    }
}

/// Counts so many accepted shares of a worker.
fn mine(stats: &Stats, now: Instant, user: &[u8], shares: u64) {
    let session = stats.open(now, &WorkerName::of_user(user));
    session.set_level(Level::new(40).unwrap());
    let worth = Difficulty::from_u128(1 << 40);
    for _ in 0..shares {
        session.accepted(now, worth, worth, worth, Freshness::Current);
    }
}

fn series(name: &str, labels: &[(&str, &str)]) -> Series {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let name = format!("chainweb_mining_{name}");
    (name, labels.iter().map(owned).collect())
}

#[test]
fn known_figures_have_series_and_unknown_ones_have_none() {
    let text = render(
        facts(snapshot(None), &mut NamedWorkers::default()),
        Format::OpenMetrics,
    );
    let all = parse(&text);
    for (name, labels, value) in [
        ("ready", &[][..], 1.0),
        ("start_time_seconds", &[], 1_000.0),
        ("blocks_total", &[("fate", "confirmed")], 5.0),
        ("node_up", &[("node", "node:1848")], 0.0),
        ("node_used_total", &[("node", "node:1848")], 3.0),
        (
            "node_connections_opened_total",
            &[("node", "node:1848")],
            7.0,
        ),
        ("job_age_seconds_count", &[], 0.0),
    ] {
        assert_eq!(all.get(&series(name, labels)), Some(&value), "{name}");
    }
    let request = |le, result| {
        let name = "node_request_duration_seconds_bucket";
        let node = ("node", "node:1848");
        let labels = [("le", le), node, ("op", "work"), ("result", result)];
        all[&series(name, &labels)]
    };
    let buckets = ["0.02", "0.1", "50.0", "+Inf"].map(|le| request(le, "ok"));
    assert_eq!(format!("{buckets:?}"), "[0.0, 1.0, 1.0, 2.0]");
    assert!(request("+Inf", "no_answer") > 1.0);
    for absent in [
        "hashes_total",
        "node_clock_skew",
        "node_cut_height",
        "node_standing",
        "node_lag",
        "share",
        "session",
        "worker",
    ] {
        let absent = format!("chainweb_mining_{absent}");
        assert!(!text.contains(&absent), "{absent}");
    }
}

#[test]
fn several_nodes_have_a_standing_and_a_lag() {
    let mut snapshot = snapshot(None);
    let height = |cut_height| NodeCounts {
        cut_height: Some(cut_height),
        ..NodeCounts::default()
    };
    let mut other = snapshot.nodes[0].clone();
    (other.address, other.standing) = ("other:1848".to_owned(), Standing::Behind);
    snapshot.nodes.push(other);
    snapshot.counters.nodes = [800, 788].map(height).into();
    let facts = facts(snapshot, &mut NamedWorkers::default());
    let all = parse(&render(facts, Format::OpenMetrics));
    for (node, standing, value) in [
        ("node:1848", "unknown", 1.0),
        ("node:1848", "behind", 0.0),
        ("other:1848", "unknown", 0.0),
        ("other:1848", "behind", 1.0),
    ] {
        let labels = [("node", node), ("standing", standing)];
        let found = all.get(&series("node_standing", &labels));
        assert_eq!(found, Some(&value), "{node} {standing}");
    }
    for (node, lag) in [("node:1848", 0.0), ("other:1848", 12.0)] {
        let found = all.get(&series("node_lag_blocks", &[("node", node)]));
        assert_eq!(found, Some(&lag), "{node}");
    }
}

#[test]
fn work_is_shown_as_far_as_it_is_known() {
    let work = |stale: StaleWork, expected| {
        let mut snapshot = snapshot(None);
        (snapshot.work.stale, snapshot.work.expected) = (stale, expected);
        let facts = facts(snapshot, &mut NamedWorkers::default());
        let all = parse(&render(facts, Format::OpenMetrics));
        [
            "hashes_total",
            "stale_hashes_total",
            "work_expected_blocks_total",
        ]
        .map(|name| all.get(&series(name, &[])).copied())
    };
    let mut stale = StaleWork::default();
    stale.add(Some(9e20), Some(1e20));
    assert_eq!(work(stale, Some(2.5)), [Some(1e21), Some(1e20), Some(2.5)]);
    stale.add(None, None);
    assert_eq!(work(stale, None), [None; 3]);
}

#[test]
fn names_of_workers_cannot_forge_lines_or_labels() {
    let names: [&[u8]; 10] = [
        b"k.a\"} 1",
        b"k.back\\slash\\",
        b"k.new\nline 1",
        b"k.\x00\x1b[31m\x7f",
        b"k.\xff\xfe",
        "k.\u{202e}evil".as_bytes(),
        "k.\u{1f980}".as_bytes(),
        "k.\u{5e9}\u{5dc}\u{5d5}\u{5dd}".as_bytes(),
        b"k.<script>{le=\"1\"}",
        b"k.other",
    ];
    let (now, stats) = (Instant::now(), Stats::new(100));
    let long = [b"k.".to_vec(), vec![b'x'; 10_000]].concat();
    for name in names.into_iter().chain([&*long]) {
        mine(&stats, now, name, 1);
    }
    let all = metrics(&stats, now, &mut NamedWorkers::default());
    let shown: BTreeSet<_> = all
        .keys()
        .filter(|(name, _)| name.ends_with("worker_best_share_difficulty"))
        .map(|(_, labels)| labels["worker"].clone())
        .collect();
    // A device of the name of the others is none of them.
    let expected = names.into_iter().chain([&*long]);
    let expected = expected.map(|name| WorkerName::of_user(name).as_str().to_owned());
    let expected = expected.map(|name| name.replace("other", "%6Fther"));
    assert_eq!(shown, expected.collect());
    assert!(shown.contains("back\\slash\\") && shown.contains("a\"}%201"));
    assert!(shown.iter().all(|name| name.chars().count() <= 80));
}

#[test]
fn a_thousand_workers_have_six_series_each_and_the_others_are_counted_together() {
    let (now, stats) = (Instant::now(), Stats::new(5_000));
    for number in 0..1_100_u64 {
        mine(
            &stats,
            now,
            format!("k.rig{number:04}").as_bytes(),
            number + 1,
        );
    }
    let mut named = NamedWorkers::default();
    let all = metrics(&stats, now, &mut named);
    assert!(all.len() <= 6_200, "{}", all.len());
    let of = |worker: &str| {
        let labels = all.keys().map(|(_, labels)| labels);
        labels
            .filter(|labels| labels.get("worker").is_some_and(|of| of == worker))
            .count()
    };
    assert_eq!(of("rig0100"), 6);
    // Those with the fewest shares.
    assert_eq!(of("rig0099"), 0);
    assert_eq!(of("other"), 5);
    let shares = |all: &BTreeMap<Series, f64>, worker: &str| {
        let labels = [("result", "accepted"), ("worker", worker)];
        all.get(&series("worker_shares_total", &labels)).copied()
    };
    let sum = (1..=100).sum::<u32>();
    assert_eq!(shares(&all, "other"), Some(f64::from(sum)));
    // A worker stays on its side, whatever it does.
    mine(&stats, now, b"k.rig0000", 5_000);
    let all = metrics(&stats, now, &mut named);
    assert_eq!(shares(&all, "rig0000"), None);
    assert_eq!(shares(&all, "other"), Some(f64::from(sum + 5_000)));
    // All are forgotten but one, and the sum of the others does not fall.
    let later = now + Duration::from_hours(25);
    mine(&stats, later, b"k.rig1099", 1);
    mine(&stats, later, b"k.new", 7);
    let all = metrics(&stats, later, &mut named);
    assert_eq!(shares(&all, "rig1098"), None);
    assert_eq!(shares(&all, "new"), Some(7.0));
    assert_eq!(shares(&all, "other"), Some(f64::from(sum + 5_000)));
}

#[test]
fn the_figures_of_a_worker_and_of_the_server() {
    let (now, stats) = (Instant::now(), Stats::new(10));
    let then = now.checked_sub(Duration::from_secs(100)).unwrap();
    mine(&stats, then, b"k.rig", 3);
    let all = metrics(&stats, now, &mut NamedWorkers::default());
    let rig = ("worker", "rig");
    for (name, labels, value) in [
        ("worker_last_share_timestamp_seconds", &[rig][..], 9_900.0),
        ("worker_share_difficulty", &[rig], 2_f64.powi(40)),
        ("worker_best_share_difficulty", &[rig], 2_f64.powi(40)),
        ("worker_shares_total", &[rig, ("result", "accepted")], 3.0),
        ("worker_shares_total", &[rig, ("result", "stale")], 0.0),
        ("worker_shares_total", &[rig, ("result", "rejected")], 0.0),
        (
            "shares_total",
            &[("result", "accepted"), ("reason", "current")],
            3.0,
        ),
        (
            "shares_total",
            &[("result", "accepted"), ("reason", "late")],
            2.0,
        ),
        (
            "shares_total",
            &[("result", "stale"), ("reason", "stale")],
            0.0,
        ),
        (
            "shares_total",
            &[("result", "rejected"), ("reason", "duplicate")],
            0.0,
        ),
        ("share_difficulty_total", &[], 1e25),
        ("workers", &[("state", "active")], 1.0),
        (
            "session_disconnects_total",
            &[("reason", "slow_reader")],
            0.0,
        ),
    ] {
        let found = all.get(&series(name, labels)).copied();
        let is_equal = found.is_some_and(|found| (found - value).abs() < 1e-3);
        assert!(is_equal, "{name} {labels:?}: {found:?}, expected {value}");
    }
}

/// Returns the shortest time of many runs.
fn shortest(mut run: impl FnMut() -> String) -> Duration {
    let times = (0..50).map(|_| {
        let start = Instant::now();
        black_box(run());
        start.elapsed()
    });
    times.min().unwrap()
}

/// The reference writes as many lines of the same length, without a table, labels or escapes.
#[test]
#[ignore = "measures a time: run it with --release on an idle machine"]
#[expect(clippy::print_stdout, reason = "the figures are for people")]
fn the_text_of_a_thousand_workers_takes_less_than_ten_milliseconds() {
    let (now, stats) = (Instant::now(), Stats::new(1_000));
    for number in 0..1_000_u64 {
        mine(&stats, now, format!("k.rack{number:04}").as_bytes(), 1);
    }
    let devices = devices(&stats, now);
    let mut named = NamedWorkers::default();
    let mut text = || {
        let facts = facts(snapshot(Some(devices.clone())), &mut named);
        render(facts, Format::OpenMetrics)
    };
    let made = text();
    let lines = made.lines().count();
    let line = "x".repeat(made.len() / lines - 1);
    let time = shortest(text);
    let reference = shortest(|| {
        let mut text = String::new();
        for _ in 0..lines {
            writeln!(text, "{}", black_box(&line)).unwrap();
        }
        text
    });
    println!(
        "{lines} lines, {} bytes: {time:?}, reference: {reference:?}",
        made.len()
    );
    assert!(time < Duration::from_millis(10), "{time:?}");
}

#[test]
fn names_follow_the_rules() {
    let mut names = BTreeSet::new();
    for metric in TABLE.iter().flat_map(|(_, metrics)| *metrics) {
        assert!(names.insert(metric.name), "{} twice", metric.name);
        let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(metric.name.chars().all(is_plain), "{}", metric.name);
        assert!(
            !metric.help.is_empty() && !metric.help.ends_with('.'),
            "{}",
            metric.name
        );
        assert!(metric.labels.iter().all(|label| !label.contains("hash")));
    }
}

#[test]
fn a_text_is_made_once_a_second() {
    let page = Page::default();
    let first = Arc::new(snapshot(None));
    let mut second = snapshot(None);
    second.program.version = "2.0.0";
    let second = Arc::new(second);
    let text = |ms, snapshot, format| {
        let now = first.at + Duration::from_millis(ms);
        let text = page.text((now, SystemTime::UNIX_EPOCH), snapshot, true, format);
        String::from_utf8(text.to_vec()).unwrap()
    };
    let shown = text(0, &first, Format::OpenMetrics);
    assert_eq!(text(999, &second, Format::OpenMetrics), shown);
    // The other format is another text.
    assert!(text(500, &second, Format::Prometheus).contains("2.0.0"));
    assert!(text(1000, &second, Format::OpenMetrics).contains("2.0.0"));
}

#[test]
fn the_format_is_the_one_that_the_reader_asks_for() {
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4";
    assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
    assert_eq!(Format::accepted("*/*"), Format::Prometheus);
    assert_eq!(Format::accepted(""), Format::Prometheus);
}
