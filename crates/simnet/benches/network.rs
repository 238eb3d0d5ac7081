//! The simulated network without its server: blocks of foreign miners, work, and solutions.
//!
//! `cargo bench -p simnet --bench network`. The throughput is blocks, works or solutions per second
//! of one core; a solution includes the request for its work and the time that passes in between.
//! Proof of work is off: neither side hashes for it.
//!
//! References: the Blake2s hash of a header, which proof of work takes once for each block, and the
//! hash of a block, which each block needs. Both are of headers with as many adjacent chains.

use std::hint::black_box;
use std::time::Duration;

use chainweb::ChainGraph;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use simnet::benching::Simulation;

/// The number of works, solutions and hashes in one measured call.
const COUNT: u64 = 1000;
/// The time between two blocks of a chain, and the hashes of a block at the start.
const BLOCK_DELAY: Duration = Duration::from_secs(30);
const DIFFICULTY: f64 = 100_000.0;

fn network(c: &mut Criterion) {
    for graph in [ChainGraph::twenty(), ChainGraph::d4k4()] {
        let chains = u32::try_from(graph.len()).expect("few chains");
        let pace = BLOCK_DELAY / chains;
        let rate = DIFFICULTY / pace.as_secs_f64();
        let hour = Duration::from_hours(1);
        let mut group = c.benchmark_group(format!("{chains} chains"));
        group.sample_size(20);

        let mut first = Simulation::new(graph.clone(), rate);
        first.advance(hour);
        group.throughput(Throughput::Elements(first.blocks()));
        group.bench_function("foreign blocks of an hour", |b| {
            b.iter_batched(
                || Simulation::new(graph.clone(), rate),
                |mut simulation| {
                    simulation.advance(hour);
                    simulation
                },
                BatchSize::LargeInput,
            );
        });

        group.throughput(Throughput::Elements(COUNT));
        group.bench_function("work", |b| {
            let mut simulation = Simulation::new(graph.clone(), 0.0);
            simulation.advance(pace);
            b.iter(|| {
                for _ in 0..COUNT {
                    black_box(simulation.work());
                }
            });
        });
        group.bench_function("work and solution", |b| {
            let mut simulation = Simulation::new(graph.clone(), 0.0);
            b.iter(|| {
                for _ in 0..COUNT {
                    simulation.advance(pace);
                    let work = simulation.work();
                    simulation.solve(&work);
                }
            });
        });

        let mut simulation = Simulation::new(graph.clone(), 0.0);
        simulation.advance(pace);
        let work = simulation.work();
        group.bench_function("reference: Blake2s", |b| {
            b.iter(|| {
                for _ in 0..COUNT {
                    black_box(pow::hash(black_box(work.header())));
                }
            });
        });
        group.bench_function("reference: block hash", |b| {
            b.iter(|| {
                for _ in 0..COUNT {
                    black_box(black_box(work.header()).block_hash());
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, network);
criterion_main!(benches);
