//! Threads that hash on this machine's processors.
//!
//! Each thread has a part of the nonces to itself, looks at the live jobs about once a millisecond and is joined at
//! shutdown. A thread stays on its job as long as that is live, and when it is not goes on with the newest other.

pub mod placement;
mod search;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pow::Searcher;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::placement::Placement;
use self::search::{Search, Step};
use super::WorkerError;
use crate::job::{Jobs, Solution};
use crate::meter::{HashMeter, ThreadMeter};
use crate::timing::Timing;

/// How to hash.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number of threads.
    pub threads: NonZeroUsize,
    /// The kernel to search with.
    pub searcher: Searcher,
    /// Where the threads run, and how much they give way to others.
    pub placement: Placement,
    /// Where the first thread begins: different programs on the same work should begin at different nonces.
    pub first_nonce: u64,
    /// The length of a batch and the age of a creation time.
    pub timing: Timing,
}

/// The CPU worker.
#[derive(Debug)]
pub struct Cpu {
    config: Config,
    meter: Arc<HashMeter>,
}

impl Cpu {
    /// A worker that has not begun.
    pub fn new(config: Config) -> Self {
        Self {
            meter: Arc::new(HashMeter::new(config.threads.get())),
            config,
        }
    }

    /// The meter of its hashes.
    pub fn meter(&self) -> Arc<HashMeter> {
        Arc::clone(&self.meter)
    }

    pub(crate) async fn run(
        self,
        jobs: watch::Receiver<Arc<Jobs>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        let threads = self.config.threads;
        let kernel = self.config.searcher.kernel();
        let bound = &self.config.placement.processors;
        let processors = (!bound.is_empty()).then_some(tracing::field::debug(bound));
        info!(threads, %kernel, processors, "CPU worker ready");
        // One place for each thread: a thread tells once that it ends.
        let (ending, mut ended) = mpsc::channel(threads.get());
        let mut handles = Vec::with_capacity(threads.get());
        for index in 0..threads.get() {
            let thread = HashThread {
                search: Search::new(&self.config, index, jobs.clone()),
                meter: Arc::clone(&self.meter),
                index,
                placement: self.config.placement.clone(),
                solutions: solutions.clone(),
                stop: stop.clone(),
                runtime: Handle::current(),
                _ending: Ending {
                    index,
                    ending: ending.clone(),
                },
            };
            let handle = thread::Builder::new()
                .name(format!("cpu-{index}"))
                .spawn(move || thread.run())
                .map_err(WorkerError::Spawn)?;
            handles.push(handle);
        }
        drop((ending, solutions));
        while let Some(index) = ended.recv().await {
            if !stop.is_cancelled() {
                return Err(WorkerError::ThreadEnded(index));
            }
        }
        for (index, handle) in handles.into_iter().enumerate() {
            handle.join().map_err(|_| WorkerError::ThreadEnded(index))?;
        }
        Ok(())
    }
}

/// Tells that its thread ends, by a panic too.
struct Ending {
    index: usize,
    ending: mpsc::Sender<usize>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        // There is a place for every thread; a worker that was dropped does not listen any more.
        self.ending.try_send(self.index).ok();
    }
}

/// All that one hashing thread owns.
struct HashThread {
    search: Search,
    meter: Arc<HashMeter>,
    index: usize,
    placement: Placement,
    solutions: mpsc::Sender<Solution>,
    stop: CancellationToken,
    runtime: Handle,
    _ending: Ending,
}

impl HashThread {
    fn run(mut self) {
        self.placement.apply(self.index);
        let meter = Arc::clone(&self.meter);
        let meter: &ThreadMeter = meter.thread(self.index);
        while !self.stop.is_cancelled() {
            match self.search.step(Instant::now()) {
                Step::Hashed { hashes, solution } => {
                    meter.add(hashes);
                    meter.set_cpu_time(thread_cpu_time());
                    if let Some(mut solution) = solution {
                        solution.found_by = Some(format!("cpu-{}", self.index).into());
                        if self.solutions.blocking_send(solution).is_err() {
                            return;
                        }
                    }
                }
                Step::Idle => {
                    let changed = self.search.changed();
                    let stopped = self.stop.cancelled();
                    let goes_on = self.runtime.block_on(async {
                        tokio::select! {
                            changed = changed => changed.is_ok(),
                            () = stopped => false,
                        }
                    });
                    if !goes_on {
                        return;
                    }
                }
            }
        }
    }
}

/// The processor time that the calling thread has used.
pub(crate) fn thread_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
