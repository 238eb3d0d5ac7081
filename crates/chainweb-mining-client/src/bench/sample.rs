//! One sample: the rate of the calling thread over a few milliseconds.

use std::hint::black_box;
use std::time::Duration;

use blake2::{Blake2s256, Digest};
use chainweb::Nonce;
use miner::platform::thread_cpu_time;
use miner::units::HashRate;
use pow::{NonceRange, Prepared, Searcher};

use crate::measure::{BATCH, endless, header};

/// Hashes of the reference between two readings of the clock: some hundred microseconds.
const REFERENCE_BATCH: u64 = 1 << 9;

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
