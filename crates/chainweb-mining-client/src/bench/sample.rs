//! One sample: the rate of the calling thread over a few milliseconds.

use std::hint::black_box;
use std::time::Duration;

use blake2::{Blake2s256, Digest};
use chainweb::Nonce;
use miner::platform::thread_cpu_time;
use miner::units::HashRate;
use pow::{MULTIPLICATION_CYCLES, NonceRange, Prepared, Searcher, multiply_in_a_chain};

use super::spread::Spread;
use crate::measure::{BATCH, endless, header};

/// Hashes of the reference between two readings of the clock: some hundred microseconds.
const REFERENCE_BATCH: u64 = 1 << 9;

/// Multiplications to measure the clock, and hashes between two such measurements: each some tens
/// to hundreds of microseconds.
const CHAIN: u32 = 1 << 17;
const CYCLES_BATCH: u64 = 1 << 13;

/// Returns the seconds of processor time that `work` takes.
fn elapsed(work: impl FnOnce()) -> f64 {
    let started = thread_cpu_time();
    work();
    thread_cpu_time().saturating_sub(started).as_secs_f64()
}

/// Measures samples in hashes per second of processor time.
pub(super) struct Sampler {
    length: Duration,
    prepared: Prepared,
    header: Vec<u8>,
    next_nonce: u64,
}

impl Sampler {
    pub(super) fn new(length: Duration) -> Self {
        Self {
            length,
            prepared: endless(),
            header: header().as_bytes().to_vec(),
            next_nonce: 0,
        }
    }

    /// Returns the rate of a kernel.
    pub(super) fn kernel(&mut self, searcher: &Searcher) -> f64 {
        let prepared = self.prepared.clone();
        self.sample(BATCH, |start| {
            let range = NonceRange::new(Nonce::new(start), BATCH);
            black_box(prepared.search(searcher, black_box(range)));
        })
    }

    /// Returns the rate of the `blake2` crate on whole headers.
    pub(super) fn reference(&mut self) -> f64 {
        let mut bytes = self.header.clone();
        let nonce_at = bytes.len() - 8;
        self.sample(REFERENCE_BATCH, |start| {
            for nonce in start..start + REFERENCE_BATCH {
                bytes[nonce_at..].copy_from_slice(&nonce.to_le_bytes());
                black_box(Blake2s256::digest(black_box(&bytes)));
            }
        })
    }

    /// Returns the processor cycles of a hash of a kernel, or `None` if this processor's clock
    /// cannot be measured.
    ///
    /// Clocks change within milliseconds, so a chain of multiplications just before and just after
    /// some hashes measures them. The result is the median of all such rows.
    pub(super) fn cycles(&mut self, searcher: &Searcher) -> Option<f64> {
        let chain_cycles = f64::from(CHAIN * MULTIPLICATION_CYCLES?);
        let chain = || {
            elapsed(|| {
                black_box(multiply_in_a_chain(black_box(CHAIN)));
            })
        };
        let started = thread_cpu_time();
        let mut rows = Vec::new();
        while rows.is_empty() || thread_cpu_time().saturating_sub(started) < self.length {
            let range = NonceRange::new(Nonce::new(self.next_nonce), CYCLES_BATCH);
            self.next_nonce += CYCLES_BATCH;
            let before = chain();
            let hashing = elapsed(|| {
                black_box(self.prepared.search(searcher, black_box(range)));
            });
            let chains = before + chain();
            rows.push(2.0 * chain_cycles * hashing / chains / CYCLES_BATCH as f64);
        }
        Spread::of(rows).map(|rows| rows.median)
    }

    fn sample(&mut self, batch: u64, mut hash: impl FnMut(u64)) -> f64 {
        // The first batch warms up the caches and the processor.
        hash(self.next_nonce);
        let started = thread_cpu_time();
        let mut hashes = 0;
        loop {
            hash(self.next_nonce);
            self.next_nonce += batch;
            hashes += batch;
            let took = thread_cpu_time().saturating_sub(started);
            if took >= self.length {
                return HashRate::of(hashes, took).0;
            }
        }
    }
}
