//! Hashes on the processors of this machine.
//!
//! Each thread has its own range of nonces, checks the live jobs about once a millisecond, and is
//! joined at shutdown. A thread keeps its job as long as it is live and then changes to the newest.

pub mod placement;
mod search;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use pow::Searcher;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::placement::Placement;
use self::search::{Search, Step};
use super::WorkerError;
use crate::job::{Jobs, Solution};
use crate::meter::{HashMeter, ThreadMeter};
use crate::platform::thread_cpu_time;
use crate::telemetry::estimate::expected_blocks;
use crate::timing::Timing;

/// The settings of the CPU worker.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number of threads.
    pub threads: NonZeroUsize,
    /// The kernel to search with.
    pub searcher: Searcher,
    /// The processors and the niceness of the threads.
    pub placement: Placement,
    /// The first nonce of the first thread. Instances of this program on the same work should use
    /// different values.
    pub first_nonce: u64,
    /// The time per batch and the greatest age of a creation time.
    pub timing: Timing,
}

/// The CPU worker.
#[derive(Debug)]
pub struct Cpu {
    config: Config,
    meter: Arc<HashMeter>,
    paused: watch::Sender<bool>,
}

impl Cpu {
    /// Creates a worker. It starts no thread before it is run.
    pub fn new(config: Config) -> Self {
        Self {
            meter: Arc::new(HashMeter::new(config.threads.get())),
            config,
            paused: watch::Sender::new(false),
        }
    }

    /// Returns the meter, which counts all hashes.
    pub fn meter(&self) -> Arc<HashMeter> {
        Arc::clone(&self.meter)
    }

    /// Returns a switch: no thread hashes while its value is `true`.
    pub fn pause(&self) -> watch::Sender<bool> {
        self.paused.clone()
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
        info!(event = "worker_ready", threads, %kernel, processors, "CPU worker ready");
        // One place per thread: each sends once, when it ends.
        let (end, mut ended) = mpsc::channel(threads.get());
        let mut handles = Vec::with_capacity(threads.get());
        for index in 0..threads.get() {
            let thread = HashThread {
                search: Search::new(&self.config, index, jobs.clone()),
                paused: self.paused.subscribe(),
                meter: Arc::clone(&self.meter),
                index,
                placement: self.config.placement.clone(),
                solutions: solutions.clone(),
                stop: stop.clone(),
                runtime: Handle::current(),
                _notice: EndNotice {
                    index,
                    end: end.clone(),
                },
            };
            let handle = thread::Builder::new()
                .name(format!("cpu-{index}"))
                .spawn(move || thread.run())
                .map_err(WorkerError::Spawn)?;
            handles.push(handle);
        }
        drop((end, solutions));
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

/// Sends the index of its thread when the thread ends, even by a panic.
struct EndNotice {
    index: usize,
    end: mpsc::Sender<usize>,
}

impl Drop for EndNotice {
    fn drop(&mut self) {
        // Fails only if the worker was dropped: the channel has a place for each thread.
        self.end.try_send(self.index).ok();
    }
}

/// The state of one hashing thread.
struct HashThread {
    search: Search,
    paused: watch::Receiver<bool>,
    meter: Arc<HashMeter>,
    index: usize,
    placement: Placement,
    solutions: mpsc::Sender<Solution>,
    stop: CancellationToken,
    runtime: Handle,
    _notice: EndNotice,
}

impl HashThread {
    fn run(mut self) {
        self.placement.apply(self.index);
        let meter = Arc::clone(&self.meter);
        let meter: &ThreadMeter = meter.thread(self.index);
        while !self.stop.is_cancelled() {
            let now = Instant::now();
            let stale = self.search.stale(now);
            let step = if *self.paused.borrow() {
                self.search.rest()
            } else {
                self.search.step(now)
            };
            match step {
                Step::Hashed {
                    hashes,
                    difficulty,
                    solution,
                } => {
                    meter.add(hashes, expected_blocks(hashes as f64, difficulty), stale);
                    meter.set_cpu_time(thread_cpu_time());
                    if let Some(mut solution) = solution {
                        solution.found_by = Some(format!("cpu-{}", self.index).into());
                        if self.solutions.blocking_send(solution).is_err() {
                            return;
                        }
                    }
                }
                Step::Idle => {
                    meter.add(0, 0.0, stale);
                    let changed = self.search.changed();
                    let stopped = self.stop.cancelled();
                    let has_jobs = self.runtime.block_on(async {
                        tokio::select! {
                            changed = changed => changed.is_ok(),
                            Ok(()) = self.paused.changed() => true,
                            () = stopped => false,
                        }
                    });
                    if !has_jobs {
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
