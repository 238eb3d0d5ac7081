//! The processors and the niceness of hashing threads.
//!
//! Both are requests to the operating system. If it refuses one, the thread logs a warning and
//! hashes anyway.

use std::sync::Arc;

use tracing::warn;

use crate::platform::{bind_thread, lower};

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
            if let Err(error) = bind_thread(processor) {
                warn!(event = "placement_failed", thread = index, processor, %error, "cannot bind hashing thread to processor");
            }
        }
        let Some(niceness) = self.niceness else {
            return;
        };
        if let Err(error) = lower(niceness) {
            warn!(event = "placement_failed", thread = index, niceness, %error, "cannot lower priority of hashing thread");
        }
    }
}
