//! How fast this machine hashes, measured on the kernels alone: no job changes, no solution is found.

use std::io;
use std::num::NonZeroUsize;
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

/// The rate of this number of threads together by the clock on the wall, over one stretch of time that is the same for
/// all.
pub(crate) fn wall_rate(
    threads: NonZeroUsize,
    searcher: &Searcher,
    placement: &Placement,
    time: Duration,
) -> io::Result<HashRate> {
    const BATCH: u64 = 1 << 14;
    let prepared = endless();
    let started = Instant::now();
    let hash = |index: usize| {
        placement.apply(index);
        let mut hashes = 0;
        while started.elapsed() < time {
            prepared.search(searcher, NonceRange::new(Nonce::new(hashes), BATCH));
            hashes += BATCH;
        }
        hashes
    };
    let hashes = thread::scope(|scope| -> io::Result<u64> {
        let mut hashers = Vec::new();
        for index in 0..threads.get() {
            let hash = &hash;
            hashers.push(thread::Builder::new().spawn_scoped(scope, move || hash(index))?);
        }
        let counts = hashers
            .into_iter()
            .map(|hasher| hasher.join().expect("hashing does not panic"));
        Ok(counts.sum())
    })?;
    Ok(HashRate::of(hashes, started.elapsed()))
}
