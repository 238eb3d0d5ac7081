//! The processors and the niceness of hashing threads.
//!
//! Both are requests to the operating system. If it refuses one, the thread logs a warning and
//! hashes anyway.

use std::sync::Arc;

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::{CpuSet, sched_setaffinity};
use tracing::warn;

/// The processors and the niceness of the hashing threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The processors to bind threads to, one per thread, reused if there are more threads. If
    /// empty, threads are not bound.
    pub processors: Arc<[usize]>,
    /// The minimum niceness of the threads. Threads with a higher niceness keep it.
    pub niceness: Option<i32>,
}

impl Placement {
    /// Applies the placement to the calling thread, which is number `index` of its worker.
    pub fn apply(&self, index: usize) {
        if !self.processors.is_empty() {
            let processor = self.processors[index % self.processors.len()];
            let mut set = CpuSet::new();
            set.set(processor);
            if let Err(error) = sched_setaffinity(None, &set) {
                warn!(event = "placement_failed", thread = index, processor, %error, "cannot bind hashing thread to processor");
            }
        }
        let Some(niceness) = self.niceness else {
            return;
        };
        // On Linux, this affects only the calling thread.
        let is_nice = getpriority_process(None).is_ok_and(|present| present >= niceness);
        if !is_nice && let Err(error) = setpriority_process(None, niceness) {
            warn!(event = "placement_failed", thread = index, niceness, %error, "cannot lower priority of hashing thread");
        }
    }
}
