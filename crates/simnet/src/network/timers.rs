//! Scheduled changes of the network, ordered by time.
//!
//! Timers with the same time fire in the order in which they were set, so that a run is a function
//! of its inputs.

use std::collections::BTreeMap;

use chainweb::{ChainId, CreationTime};

use super::outcome::Priming;

/// A scheduled change. It is void if its chain has a newer generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Change the state of the chain's work.
    Prime {
        chain: ChainId,
        generation: u64,
        to: Priming,
    },
    /// Refresh the chain's payload.
    Refresh { chain: ChainId, generation: u64 },
    /// Drop expired payloads.
    Prune,
    /// Add a block of the foreign miners.
    ForeignBlock,
}

/// Identifies a timer, to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey(CreationTime, u64);

/// Scheduled changes; of a node by default.
#[derive(Debug)]
pub(crate) struct Timers<T = Timer> {
    queue: BTreeMap<TimerKey, T>,
    set: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            queue: BTreeMap::new(),
            set: 0,
        }
    }
}

impl<T> Timers<T> {
    pub(crate) fn set(&mut self, due: CreationTime, timer: T) -> TimerKey {
        let key = TimerKey(due, self.set);
        self.set += 1;
        self.queue.insert(key, timer);
        key
    }

    pub(crate) fn cancel(&mut self, key: TimerKey) {
        self.queue.remove(&key);
    }

    pub(crate) fn next_due(&self) -> Option<CreationTime> {
        self.queue.first_key_value().map(|(key, _)| key.0)
    }

    /// Removes and returns the first timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: CreationTime) -> Option<(CreationTime, T)> {
        let first = self.queue.first_entry()?;
        let due = first.key().0;
        (due <= now).then(|| (due, first.remove()))
    }
}
