//! Hash rates over the last 15 minutes, hour and day, in a fixed amount of memory.
//!
//! Each window is a ring of buckets. The oldest bucket counts in proportion to its overlap with the
//! window, so rates decline smoothly when shares stop. Until a window has passed once, the time
//! since the start takes its place.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use crate::stats::snapshot::HashRates;

/// The shortest time, in seconds, over which hashes are averaged: a share in the first instant is
/// not infinite speed.
const MIN_AGE: f64 = 5.0;

/// The resolution in seconds, of which all bucket widths are multiples.
const GRAIN: u64 = 5;

/// The hashes of a worker over time.
#[derive(Debug)]
pub(super) struct Rates {
    start: Instant,
    /// The number of the latest grain, from the start.
    grain: u64,
    /// The hashes of the latest grain. Added to the rings once the next one starts: most shares
    /// touch no more than this.
    hashes: f64,
    /// The hashes of the grains before; `None` if there are none.
    rings: Option<Box<Rings>>,
}

#[derive(Clone, Debug)]
struct Rings {
    quarter_hour: Ring<15>,
    hour: Ring<12>,
    day: Ring<24>,
}

impl Rates {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            grain: 0,
            hashes: 0.0,
            rings: None,
        }
    }

    /// Adds the expected number of hashes of a share.
    pub(super) fn add(&mut self, now: Instant, hashes: f64) {
        let grain = now.saturating_duration_since(self.start).as_secs() / GRAIN;
        if grain > self.grain {
            let mut rings = self.rings.take().unwrap_or_default();
            rings.add(self.grain, self.hashes);
            self.rings = Some(rings);
            self.grain = grain;
            self.hashes = 0.0;
        }
        self.hashes += hashes;
    }

    pub(super) fn read(&self, now: Instant) -> HashRates {
        let at = now.saturating_duration_since(self.start);
        let mut rings = self.rings.as_deref().cloned().unwrap_or_default();
        rings.add(self.grain, self.hashes);
        HashRates {
            quarter_hour: rings.quarter_hour.rate(at),
            hour: rings.hour.rate(at),
            day: rings.day.rate(at),
        }
    }
}

impl Rings {
    fn add(&mut self, grain: u64, hashes: f64) {
        let at = Duration::from_secs(GRAIN * grain);
        self.quarter_hour.add(at, hashes);
        self.hour.add(at, hashes);
        self.day.add(at, hashes);
    }
}

impl Default for Rings {
    fn default() -> Self {
        Self {
            quarter_hour: Ring::new(Duration::from_mins(1)),
            hour: Ring::new(Duration::from_mins(5)),
            day: Ring::new(Duration::from_hours(1)),
        }
    }
}

/// The hashes of the last `N` finished buckets of one width, and of the current one.
#[derive(Clone, Debug)]
struct Ring<const N: usize> {
    /// Seconds.
    width: f64,
    /// The number of the current bucket, from the start.
    current: u64,
    hashes: f64,
    /// The hashes of finished buckets: bucket `n` is at index `n` modulo `N`.
    finished: [f64; N],
}

impl<const N: usize> Ring<N> {
    fn new(width: Duration) -> Self {
        Self {
            width: width.as_secs_f64(),
            current: 0,
            hashes: 0.0,
            finished: [0.0; N],
        }
    }

