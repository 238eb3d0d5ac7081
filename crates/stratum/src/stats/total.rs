//! The work of all workers together, also of those that are forgotten.

use std::sync::atomic::{AtomicU64, Ordering};

/// The work that devices have shown by their shares, in hashes that it takes on average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Credit {
    /// The difficulty credited for accepted shares, and that of shares refused as stale.
    pub hashes: f64,
    /// The part of it on work that was retired.
    pub stale: f64,
    /// The blocks expected of accepted shares: the credited difficulty of each, over the difficulty
    /// of its block.
    pub expected: f64,
}

/// Sums of all workers, which sessions add to without a lock.
#[derive(Debug, Default)]
pub(super) struct Total {
    hashes: Sum,
    stale: Sum,
    expected: Sum,
}

/// The bits of a sum.
#[derive(Debug, Default)]
struct Sum(AtomicU64);

impl Total {
    pub(super) fn add(&self, more: Credit) {
        self.hashes.add(more.hashes);
        self.stale.add(more.stale);
        self.expected.add(more.expected);
    }

    pub(super) fn read(&self) -> Credit {
        Credit {
            hashes: self.hashes.read(),
            stale: self.stale.read(),
            expected: self.expected.read(),
        }
    }
}

impl Sum {
    fn add(&self, more: f64) {
        if more > 0.0 {
            let sum = |bits| (f64::from_bits(bits) + more).to_bits();
            self.0.update(Ordering::Relaxed, Ordering::Relaxed, sum);
        }
    }

    fn read(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}
