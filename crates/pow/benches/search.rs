//! Nonces per second of each kernel, compared with the `blake2` crate over all 286 bytes.
//!
//! `cargo bench -p pow --bench search`: the throughput (`Kelem/s`, `Melem/s`) is hashes per second
//! of one core. The crate runs first and last to show changes in the machine's speed; compare
//! ratios within one run only. Headers have 286 bytes on all public networks; with 322 bytes a hash
//! takes two compressions. The program's `bench` command compares kernels and crate in turn.

use std::hint::black_box;
use std::time::Duration;

use blake2::{Blake2s256, Digest};
use chainweb::{Level, Nonce, WorkHeader};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use fixtures::header_of_degree;
use pow::{Kernel, NonceRange, Prepared};

/// The number of nonces in one measured call.
const COUNT: u64 = 4096;

fn header(degree: u8) -> WorkHeader {
    header_of_degree(degree, &[0x5a])
}

fn blake2_crate(group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
    let mut bytes = header(3).as_bytes().to_vec();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for nonce in 0..COUNT {
                bytes[278..].copy_from_slice(&nonce.to_le_bytes());
                black_box(Blake2s256::digest(black_box(&bytes)));
            }
        });
    });
}

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("search");
    group.throughput(Throughput::Elements(COUNT));
    group.warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(3));
    blake2_crate(&mut group, "blake2 crate, 286 bytes");
    // No nonce meets this target, and the top word rejects all but one in 2^31.
    let target = Level::new(255).expect("at most 256").target();
    for searcher in Kernel::ALL.iter().filter_map(|kernel| kernel.prove().ok()) {
        let kernel = searcher.kernel();
        for degree in [3, 2, 4] {
            let prepared = Prepared::new(&header(degree), &target);
            let bytes = header(degree).as_bytes().len();
            let mut start = 0_u64;
            group.bench_function(format!("{kernel}, {bytes} bytes"), |bencher| {
                bencher.iter(|| {
                    start += COUNT;
                    prepared.search(
                        &searcher,
                        black_box(NonceRange::new(Nonce::new(start), COUNT)),
                    )
                });
            });
        }
    }
    blake2_crate(&mut group, "blake2 crate, 286 bytes, again");
    group.finish();
}

criterion_group!(benches, search);
criterion_main!(benches);
