//! Durations counted in buckets, for histograms.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets in milliseconds. One more bucket has no bound.
const BOUNDS_MS: [u64; 18] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000,
    200_000, 500_000,
];

const BUCKETS: usize = BOUNDS_MS.len() + 1;

/// Durations by bucket, and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    counts: [u64; BUCKETS],
    sum: Duration,
}

impl Durations {
    /// Counts a duration.
    pub fn add(&mut self, duration: Duration) {
        self.counts[bucket(duration)] += 1;
        self.sum = self.sum.saturating_add(duration);
    }

    /// Returns the buckets: the upper bound of each and the number of durations in it. The last
    /// bucket has no bound.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = BOUNDS_MS.map(|bound| Some(Duration::from_millis(bound)));
        bounds.into_iter().chain([None]).zip(self.counts)
    }

    /// Returns the number of durations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the sum of the durations.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

/// Durations that many tasks count.
#[derive(Debug, Default)]
pub struct SharedDurations {
    counts: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

impl SharedDurations {
    /// Counts a duration.
    pub(crate) fn add(&self, duration: Duration) {
        self.counts[bucket(duration)].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Returns what was counted so far. Durations counted meanwhile may be missing in the sum.
    pub(crate) fn read(&self) -> Durations {
        Durations {
            counts: std::array::from_fn(|at| self.counts[at].load(Ordering::Relaxed)),
            sum: Duration::from_nanos(self.sum_nanos.load(Ordering::Relaxed)),
        }
    }
}

/// Returns the bucket of a duration: the first whose bound is not below it.
fn bucket(duration: Duration) -> usize {
    let part = duration.subsec_nanos().div_ceil(1_000_000);
    let ms = duration.as_secs().saturating_mul(1000);
    let ms = ms.saturating_add(part.into());
    BOUNDS_MS.partition_point(|bound| *bound < ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_first_bucket_that_holds_it() {
        let shared = SharedDurations::default();
        let mut durations = Durations::default();
        let ms = Duration::from_millis;
        for duration in [ms(0), ms(1), ms(1) + Duration::from_nanos(1), ms(500_001)] {
            durations.add(duration);
            shared.add(duration);
        }
        assert_eq!(shared.read(), durations);
        let filled = durations.buckets().filter(|(_, count)| *count > 0);
        let filled: Vec<_> = filled.collect();
        assert_eq!(filled, [(Some(ms(1)), 2), (Some(ms(2)), 1), (None, 1)]);
        assert_eq!(durations.count(), 4);
        assert_eq!(durations.sum(), ms(500_003) + Duration::from_nanos(1));
    }
}
