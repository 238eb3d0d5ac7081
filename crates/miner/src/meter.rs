//! How fast the worker hashes: counted where this machine hashes, estimated from shares where
//! devices do. Development workers compute no hashes, and have a rate only if they simulate one.
//!
//! Each counting thread writes a counter on cache lines of its own; readers add them up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stratum::Stats;

use crate::units::HashRate;

/// The longest time that the statistics of devices cover.
const DAY: Duration = Duration::from_hours(24);

/// How the hash rate of a worker is known.
#[derive(Clone, Debug)]
pub enum Meter {
    /// Every hash is counted.
    Counted(Arc<HashMeter>),
    /// Hashes are counted as far as the worker reports them, which it may never do.
    Reported(Arc<HashMeter>),
    /// It is estimated from the shares of devices. Without their statistics shares are blocks, so
    /// the work between blocks is not known.
    Estimated(Option<Arc<Stats>>),
    /// Nothing is hashed, but blocks come at the rate of such a miner.
    Simulated(HashRate),
    /// Nothing is hashed.
    None,
}

/// A hash rate, if there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Of real hashes.
    Hashed(HashRate),
    /// Of simulated hashes.
    Simulated(HashRate),
    /// Blocks do not come from hashing.
    None,
    /// The rate is not known.
    Unknown,
}

impl Rate {
    /// Returns the hashes per second; zero where there is no rate.
    pub fn hashes_per_second(self) -> f64 {
        match self {
            Self::Hashed(rate) | Self::Simulated(rate) => rate.0,
            Self::None | Self::Unknown => 0.0,
        }
    }
}

impl Meter {
    /// Returns what was counted so far; zero where hashes are not counted.
    pub(crate) fn counted(&self) -> Reading {
        match self {
            Self::Counted(meter) | Self::Reported(meter) => meter.read(),
            Self::Estimated(_) | Self::Simulated(_) | Self::None => Reading::default(),
        }
    }

    /// Returns the work done so far; `None` where it is not known, or no hash is known of yet.
    pub(crate) fn spent(&self) -> Option<Spent> {
        match self {
            Self::Counted(meter) | Self::Reported(meter) => {
                let spent = meter.spent();
                (spent.hashes > 0.0).then_some(spent)
            }
            Self::Estimated(stats) => {
                let credit = stats.as_ref()?.credit();
                Some(Spent {
                    hashes: credit.hashes,
                    stale: credit.stale,
                    expected: credit.expected,
                })
            }
            Self::Simulated(_) | Self::None => None,
        }
    }

    /// Returns the rate of `hashes` in `time` where hashes are counted, and `devices` hashes per
    /// second where devices report shares.
    pub(crate) fn rate(&self, hashes: u64, time: Duration, devices: f64) -> Rate {
        match self {
            Self::Reported(meter) if meter.read().hashes == 0 => Rate::Unknown,
            Self::Counted(_) | Self::Reported(_) => Rate::Hashed(HashRate::of(hashes, time)),
            Self::Estimated(None) => Rate::Unknown,
            Self::Estimated(Some(_)) => Rate::Hashed(HashRate(devices)),
            Self::Simulated(rate) => Rate::Simulated(*rate),
            Self::None => Rate::None,
        }
    }
}

/// Returns the sum. `Iterator::sum` of no floats is -0.0, which would be printed as such.
pub(crate) fn total(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |sum, number| sum + number)
}

/// Returns the hashes of all devices over the time of the run, in hashes per second. Each device
/// has its mean rate in the last day and the time since its first connection.
pub(crate) fn mean(devices: impl Iterator<Item = (f64, Duration)>, elapsed: Duration) -> f64 {
    let seconds = |time: Duration| time.min(DAY).as_secs_f64();
    if elapsed.is_zero() {
        0.0
    } else {
        total(devices.map(|(rate, since)| rate * seconds(since))) / seconds(elapsed)
    }
}

/// Counters of all hashing threads.
#[derive(Debug)]
pub struct HashMeter(Box<[ThreadMeter]>);

/// The counters of one thread. The alignment is two cache lines: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ThreadMeter {
    hashes: AtomicU64,
    cpu_nanos: AtomicU64,
    /// The bits of a sum of expected blocks, and of a sum of hashes on outdated jobs.
    expected: AtomicU64,
    stale: AtomicU64,
}

/// The work of the hashes so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spent {
    /// All hashes.
    pub(crate) hashes: f64,
    /// The hashes spent on jobs that were outdated.
    pub(crate) stale: f64,
    /// The expected blocks: all hashes, each over the difficulty of its job.
    pub(crate) expected: f64,
}

/// The sums of the counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Hashes computed.
    pub hashes: u64,
    /// Processor time spent on them, summed over the threads.
    pub cpu_time: Duration,
}

impl HashMeter {
    /// Creates a meter of this number of threads.
    pub fn new(threads: usize) -> Self {
        Self((0..threads).map(|_| ThreadMeter::default()).collect())
    }

    /// Returns the counters of a thread, counted from 0.
    pub(crate) fn thread(&self, index: usize) -> &ThreadMeter {
        &self.0[index]
    }

    /// Returns the sums over all threads.
    pub fn read(&self) -> Reading {
        self.0
            .iter()
            .fold(Reading::default(), |sum, thread| Reading {
                hashes: sum
                    .hashes
                    .saturating_add(thread.hashes.load(Ordering::Relaxed)),
                cpu_time: sum.cpu_time
                    + Duration::from_nanos(thread.cpu_nanos.load(Ordering::Relaxed)),
            })
    }

