//! Where hashing threads run, and how much they give way to others.
//!
//! Both are wishes to the scheduler: where it refuses one, the thread says so and hashes all the same.

use std::sync::Arc;

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::{CpuSet, sched_setaffinity};
use tracing::warn;

/// Where the hashing threads run and how nice they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The processors that the threads are bound to, one each, over again if there are more threads; with none it is
    /// left to the scheduler.
    pub processors: Arc<[usize]>,
    /// The least niceness of the threads, if that is to be changed: threads that are nicer already stay so.
    pub niceness: Option<i32>,
}

impl Placement {
    /// Places the calling thread, the `index`-th of its worker.
    pub fn apply(&self, index: usize) {
        if !self.processors.is_empty() {
            let processor = self.processors[index % self.processors.len()];
            let mut set = CpuSet::new();
            set.set(processor);
            if let Err(error) = sched_setaffinity(None, &set) {
                warn!(thread = index, processor, %error, "a hashing thread cannot be bound to its processor");
            }
        }
        let Some(niceness) = self.niceness else {
            return;
        };
        // On Linux this is the niceness of the calling thread alone.
        let is_nice = getpriority_process(None).is_ok_and(|present| present >= niceness);
        if !is_nice && let Err(error) = setpriority_process(None, niceness) {
            warn!(thread = index, niceness, %error, "the priority of a hashing thread cannot be lowered");
        }
    }
}
