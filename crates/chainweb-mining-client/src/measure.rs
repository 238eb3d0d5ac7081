//! How fast this machine hashes, measured on the kernels alone: no job changes, no solution is found.

use std::io;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use chainweb::{
    ChainGraph, ChainId, CreationTime, Genesis, Nonce, PayloadHash, Target, WorkHeader,
};
use pow::{NonceRange, Prepared, Searcher};
use tokio::sync::oneshot;

use miner::units::HashRate;
use miner::worker::cpu::placement::Placement;

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

/// Nonces between two looks at the clock: some hundred microseconds.
pub(crate) const BATCH: u64 = 1 << 14;

/// The rate of this number of threads together by the clock on the wall: their hashes over the time from when all are
/// there to when the last has ended, at least `time`.
pub(crate) fn wall_rate(
    threads: NonZeroUsize,
    searcher: &Searcher,
    placement: &Placement,
    time: Duration,
) -> io::Result<HashRate> {
    let prepared = endless();
    // When all began; `None` if not all are there.
    let begin: OnceLock<Option<Instant>> = OnceLock::new();
    let hash = |index: usize| {
        placement.apply(index);
        let mut hashes = 0;
        if let Some(began) = begin.wait() {
            while began.elapsed() < time {
                prepared.search(searcher, NonceRange::new(Nonce::new(hashes), BATCH));
                hashes += BATCH;
            }
        }
        hashes
    };
    thread::scope(|scope| {
        let spawn = |index| {
            let hash = &hash;
            thread::Builder::new().spawn_scoped(scope, move || hash(index))
        };
        let hashers: io::Result<Vec<_>> = (0..threads.get()).map(spawn).collect();
        let now = Instant::now();
        begin.get_or_init(|| hashers.is_ok().then_some(now));
        let counts = hashers?
            .into_iter()
            .map(|hasher| hasher.join().expect("hashing does not panic"));
        Ok(HashRate::of(counts.sum(), now.elapsed()))
    })
}

/// Runs what takes its time on a thread of its own, so that the runtime goes on.
pub(crate) async fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    let (sender, result) = oneshot::channel();
    let thread = thread::Builder::new()
        .name(name.to_owned())
        // Whoever does not wait for the result any more does not want it.
        .spawn(move || drop(sender.send(work())))
        .context("cannot start a thread")?;
    let result = result.await;
    // It has ended or is about to.
    thread
        .join()
        .map_err(|_| anyhow!("the thread {name} ended unexpectedly"))?;
    result.context("a thread that ends well has a result")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use pow::Kernel;

    use super::{endless, wall_rate};
    use miner::units::HashRate;
    use miner::worker::cpu::placement::Placement;
    use miner::worker::cpu::thread_cpu_time;

    /// The threads of one processor have no more time together than one of them alone.
    #[test]
    fn threads_that_share_a_processor_do_not_add_up() {
        let searcher = Kernel::Portable.prove().expect("safe code");
        let processors = rustix::thread::sched_getaffinity(None).expect("Linux tells");
        let first = (0..1024).find(|&at| processors.is_set(at)).expect("one");
        let placement = Placement {
            processors: [first].into(),
            ..Placement::default()
        };
        let threads = NonZeroUsize::new(16).expect("not zero");
        let together = wall_rate(threads, &searcher, &placement, Duration::from_millis(200));
        let together = together.expect("sixteen threads can be started");

        let prepared = endless();
        let started = thread_cpu_time();
        let range = pow::NonceRange::new(chainweb::Nonce::default(), 1 << 20);
        assert_eq!(prepared.search(&searcher, range), None);
        let alone = HashRate::of(1 << 20, thread_cpu_time().saturating_sub(started));
        // A processor that changes its speed meanwhile is forgiven; that threads are counted over one another is not.
        assert!(together.0 < 2.0 * alone.0, "{together} of {alone}");
    }
}
