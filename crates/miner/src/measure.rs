//! How fast this machine hashes, measured on the kernels alone: no job changes, no solution is found.

use std::io;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use chainweb::{
    ChainGraph, ChainId, CreationTime, Genesis, Nonce, PayloadHash, Target, WorkHeader,
};
use pow::{NonceRange, Prepared, Searcher};

use crate::units::HashRate;
use crate::worker::cpu::placement::Placement;

/// A header of the length that all public networks have.
pub(crate) fn header() -> WorkHeader {
    let genesis = Genesis {
        version_code: 2,
        graph: ChainGraph::twenty(),
        time: CreationTime::from_micros(0),
        target: Target::MAX,
    };
    let header = genesis.header(ChainId::new(0), PayloadHash::new([0; 32]));
    header.work().clone()
}

/// Work that nothing solves.
pub(crate) fn endless() -> Prepared {
    Prepared::new(&header(), &Target::from_le_bytes([0; 32]))
}

/// The rate of this number of threads together by the clock on the wall. All begin at once, and each hashes for at least
/// `time`.
pub(crate) fn wall_rate(
    threads: NonZeroUsize,
    searcher: &Searcher,
    placement: &Placement,
    time: Duration,
) -> io::Result<HashRate> {
    const BATCH: u64 = 1 << 14;
    let prepared = endless();
    // Whether all threads are there.
    let begin = OnceLock::new();
    let hash = |index: usize| {
        placement.apply(index);
        if !begin.wait() {
            return 0.0;
        }
        let started = Instant::now();
        let mut hashes = 0;
        loop {
            prepared.search(searcher, NonceRange::new(Nonce::new(hashes), BATCH));
            hashes += BATCH;
            let elapsed = started.elapsed();
            if elapsed >= time {
                return HashRate::of(hashes, elapsed).0;
            }
        }
    };
    thread::scope(|scope| {
        let spawn = |index| {
            let hash = &hash;
            thread::Builder::new().spawn_scoped(scope, move || hash(index))
        };
        let hashers: io::Result<Vec<_>> = (0..threads.get()).map(spawn).collect();
        begin.get_or_init(|| hashers.is_ok());
        let rates = hashers?
            .into_iter()
            .map(|hasher| hasher.join().expect("hashing does not panic"));
        Ok(HashRate(rates.sum()))
    })
}
