//! Limits log lines about the same thing, such as an address.
//!
//! Clients choose the things, so their number is bounded: beyond it, no line is due until old ones
//! are forgotten.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most things remembered.
const MAX_KEYS: usize = 1000;

/// How long a thing is remembered at least.
const MEMORY: Duration = Duration::from_hours(24);

/// The times of log lines by what they are about.
#[derive(Debug)]
pub struct LogLimit<K> {
    period: Duration,
    logged: Mutex<BTreeMap<K, Instant>>,
}

impl<K: Ord> LogLimit<K> {
    /// Allows one line for each thing.
    pub fn once() -> Self {
        Self::every(Duration::MAX)
    }

    /// Allows one line for each thing and period.
    pub fn every(period: Duration) -> Self {
        Self {
            period,
            logged: Mutex::default(),
        }
    }

    /// Whether a line about `key` is due; if so, counts it as logged.
    pub(crate) fn is_due(&self, now: Instant, key: K) -> bool {
        // No panic leaves the map half changed.
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let age = |at: Instant| now.saturating_duration_since(at);
        if logged.get(&key).is_some_and(|at| age(*at) < self.period) {
            return false;
        }
        if logged.len() >= MAX_KEYS {
            logged.retain(|_, at| age(*at) < self.period.min(MEMORY));
        }
        let is_due = logged.len() < MAX_KEYS;
        if is_due {
            logged.insert(key, now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{LogLimit, MAX_KEYS, MEMORY};

    #[test]
    fn a_line_is_due_once_a_period_for_each_of_a_bounded_number_of_things() {
        let start = Instant::now();
        let hour = Duration::from_hours(1);
        let limit = LogLimit::every(hour);
        let is_due = |hours: u32, key: usize| limit.is_due(start + hour * hours, key);
        assert!(is_due(0, 1));
        assert!(!is_due(0, 1));
        assert!(is_due(0, 2));
        assert!(is_due(1, 1));
        for key in 2..=MAX_KEYS {
            assert!(is_due(1, key));
        }
        assert!(!is_due(1, MAX_KEYS + 1), "all places are in use");
        assert!(is_due(2, MAX_KEYS + 1), "the others are forgotten");

        let once = LogLimit::once();
        assert!(once.is_due(start, 1));
        assert!(!once.is_due(start + 3 * MEMORY, 1));
    }
}
