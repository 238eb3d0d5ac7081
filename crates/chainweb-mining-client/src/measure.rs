//! Measures the hash rate of the kernels alone: no job changes, and no solution is found.

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{io, thread};

use anyhow::{Context, anyhow};
use chainweb::{
    ChainGraph, ChainId, CreationTime, Genesis, Nonce, PayloadHash, Target, WorkHeader,
};
use miner::platform::thread_cpu_time;
use miner::units::HashRate;
use miner::worker::cpu::placement::Placement;
use pow::{NonceRange, Prepared, Searcher};
use tokio::sync::oneshot;

/// Returns a header of the length of all public networks.
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

/// Returns a search without solution.
pub(crate) fn endless() -> Prepared {
    Prepared::new(&header(), &Target::from_le_bytes([0; 32]))
}

/// Nonces between two readings of the clock: some hundred microseconds.
pub(crate) const BATCH: u64 = 1 << 14;

/// Returns the total rate of `threads` threads in wall-clock time: their hashes over the time
/// between the start of all and the end of the last, at least `time`.
///
/// # Errors
///
/// Returns an error if a thread cannot be started.
pub(crate) fn wall_rate(
    threads: NonZeroUsize,
    searcher: &Searcher,
    placement: &Placement,
    time: Duration,
) -> io::Result<HashRate> {
    let (counts, elapsed) = measure(threads, searcher, placement, time)?;
    let hashes = counts.iter().map(|(hashes, _)| hashes).sum();
    Ok(HashRate::of(hashes, elapsed))
}

/// Returns the total rate of `threads` threads on processors without other load: their hashes over
/// their processor time, for at most as many threads as there are processors.
///
/// # Errors
///
/// Returns an error if a thread cannot be started.
pub(crate) fn cpu_rate(
    threads: NonZeroUsize,
    searcher: &Searcher,
    placement: &Placement,
    time: Duration,
) -> io::Result<HashRate> {
    let (counts, _) = measure(threads, searcher, placement, time)?;
    let rates = counts
        .iter()
        .map(|(hashes, time)| HashRate::of(*hashes, *time).0);
    let available = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let processors = match placement.processors.len() {
        0 => available,
        chosen => chosen.min(available),
    };
    let at_once = threads.get().min(processors) as f64;
    Ok(HashRate(
        rates.sum::<f64>() * at_once / threads.get() as f64,
    ))
}

/// Returns the hashes and the processor time of each thread, at least one batch, and the time from
/// the start of all to the end of the last.
fn measure(
    threads: NonZeroUsize,
    searcher: &Searcher,
    placement: &Placement,
    time: Duration,
) -> io::Result<(Vec<(u64, Duration)>, Duration)> {
    let prepared = endless();
    // The common start; `None` if not all threads could be started.
    let begin: OnceLock<Option<Instant>> = OnceLock::new();
    let hash = |index: usize| {
        placement.apply(index);
        let mut hashes = 0;
        let Some(began) = begin.wait() else {
            return (hashes, Duration::ZERO);
        };
        let started = thread_cpu_time();
        // A busy machine may run a thread only after the time is over.
        while hashes == 0 || began.elapsed() < time {
            prepared.search(searcher, NonceRange::new(Nonce::new(hashes), BATCH));
            hashes += BATCH;
        }
        (hashes, thread_cpu_time().saturating_sub(started))
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
            .map(|hasher| hasher.join().expect("hashing does not panic"))
            .collect();
        Ok((counts, now.elapsed()))
    })
}

/// Runs `work` on a thread of its own, without blocking the runtime.
///
/// # Errors
///
/// Returns an error if the thread cannot be started or panics.
pub(crate) async fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    let (sender, result) = oneshot::channel();
    let thread = thread::Builder::new()
        .name(name.to_owned())
        // The caller may have left.
        .spawn(move || drop(sender.send(work())))
        .context("cannot start a thread")?;
    let result = result.await;
    // The thread has ended or is about to.
    thread
        .join()
        .map_err(|_| anyhow!("the thread {name} ended unexpectedly"))?;
    result.context("a thread that does not panic sends its result")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use miner::platform::thread_cpu_time;
    use miner::units::HashRate;
    use miner::worker::cpu::placement::Placement;
    use pow::Kernel;

    use super::{BATCH, cpu_rate, endless, measure, wall_rate};

    /// As on a machine so busy that no thread runs in time.
    #[test]
    fn a_measurement_without_time_hashes_a_batch_on_each_thread() {
        let searcher = Kernel::Portable.prove().expect("safe code");
        let threads = NonZeroUsize::new(3).expect("not zero");
        let placement = Placement::default();
        let (counts, _) = measure(threads, &searcher, &placement, Duration::ZERO).expect("threads");
        let counted: Vec<u64> = counts.iter().map(|(hashes, _)| *hashes).collect();
        assert_eq!(counted, [BATCH; 3]);
        let rate = cpu_rate(threads, &searcher, &placement, Duration::ZERO).expect("threads");
        assert!(rate.0 > 0.0, "{rate}");
    }

    /// The threads of one processor share its time.
    #[test]
    fn threads_that_share_a_processor_do_not_add_up() {
        let searcher = Kernel::Portable.prove().expect("safe code");
        let processors = rustix::thread::sched_getaffinity(None).expect("Linux reports it");
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
        // Allows for a change of the processor's speed, but not for time counted twice.
        assert!(together.0 < 2.0 * alone.0, "{together} of {alone}");
    }
}
