//! How much is hashed: counted where this machine hashes, estimated by their shares where devices do. Development workers
//! hash nothing, and have a rate only if they simulate one.
//!
//! Counting threads do not get in each other's way: every thread writes a place of its own, which lies on cache lines
//! of its own; readers add them up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stratum::{Stats, WorkerSnapshot};

use crate::units::HashRate;

/// The longest time that the statistics of devices look back.
const DAY: Duration = Duration::from_hours(24);

/// What tells how much a worker hashes.
#[derive(Clone, Debug)]
pub enum Meter {
    /// Every hash is counted.
    Counted(Arc<HashMeter>),
    /// Shares of devices prove hashes, on the average.
    Estimated(Arc<Stats>),
    /// Nothing is hashed, but blocks come as if it were, at this rate.
    Simulated(HashRate),
    /// Nothing is hashed.
    None,
    /// Somebody hashes and does not tell how much.
    Unknown,
}

/// A hash rate, if there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Of hashes that were computed.
    Hashed(HashRate),
    /// Of hashes that nobody computes.
    Simulated(HashRate),
    /// Blocks do not come from hashing.
    None,
    /// Nobody tells it.
    Unknown,
}

impl Rate {
    /// Hashes per second; zero where there is no rate.
    pub fn hashes_per_second(self) -> f64 {
        match self {
            Self::Hashed(rate) | Self::Simulated(rate) => rate.0,
            Self::None | Self::Unknown => 0.0,
        }
    }

    /// As a field of the log, which is left out where there is no rate.
    pub(crate) fn field(self) -> Option<String> {
        match self {
            Self::Hashed(rate) => Some(rate.to_string()),
            Self::Simulated(rate) => Some(format!("{rate} (simulated)")),
            Self::None => None,
            Self::Unknown => Some("unknown".to_owned()),
        }
    }
}

impl Meter {
    /// What was counted so far; nothing where hashes are not counted.
    pub fn counted(&self) -> Reading {
        match self {
            Self::Counted(meter) => meter.read(),
            Self::Estimated(_) | Self::Simulated(_) | Self::None | Self::Unknown => {
                Reading::default()
            }
        }
    }

    /// The rate at present: since the reading `before`, that much time ago, or of all devices that are connected by their
    /// shares of the last 15 minutes.
    pub fn present_rate(&self, now: Instant, before: Reading, time: Duration) -> Rate {
        match self {
            Self::Counted(meter) => {
                let hashes = meter.read().hashes.wrapping_sub(before.hashes);
                Rate::Hashed(HashRate::of(hashes, time))
            }
            Self::Estimated(stats) => Rate::Hashed(HashRate(present(&stats.snapshot(now)))),
            Self::Simulated(rate) => Rate::Simulated(*rate),
            Self::None => Rate::None,
            Self::Unknown => Rate::Unknown,
        }
    }

    /// The mean rate of a run that began `elapsed` ago; with devices over its last day.
    pub fn mean_rate(&self, now: Instant, elapsed: Duration) -> Rate {
        match self {
            Self::Counted(meter) => Rate::Hashed(HashRate::of(meter.read().hashes, elapsed)),
            Self::Estimated(stats) => Rate::Hashed(HashRate(mean(&stats.snapshot(now), elapsed))),
            Self::Simulated(rate) => Rate::Simulated(*rate),
            Self::None => Rate::None,
            Self::Unknown => Rate::Unknown,
        }
    }
}

/// A worker that has left hashes no more, whatever its last minutes were like.
fn present(workers: &[WorkerSnapshot]) -> f64 {
    let connected = workers.iter().filter(|worker| worker.sessions > 0);
    total(connected.map(|worker| worker.rates.quarter_hour))
}

/// The sum of nothing by `sum` is a negative zero, and would be written as one.
fn total(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |sum, number| sum + number)
}

/// The work of each worker, which is its rate times the time that it has been known, over the time of the run.
fn mean(workers: &[WorkerSnapshot], elapsed: Duration) -> f64 {
    let seconds = |time: Duration| time.min(DAY).as_secs_f64();
    let work = total(
        workers
            .iter()
            .map(|worker| worker.rates.day * seconds(worker.since)),
    );
    if elapsed.is_zero() {
        0.0
    } else {
        work / seconds(elapsed)
    }
}

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

#[cfg(test)]
mod tests {
    use chainweb::Difficulty;
    use stratum::{Freshness, WorkerName};

    use super::*;

    /// The present rate and the mean rate of a run, in hashes per second.
    fn rates(stats: &Arc<Stats>, now: Instant, elapsed: Duration) -> (f64, f64) {
        let meter = Meter::Estimated(Arc::clone(stats));
        assert_eq!(meter.counted(), Reading::default());
        let present = meter.present_rate(now, Reading::default(), elapsed);
        let mean = meter.mean_rate(now, elapsed);
        (
            present.hashes_per_second().round(),
            mean.hashes_per_second().round(),
        )
    }

    #[test]
    fn the_present_rate_is_that_of_connected_devices_and_the_mean_that_of_all() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let stats = Arc::new(Stats::new(10));
        assert_eq!(rates(&stats, begun, Duration::ZERO), (0.0, 0.0));
        let nobody = Meter::Estimated(Arc::clone(&stats));
        let rate = nobody.present_rate(begun, Reading::default(), Duration::ZERO);
        assert_eq!(rate.field().as_deref(), Some("0.00 H/s"));
        let open = |user: &[u8], seconds| stats.open(at(seconds), &WorkerName::of_user(user));
        let share = |worker: &stratum::WorkerSession, seconds| {
            let worth = Difficulty::from_u128(60_000);
            worker.accepted(at(seconds), worth, worth, Freshness::Current);
        };
        // A share a minute from one of them, and one in the first minute from the other.
        let (steady, leaving) = (open(b"k.steady", 0), open(b"k.leaving", 0));
        share(&leaving, 1);
        for minute in 0..10 {
            share(&steady, 60 * minute + 1);
        }
        let run = Duration::from_mins(10);
        assert_eq!(rates(&stats, at(600), run), (1100.0, 1100.0));
        drop(leaving);
        assert_eq!(rates(&stats, at(600), run), (1000.0, 1100.0));
        // Nobody hashed for ten minutes before the first one came.
        assert_eq!(rates(&stats, at(600), 2 * run), (1000.0, 550.0));
    }

    #[test]
    fn a_rate_that_nobody_hashes_at_is_told_as_such_and_none_is_not_told() {
        let (now, time) = (Instant::now(), Duration::from_secs(10));
        let told = |meter: &Meter| {
            assert_eq!(meter.counted(), Reading::default());
            let present = meter.present_rate(now, Reading::default(), time);
            assert_eq!(meter.mean_rate(now, time), present);
            (present.field(), present.hashes_per_second())
        };
        let simulated = told(&Meter::Simulated(HashRate(2.5e6)));
        assert_eq!(simulated, (Some("2.50 MH/s (simulated)".into()), 2.5e6));
        assert_eq!(told(&Meter::None), (None, 0.0));
    }
}
