//! Events a second through the coordinator, by the number of chains and nodes.
//!
//! `cargo bench -p miner --bench coordinator`. The events are those of a network on which the
//! client mines: a new block on some chain, which each node reports, the answers with work and
//! cuts, solutions, submissions, lookups, and ticks at the wakeups. With more nodes there are more
//! events of each kind. The throughput is events per second of one core; the actions are counted
//! and dropped.
//!
//! The reference reads the same events as lines of JSON into a `serde_json::Value`: what messages
//! of this size cost before anything is decided. It grows with their bytes, most of which are cuts;
//! a tick is an empty object.

use std::hint::black_box;

use chainweb::{ChainGraph, ChainId};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use miner::benching::Trace;
use serde_json::Value;

/// The number of new blocks of each chain.
const HEIGHTS: u64 = 12;

/// Returns a graph of 49 chains of degree 4, a torus of 7 by 7: no network has that many.
fn torus() -> ChainGraph {
    let adjacents = |chain: u32| [1, 7, 42, 48].map(|step| ChainId::new((chain + step) % 49));
    let chains = (0..49).map(|chain| (ChainId::new(chain), adjacents(chain).to_vec()));
    ChainGraph::from_adjacency(chains.collect()).expect("a graph")
}

fn events(c: &mut Criterion) {
    let graphs = [
        ChainGraph::petersen(),
        ChainGraph::twenty(),
        torus(),
        ChainGraph::d4k4(),
    ];
    let mut group = c.benchmark_group("events");
    group.sample_size(10);
    for graph in graphs {
        for nodes in [1, 3, 5] {
            let trace = Trace::record(&graph, nodes, HEIGHTS);
            let case = format!("{} chains, {nodes} nodes", graph.len());
            group.throughput(Throughput::Elements(trace.len() as u64));
            group.bench_function(BenchmarkId::new("coordinator", &case), |b| {
                b.iter_batched(
                    || trace.replay(),
                    |replay| {
                        let (actions, coordinator) = replay.run();
                        assert!(actions > 0);
                        coordinator
                    },
                    BatchSize::LargeInput,
                );
            });
            let lines = trace.lines();
            group.bench_function(BenchmarkId::new("reference: JSON", &case), |b| {
                b.iter(|| {
                    for line in &lines {
                        let value: Value =
                            serde_json::from_str(black_box(line)).expect("well-formed");
                        black_box(value);
                    }
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, events);
criterion_main!(benches);
