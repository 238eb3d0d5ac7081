//! Documents of the API about a snapshot with many mining devices.
//!
//! `cargo bench -p chainweb-mining-client --bench api`. `publish` is what each snapshot costs while
//! a stream is open, with the stream's message; the other figures include it and one document. The
//! throughput is bytes of the document.
//!
//! The reference writes a `serde_json::Value` with the content of the document of all devices.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level};
use chainweb_mining_client::api::benching::Publishing;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use miner::telemetry::Snapshot;
use miner::telemetry::estimate::Rates;
use miner::telemetry::recent::Shares;
use miner::telemetry::snapshot::{Device, DeviceState, Devices, Payee, Program};
use serde_json::Value;
use stratum::{Counts, Freshness, Stats, WorkerName};

/// Returns a state with so many devices of this hash rate.
fn snapshot(count: usize, rate: f64) -> Arc<Snapshot> {
    let now = Instant::now();
    let program = Program {
        version: "1.2.3",
        payee: Payee::Simulated,
    };
    Arc::new(Snapshot {
        devices: Some(Arc::new(devices(count, rate, now))),
        ..Snapshot::new(now, Duration::from_mins(1), program)
    })
}

fn devices(count: usize, rate: f64, now: Instant) -> Devices {
    let stats = Stats::new(count);
    let worth = Difficulty::from_u128(1 << 40);
    for index in 0..count {
        let name = WorkerName::of_user(format!("k:abc.rig-{index:05}").as_bytes());
        let session = stats.open(now, &name);
        session.set_level(Level::new(40).expect("at most 256"));
        session.accepted(now, worth, worth, worth, Freshness::Current);
    }
    let device = |stats| Device {
        stats,
        rates: Some(Rates([rate; 5])),
        expected: Some(0.01),
        expected_rate: None,
        state: DeviceState::Active,
        connected: Duration::from_mins(1),
        recent: Shares::default(),
    };
    Devices {
        each: stats.snapshot(now).into_iter().map(device).collect(),
        server: Counts::default(),
        at: now,
    }
}

fn documents(c: &mut Criterion) {
    for count in [0, 100, 10_000] {
        let mut group = c.benchmark_group(format!("{count} devices"));
        group.sample_size(20);
        // Each device has news in each message.
        let snapshots = [1e12, 2e12].map(|rate| snapshot(count, rate));
        let mut snapshots = snapshots.iter().cycle().map(Arc::clone);
        let mut next = || snapshots.next().expect("they go round");
        let mut publishing = Publishing::new();

        let message = publishing.publish(next()).message();
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function("publish", |b| {
            b.iter(|| publishing.publish(next()));
        });
        let status = publishing.publish(next()).status();
        group.throughput(Throughput::Bytes(status.len() as u64));
        group.bench_function("publish, and write the status", |b| {
            b.iter(|| publishing.publish(next()).status());
        });
        let workers = publishing.publish(next()).workers();
        group.throughput(Throughput::Bytes(workers.len() as u64));
        group.bench_function("publish, and write the devices", |b| {
            b.iter(|| publishing.publish(next()).workers());
        });
        let value: Value = serde_json::from_slice(&workers).expect("a document");
        group.bench_function("reference: write a Value of the devices", |b| {
            b.iter(|| serde_json::to_vec(black_box(&value)).expect("a value"));
        });
        group.finish();
    }
}

criterion_group!(benches, documents);
criterion_main!(benches);
