//! Sums of an amount over the last minute, 15 minutes, hour, day and week, in a fixed amount of
//! memory.
//!
//! The amount is one of hashes or of expected blocks. Each window is a ring of buckets. The oldest
//! bucket counts in proportion to its overlap with the window, so rates decline smoothly when
//! hashing stops.

use std::time::{Duration, Instant};

/// The number of buckets in a window.
const BUCKETS: u32 = 12;

/// The shortest time over which a rate is taken: the work of the first instant is not infinite
/// speed.
const LEAST: Duration = Duration::from_secs(5);

/// A time that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    /// 1 minute.
    Minute,
    /// 15 minutes.
    QuarterHour,
    /// 1 hour.
    Hour,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
}

impl Window {
    /// All windows, the shortest first.
    pub const ALL: [Self; 5] = [
        Self::Minute,
        Self::QuarterHour,
        Self::Hour,
        Self::Day,
        Self::Week,
    ];

    /// Returns the length of the window.
    pub const fn length(self) -> Duration {
        match self {
            Self::Minute => Duration::from_mins(1),
            Self::QuarterHour => Duration::from_mins(15),
            Self::Hour => Duration::from_hours(1),
            Self::Day => Duration::from_hours(24),
            Self::Week => Duration::from_hours(7 * 24),
        }
    }

    /// Returns the number of the bucket at a time since the start, and the part of it that has
    /// passed.
    fn bucket(self, at: Duration) -> (u64, f64) {
        let width = self.length() / BUCKETS;
        let number = at.as_secs() / width.as_secs();
        let passed = at.as_secs_f64() / width.as_secs_f64() - number as f64;
        (number, passed.clamp(0.0, 1.0))
    }
}

/// The sums of an amount, such as hashes, over all windows, in 600 bytes.
#[derive(Clone, Debug)]
pub struct Windows {
    start: Instant,
    /// The time before the start that the day and the week know.
    before: Duration,
    rings: [Ring; Window::ALL.len()],
}

/// Amounts per second over each window, in the order of [`Window::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates(pub [f64; Window::ALL.len()]);

impl Rates {
    /// Returns the amount per second over a window, or over the time since the start if that is
    /// shorter.
    pub const fn over(&self, window: Window) -> f64 {
        self.0[window as usize]
    }
}

impl Windows {
    /// Creates windows without amounts. All time from `start` on counts, also that without a
    /// connection.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            before: Duration::ZERO,
            rings: Default::default(),
        }
    }

    /// Adds the amounts of earlier hours, each with its start, the earliest first. Before any other
    /// amount. They count in the day and the week: an hour is too long for the others.
    pub fn resume(&mut self, hours: &[(Instant, f64)]) {
        let Some((first, _)) = hours.first() else {
            return;
        };
        self.before = self.start.saturating_duration_since(*first);
        for (at, amount) in hours {
            let at = at.saturating_duration_since(*first);
            for window in [Window::Day, Window::Week] {
                self.rings[window as usize].add(window.bucket(at), *amount);
            }
        }
    }

    /// Returns the time that a window knows.
    fn known(&self, now: Instant, window: Window) -> Duration {
        let time = now.saturating_duration_since(self.start);
        match window {
            Window::Day | Window::Week => time + self.before,
            _ => time,
        }
    }

    /// Adds an amount. A time before that of an earlier call counts as that one.
    pub fn add(&mut self, now: Instant, amount: f64) {
        for window in Window::ALL {
            let at = self.known(now, window);
            self.rings[window as usize].add(window.bucket(at), amount);
        }
    }

    /// Returns the amount in a window, up to the part of a bucket: a twelfth of the window.
    pub fn sum(&self, now: Instant, window: Window) -> f64 {
        self.rings[window as usize].sum(window.bucket(self.known(now, window)))
    }

    /// Returns the amounts per second.
    pub fn rates(&self, now: Instant) -> Rates {
        Rates(Window::ALL.map(|window| {
            let time = self.known(now, window).clamp(LEAST, window.length());
            self.sum(now, window) / time.as_secs_f64()
        }))
    }
}

/// The amounts of the latest buckets of one width: one in progress, and those before it.
#[derive(Clone, Debug, Default)]
struct Ring {
    /// The number of the latest bucket.
    latest: u64,
    /// Bucket `n` is at index `n` modulo their number.
    amounts: [f64; BUCKETS as usize + 1],
}

impl Ring {
    fn slot(number: u64) -> usize {
        usize::try_from(number % (u64::from(BUCKETS) + 1)).expect("at most BUCKETS")
    }

    fn add(&mut self, (number, _): (u64, f64), amount: f64) {
        if number > self.latest {
            // Clears the buckets without an amount; more than all would clear some twice.
            for skipped in (self.latest + 1..=number).take(BUCKETS as usize + 1) {
                self.amounts[Self::slot(skipped)] = 0.0;
            }
            self.latest = number;
        }
        self.amounts[Self::slot(self.latest)] += amount;
    }