    /// Returns the work of all threads.
    pub(crate) fn spent(&self) -> Spent {
        let sum = |of: fn(&ThreadMeter) -> &AtomicU64| {
            let bits = self
                .0
                .iter()
                .map(|thread| of(thread).load(Ordering::Relaxed));
            total(bits.map(f64::from_bits))
        };
        let hashes = self.read().hashes as f64;
        Spent {
            hashes,
            // The number of hashes ends at the largest one.
            stale: sum(|thread| &thread.stale).min(hashes),
            expected: sum(|thread| &thread.expected),
        }
    }
}

impl ThreadMeter {
    /// Adds hashes, the blocks expected of them, and how many of them, or of earlier ones, were
    /// spent on outdated jobs. Only the owning thread may call this.
    pub(crate) fn add(&self, hashes: u64, expected: f64, stale: f64) {
        let before = self.hashes.load(Ordering::Relaxed);
        self.hashes
            .store(before.saturating_add(hashes), Ordering::Relaxed);
        for (sum, more) in [(&self.expected, expected), (&self.stale, stale)] {
            let before = f64::from_bits(sum.load(Ordering::Relaxed));
            sum.store((before + more).to_bits(), Ordering::Relaxed);
        }
    }

    /// Sets the processor time used since the calling thread started to hash.
    pub(crate) fn set_cpu_time(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.cpu_nanos.store(nanos, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::iter::empty;
    use std::time::{Duration, Instant};

    use chainweb::Difficulty;
    use stratum::{Freshness, Stats, WorkerName};

    use super::*;
    use crate::telemetry::devices::DeviceWatch;
    use crate::telemetry::snapshot::Device;

    fn estimated() -> Meter {
        Meter::Estimated(Some(Arc::new(Stats::new(1))))
    }

    /// Returns the present rate and the mean rate of a run, in hashes per second.
    fn rates(stats: &Stats, now: Instant, elapsed: Duration) -> (f64, f64) {
        assert_eq!(estimated().counted(), Reading::default());
        let (devices, _) = DeviceWatch::default().observe(now, stats.snapshot(now));
        let present = total(devices.iter().filter_map(Device::hash_rate));
        let mean = mean(devices.iter().filter_map(Device::day_rate), elapsed);
        let rates = [present, mean].map(|rate| estimated().rate(0, elapsed, rate));
        let [present, mean] = rates.map(|rate| rate.hashes_per_second().round());
        (present, mean)
    }

    #[test]
    fn disconnected_devices_count_in_the_mean_rate_only() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let stats = Stats::new(10);
        assert_eq!(rates(&stats, start, Duration::ZERO), (0.0, 0.0));
        let present = estimated().rate(0, Duration::ZERO, total(empty()));
        assert_eq!(format!("{present:?}"), "Hashed(HashRate(0.0))");
        let open = |user: &[u8], seconds| stats.open(at(seconds), &WorkerName::of_user(user));
        let share = |worker: &stratum::WorkerSession, seconds| {
            let worth = Difficulty::from_u128(60_000);
            worker.accepted(at(seconds), worth, worth, worth, Freshness::Current);
        };
        // One device sends a share a minute, the other a single one in the first minute.
        let (steady, leaving) = (open(b"k.steady", 0), open(b"k.leaving", 0));
        share(&leaving, 1);
        for minute in 0..10 {
            share(&steady, 60 * minute + 1);
        }
        let run = Duration::from_mins(10);
        assert_eq!(rates(&stats, at(600), run), (1100.0, 1100.0));
        drop(leaving);
        assert_eq!(rates(&stats, at(600), run), (1000.0, 1100.0));
        // The first device connected ten minutes after the start.
        assert_eq!(rates(&stats, at(600), 2 * run), (1000.0, 550.0));
    }

    #[test]
    fn workers_that_do_not_hash_have_a_simulated_rate_or_none() {
        let time = Duration::from_secs(10);
        let rate = |meter: &Meter| {
            assert_eq!(meter.counted(), Reading::default());
            meter.rate(1000, time, 500.0)
        };
        let simulated = rate(&Meter::Simulated(HashRate(2.5e6)));
        assert_eq!(simulated, Rate::Simulated(HashRate(2.5e6)));
        assert_eq!(rate(&Meter::None), Rate::None);
        // Where all shares are blocks.
        assert_eq!(rate(&Meter::Estimated(None)), Rate::Unknown);
    }

    #[test]
    fn rate_of_a_worker_that_may_report_hashes_is_unknown_until_it_does() {
        let hashes = Arc::new(HashMeter::new(1));
        let meter = Meter::Reported(Arc::clone(&hashes));
        let time = Duration::from_secs(10);
        assert_eq!(meter.rate(0, time, 0.0), Rate::Unknown);
        hashes.thread(0).add(50, 0.5, 0.0);
        assert_eq!(meter.rate(50, time, 0.0), Rate::Hashed(HashRate(5.0)));
        assert_eq!(meter.rate(0, time, 0.0), Rate::Hashed(HashRate(0.0)));
    }

    #[test]
    fn absurd_numbers_of_hashes_do_not_start_the_counters_again() {
        let meter = HashMeter::new(2);
        let mut before = meter.spent();
        for hashes in [5, u64::MAX, 7, u64::MAX] {
            for thread in [0, 1] {
                meter.thread(thread).add(hashes, 0.5, hashes as f64);
                let spent = meter.spent();
                assert!(spent.hashes >= before.hashes && spent.stale <= spent.hashes);
                before = spent;
            }
        }
        assert_eq!(meter.read().hashes, u64::MAX);
    }
}