    /// Returns the number of the bucket at this time, and the part of it that has passed.
    fn bucket(&self, at: Duration) -> (u64, f64) {
        let buckets = at.as_secs_f64() / self.width;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time is not negative, and casts saturate"
        )]
        let number = buckets as u64;
        (number, buckets.fract())
    }

    fn slot(number: u64) -> usize {
        usize::try_from(number % N as u64).expect("less than N")
    }

    fn add(&mut self, at: Duration, hashes: f64) {
        let (number, _) = self.bucket(at);
        if number > self.current {
            self.finished[Self::slot(self.current)] = self.hashes;
            // Clears the buckets without shares; more than N would clear some twice.
            let empty = self.current + 1..number;
            for skipped in empty.take(N) {
                self.finished[Self::slot(skipped)] = 0.0;
            }
            self.current = number;
            self.hashes = 0.0;
        }
        self.hashes += hashes;
    }

    /// Returns the hashes of a bucket at most `N` before the current one.
    fn hashes(&self, number: u64) -> f64 {
        match number.cmp(&self.current) {
            Ordering::Less => self.finished[Self::slot(number)],
            Ordering::Equal => self.hashes,
            Ordering::Greater => 0.0,
        }
    }

    fn rate(&self, at: Duration) -> f64 {
        let (number, passed) = self.bucket(at);
        // Clamps to the latest share.
        let (number, passed) = if number < self.current {
            (self.current, 0.0)
        } else {
            (number, passed)
        };
        let bucket = |back: usize| {
            let number = number.checked_sub(back as u64);
            number.map_or(0.0, |number| self.hashes(number))
        };
        let hashes = (0..N).map(bucket).sum::<f64>() + bucket(N) * (1.0 - passed);
        let age = (number as f64 + passed) * self.width;
        hashes / age.clamp(MIN_AGE, N as f64 * self.width)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::Rates;
    use crate::stats::snapshot::HashRates;

    fn list(rates: HashRates) -> [f64; 3] {
        [rates.quarter_hour, rates.hour, rates.day]
    }

    const HALF: Duration = Duration::from_millis(500);
    const WINDOWS: [f64; 3] = [900.0, 3600.0, 86_400.0];

    #[track_caller]
    fn check(rates: &Rates, now: Instant, expected: [f64; 3]) {
        for (rate, expected) in list(rates.read(now)).into_iter().zip(expected) {
            assert!(
                (rate - expected).abs() <= 0.011 * expected.max(0.1),
                "{rate} {expected}"
            );
        }
    }

    #[test]
    fn each_window_declines_at_its_own_pace() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut rates = Rates::new(start);
        check(&rates, at(0), [0.0; 3]);
        check(&rates, at(1000), [0.0; 3]);
        let day = 86_400;
        for second in 0..day {
            rates.add(at(second) + HALF, 100.0);
        }
        check(&rates, at(day), [100.0; 3]);
        check(&rates, at(day + 30), [96.7, 99.2, 100.0]);
        check(&rates, at(day + 60), [93.3, 98.3, 99.9]);
        check(&rates, at(day + 450), [50.0, 87.5, 99.5]);
        check(&rates, at(day + 900), [0.0, 75.0, 99.0]);
        check(&rates, at(day + 3600), [0.0, 0.0, 95.8]);
        check(&rates, at(day + day / 2), [0.0, 0.0, 50.0]);
        assert_eq!(rates.read(at(2 * day)), HashRates::default());
        assert_eq!(rates.read(at(200 * day)), HashRates::default());
        // After a pause longer than all windows no hashes of before are left.
        rates.add(at(9 * day), 6000.0);
        let back = [6000.0 / 900.0, 6000.0 / 3600.0, 6000.0 / 86_400.0];
        check(&rates, at(9 * day), back);
    }

    #[test]
    fn a_share_in_the_first_instant_is_averaged_over_five_seconds() {
        let start = Instant::now();
        let mut rates = Rates::new(start);
        rates.add(start, 100.0);
        check(&rates, start, [20.0; 3]);
    }

    #[test]
    fn a_time_before_the_latest_share_counts_as_that_of_the_share() {
        let start = Instant::now();
        let mut rates = Rates::new(start);
        let hour = Duration::from_hours(1);
        rates.add(start + hour, 3600.0);
        rates.add(start, 3600.0);
        check(&rates, start, [8.0, 2.0, 2.0]);
    }

    #[test]
    fn a_pause_within_a_window_lowers_the_rate() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut rates = Rates::new(start);
        for second in (0..1800).chain(5400..7200) {
            rates.add(at(second) + HALF, 100.0);
        }
        check(&rates, at(7200), [100.0, 50.0, 50.0]);
    }

    proptest! {
        #[test]
        fn a_constant_stream_has_its_rate_in_every_window_at_any_age(
            rate in 1e3..1e20_f64, gap_ms in 50_u64..10_000, minutes in 2_u64..4000
        ) {
            let gap = Duration::from_millis(gap_ms.max(minutes * 2));
            let end = Duration::from_mins(minutes);
            let start = Instant::now();
            let mut rates = Rates::new(start);
            let mut at = gap / 2;
            while at < end {
                rates.add(start + at, rate * gap.as_secs_f64());
                at += gap;
            }
            for (measured, window) in list(rates.read(start + end)).into_iter().zip(WINDOWS) {
                // One share more or less in the window, and one in the partial bucket.
                let grain = 1.5 * gap.as_secs_f64() / window.min(end.as_secs_f64());
                prop_assert!((measured / rate - 1.0).abs() < 1e-3 + grain, "{} in {window}", measured / rate);
            }
        }
    }
}