    fn sum(&self, (number, passed): (u64, f64)) -> f64 {
        let (number, passed) = if number < self.latest {
            (self.latest, 0.0)
        } else {
            (number, passed)
        };
        let oldest = number.saturating_sub(u64::from(BUCKETS));
        // Buckets later than the latest have no amount.
        (oldest..=self.latest)
            .map(|bucket| {
                let weight = if bucket + u64::from(BUCKETS) == number {
                    1.0 - passed
                } else {
                    1.0
                };
                self.amounts[Self::slot(bucket)] * weight
            })
            .fold(0.0, |sum, amount| sum + amount)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::{BUCKETS, Rates, Window, Windows};

    #[track_caller]
    fn check(rates: Rates, expected: [f64; 5]) {
        for (window, expected) in Window::ALL.into_iter().zip(expected) {
            let rate = rates.over(window);
            assert!(
                (rate - expected).abs() <= 1e-3 * expected,
                "{rate} instead of {expected} over {window:?}"
            );
        }
    }

    #[track_caller]
    fn assert_sum(windows: &Windows, now: Instant, window: Window, expected: f64) {
        let sum = windows.sum(now, window);
        assert!((sum - expected).abs() < 1e-9, "{sum} in {window:?}");
    }

    /// Windows with 100 in each half second, offset by a quarter, until this number of seconds.
    fn steady(start: Instant, seconds: u64) -> Windows {
        let mut windows = Windows::new(start);
        for half in 0..2 * seconds {
            windows.add(start + Duration::from_millis(500 * half + 250), 100.0);
        }
        windows
    }

    #[test]
    fn each_window_declines_at_its_own_pace() {
        let start = Instant::now();
        let day = 86_400;
        let at = |seconds| start + Duration::from_secs(day + seconds);
        let windows = steady(start, day);
        // The week divides by the time since the start.
        let rates = |seconds| windows.rates(at(seconds));
        check(rates(0), [200.0; 5]);
        check(rates(30), [100.0, 193.33, 198.33, 199.93, 199.93]);
        check(rates(450), [0.0, 100.0, 175.0, 198.96, 198.96]);
        check(rates(1800), [0.0, 0.0, 100.0, 195.83, 195.92]);
        check(rates(12 * 3600), [0.0, 0.0, 0.0, 100.0, 133.33]);
        check(rates(6 * day), [0.0, 0.0, 0.0, 0.0, 28.57]);
        // The last bucket with hashes has left the week.
        check(rates(8 * day), [0.0; 5]);
        check(rates(100_000 * day), [0.0; 5]);
    }

    #[test]
    fn nothing_of_before_a_pause_of_all_windows_is_left_after_it() {
        let start = Instant::now();
        let mut windows = steady(start, 10_000);
        let later = start + Duration::from_hours(20 * 24);
        windows.add(later, 6.0);
        for window in Window::ALL {
            assert_sum(&windows, later, window, 6.0);
        }
        let lengths = Window::ALL.map(|window| window.length().as_secs_f64());
        check(windows.rates(later), lengths.map(|length| 6.0 / length));
    }

    #[test]
    fn the_day_and_the_week_go_on_from_earlier_hours() {
        let first = Instant::now();
        let hour = |number| first + Duration::from_hours(number);
        let hours: Vec<_> = (0..40).map(|number| (hour(number), 3600.0)).collect();
        let mut windows = Windows::new(hour(50));
        windows.resume(&hours);
        check(windows.rates(hour(50)), [0.0, 0.0, 0.0, 14.0 / 24.0, 0.8]);
        windows.add(hour(51), 7200.0);
        let of_day = 15.0 / 24.0;
        check(
            windows.rates(hour(51)),
            [120.0, 8.0, 2.0, of_day, 42.0 / 51.0],
        );
    }

    #[test]
    fn time_without_hashes_since_the_start_counts() {
        let start = Instant::now();
        let mut windows = Windows::new(start);
        check(windows.rates(start), [0.0; 5]);
        let late = start + Duration::from_mins(10);
        windows.add(late, 600.0);
        check(windows.rates(late), [10.0, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn an_amount_in_the_first_instant_is_averaged_over_five_seconds() {
        let start = Instant::now();
        let mut windows = Windows::new(start);
        windows.add(start, 100.0);
        check(windows.rates(start), [20.0; 5]);
    }

    #[test]
    fn a_time_before_the_latest_amount_counts_as_that_of_the_amount() {
        let start = Instant::now();
        let mut windows = Windows::new(start);
        windows.add(start + Duration::from_hours(1), 1.0);
        windows.add(start, 2.0);
        assert_sum(&windows, start, Window::Minute, 3.0);
    }

    #[test]
    fn a_device_takes_less_than_a_kilobyte() {
        assert!(size_of::<Windows>() <= 600, "{}", size_of::<Windows>());
    }

    proptest! {
        #[test]
        fn a_sum_is_that_of_all_amounts_of_its_time_within_a_bucket(
            amounts in prop::collection::vec((0_u64..100_000, 0_u32..1000), 1..200),
            unit_ms in 1_u64..20_000,
            after_ms in 0_u64..10_000_000,
        ) {
            let start = Instant::now();
            let mut windows = Windows::new(start);
            let mut at = Duration::ZERO;
            let mut all = Vec::new();
            for (gap, amount) in amounts {
                // Mostly short gaps, and some longer than a week.
                at += Duration::from_millis(unit_ms * (gap * gap / 1_000_000));
                windows.add(start + at, amount.into());
                all.push((at, f64::from(amount)));
            }
            let end = at + Duration::from_millis(after_ms);
            for window in Window::ALL {
                let sum = windows.sum(start + end, window);
                let length = window.length();
                let within = |age: Duration| -> f64 {
                    let young = all.iter().filter(|(at, _)| end.saturating_sub(*at) <= age);
                    young.map(|(_, amount)| amount).sum()
                };
                let least = within(length * (BUCKETS - 1) / BUCKETS);
                let most = within(length * (BUCKETS + 1) / BUCKETS);
                prop_assert!(
                    least - 1e-6 <= sum && sum <= most + 1e-6,
                    "{least} <= {sum} <= {most} over {window:?}"
                );
            }
        }
    }
}
