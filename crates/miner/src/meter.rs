//! Counts hashes without the threads getting in each other's way.
//!
//! Every thread writes a place of its own, which lies on cache lines of its own; readers add them up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The counts of all hashing threads.
#[derive(Debug)]
pub struct HashMeter(Box<[ThreadMeter]>);

/// The counts of one thread. The alignment is that of two cache lines: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ThreadMeter {
    hashes: AtomicU64,
    cpu_nanos: AtomicU64,
}

/// What the threads have done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Hashes computed.
    pub hashes: u64,
    /// Processor time that computing them took, summed over the threads.
    pub cpu_time: Duration,
}

impl HashMeter {
    /// A meter for this number of threads.
    pub fn new(threads: usize) -> Self {
        Self((0..threads).map(|_| ThreadMeter::default()).collect())
    }

    /// The place of a thread, counted from 0.
    pub(crate) fn thread(&self, index: usize) -> &ThreadMeter {
        &self.0[index]
    }

    /// The sums over all threads.
    pub fn read(&self) -> Reading {
        self.0
            .iter()
            .fold(Reading::default(), |sum, thread| Reading {
                hashes: sum
                    .hashes
                    .wrapping_add(thread.hashes.load(Ordering::Relaxed)),
                cpu_time: sum.cpu_time
                    + Duration::from_nanos(thread.cpu_nanos.load(Ordering::Relaxed)),
            })
    }
}

impl ThreadMeter {
    /// Adds hashes; only the owning thread calls this.
    pub(crate) fn add(&self, hashes: u64) {
        let before = self.hashes.load(Ordering::Relaxed);
        self.hashes
            .store(before.wrapping_add(hashes), Ordering::Relaxed);
    }

    /// Sets the processor time that the calling thread has used since it began to hash.
    pub(crate) fn set_cpu_time(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.cpu_nanos.store(nanos, Ordering::Relaxed);
    }
}
