//! The decoding of a node's responses: work, the update stream of a chain, and the cut.
//!
//! `cargo bench -p node --bench decode`. References: a copy of the bytes of the work, splitting the
//! stream at its line ends, and reading the cut into a `serde_json::Value`. The stream arrives in
//! pieces of one event, as nodes send it, or of 16 KiB. Its throughput is events per second, that
//! of the others bytes per second.

use std::hint::black_box;

use chainweb::{Target, Work};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use node::benching;
use serde_json::{Map, Value, json};

/// The number of events in the stream.
const EVENTS: usize = 10_000;
const EVENT: &[u8] = b"event:New Cut\n\n";

fn work(c: &mut Criterion) {
    let bytes = fixtures::work(0, 1, Target::MAX).encode();
    let mut group = c.benchmark_group("work");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("decode", |b| {
        b.iter(|| Work::decode(black_box(&bytes)).expect("well-formed"));
    });
    group.bench_function("reference: copy", |b| b.iter(|| black_box(&bytes).clone()));
    group.finish();
}

fn stream(c: &mut Criterion) {
    let stream = EVENT.repeat(EVENTS);
    let mut group = c.benchmark_group("stream");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (name, size) in [("by event", EVENT.len()), ("in 16 KiB", 16 * 1024)] {
        group.bench_function(format!("parse {name}"), |b| {
            b.iter(|| {
                let events = benching::updates(black_box(&stream).chunks(size));
                assert_eq!(events, EVENTS);
            });
        });
    }
    group.bench_function("reference: split lines", |b| {
        b.iter(|| {
            let lines = black_box(&stream).split(|byte| *byte == b'\n');
            assert_eq!(lines.map(black_box).count(), 2 * EVENTS + 1);
        });
    });
    group.finish();
}

/// Returns the cut of a network of so many chains, like one of a node.
fn cut_of(chains: u32) -> String {
    let fields = fixtures::fields();
    let hash = fields.parent.to_string();
    let tip = |chain: u32| {
        let tip = json!({ "height": 6_000_000 + chain, "hash": hash });
        (chain.to_string(), tip)
    };
    json!({
        "hashes": (0..chains).map(tip).collect::<Map<_, _>>(),
        "origin": null,
        "weight": fields.weight.to_string(),
        "height": 6_000_000 * u64::from(chains),
        "instance": "mainnet01",
        "id": hash,
    })
    .to_string()
}

fn cut(c: &mut Criterion) {
    let mut group = c.benchmark_group("cut");
    for chains in [20, 98] {
        let text = cut_of(chains);
        let bytes = text.as_bytes();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("decode, {chains} chains"), |b| {
            b.iter(|| {
                let cut = benching::cut(black_box(bytes)).expect("well-formed");
                assert_eq!(cut.tips.len(), chains as usize);
                cut
            });
        });
        group.bench_function(format!("reference: Value, {chains} chains"), |b| {
            b.iter(|| serde_json::from_slice::<Value>(black_box(bytes)).expect("well-formed"));
        });
    }
    group.finish();
}

criterion_group!(benches, work, stream, cut);
criterion_main!(benches);
