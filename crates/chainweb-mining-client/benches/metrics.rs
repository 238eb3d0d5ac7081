//! The time to make the text of the metrics for 1,000 workers.
//!
//! The reference writes as many lines of the same length without any table, label or escape.
//!
//! `cargo bench -p chainweb-mining-client`

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use chainweb::{Difficulty, Level};
use chainweb_mining_client::metrics::{Facts, Format, NamedWorkers, Process, render};
use criterion::{Criterion, criterion_group, criterion_main};
use miner::history::Fate;
use miner::meter::{Rate, Reading};
use miner::telemetry::estimate::{Rates, StaleWork};
use miner::telemetry::snapshot::{Device, DeviceState, Devices, Hashing, Payee, Program};
use miner::telemetry::{Counters, Snapshot, Work};
use stratum::{Counts, Freshness, Stats, WorkerName};

const WORKERS: usize = 1_000;

/// Returns the state of a program with as many workers.
fn snapshot(now: Instant) -> Snapshot {
    let stats = Stats::new(WORKERS);
    let worth = Difficulty::from_u128(1 << 44);
    for number in 0..WORKERS {
        let name = WorkerName::of_user(format!("k:{number}.rack{number:04}").as_bytes());
        let session = stats.open(now, &name);
        session.set_level(Level::new(44).expect("at most 256"));
        session.accepted(now, worth, worth, worth, Freshness::Current);
    }
    let device = |stats| Device {
        stats,
        rates: Rates::default(),
        expected: None,
        expected_rate: None,
        state: DeviceState::Active,
    };
    Snapshot {
        at: now,
        elapsed: now.elapsed(),
        program: Program {
            version: "1",
            payee: Payee::Simulated,
        },
        nodes: Vec::new(),
        jobs: Arc::default(),
        counters: Counters::default(),
        fates: Fate::ALL.map(|fate| (fate, 0)).into(),
        is_kept: false,
        hashing: Hashing {
            present: Rate::Unknown,
            mean: Rate::Unknown,
            counted: Reading::default(),
        },
        work: Work {
            hashes: None,
            expected: None,
            effort: None,
            stale: StaleWork::default(),
            rates: None,
            found: 0,
        },
        network: None,
        devices: Some(Arc::new(Devices {
            each: stats.snapshot(now).into_iter().map(device).collect(),
            server: Counts::default(),
            at: now,
        })),
        events: Vec::new(),
    }
}

fn metrics(criterion: &mut Criterion) {
    let now = Instant::now();
    let snapshot = Arc::new(snapshot(now));
    let mut named = NamedWorkers::default();
    let mut text = || {
        let facts = Facts {
            workers: snapshot.devices.as_deref().map(|all| named.select(all)),
            process: Process::read(),
            is_ready: true,
            started: SystemTime::UNIX_EPOCH,
            at: now,
            now: SystemTime::UNIX_EPOCH,
            snapshot: Arc::clone(&snapshot),
        };
        render(facts, Format::OpenMetrics)
    };
    let made = text();
    let series = made.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series > 6 * WORKERS && series <= 6_200, "{series}");
    let line = "x".repeat(made.len() / series - 1);
    let mut group = criterion.benchmark_group("metrics of 1000 workers");
    group.bench_function("render", |bench| bench.iter(|| black_box(text())));
    group.bench_function("reference", |bench| {
        bench.iter(|| {
            let mut text = String::new();
            for _ in 0..series {
                writeln!(text, "{}", black_box(&line)).expect("a string takes any text");
            }
            black_box(text)
        });
    });
    group.finish();
}

criterion_group!(benches, metrics);
criterion_main!(benches);
