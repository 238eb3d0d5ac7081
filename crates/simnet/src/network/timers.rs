//! What the network will do by itself, in the order of time.
//!
//! Entries with the same time keep the order in which they were set, so that a run is a function of its inputs.

use std::collections::BTreeMap;

use chainweb::{ChainId, CreationTime};

use super::Priming;

/// One thing to come. Those that carry a generation are void once the chain has moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The chain's work changes its state.
    Prime {
        chain: ChainId,
        generation: u64,
        to: Priming,
    },
    /// The chain's payload is renewed.
    Refresh { chain: ChainId, generation: u64 },
    /// Old payloads are forgotten.
    Prune,
    /// The foreign miners find the block that they work on.
    ForeignBlock,
}

/// Names an entry that may be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey(CreationTime, u64);

#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeMap<TimerKey, Timer>,
    set: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, due: CreationTime, timer: Timer) -> TimerKey {
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

    /// Takes the first entry that is due.
    pub(crate) fn pop_due(&mut self, now: CreationTime) -> Option<(CreationTime, Timer)> {
        let first = self.queue.first_entry()?;
        let due = first.key().0;
        (due <= now).then(|| (due, first.remove()))
    }
}
