//! Reads the statistics of the Stratum server once a second.
//!
//! A task of its own: with thousands of devices a reading takes its time, and no job waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stratum::{Counters, Stats};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::history::Earlier;
use crate::telemetry::Event;
use crate::telemetry::devices::DeviceWatch;
use crate::telemetry::snapshot::Devices;

/// The time of one mean rate.
const HOUR: Duration = Duration::from_hours(1);

/// A reading of the devices, and what changed since the one before.
pub(super) type Observation = (Devices, Vec<Event>);

/// Returns the hash rates of workers in full hours of earlier runs, the earliest first. An hour is
/// full if the worker also hashed in the hours before and after it.
pub(super) fn rates_by_hour(earlier: &Earlier) -> BTreeMap<String, Vec<f64>> {
    let workers = earlier.workers.iter();
    let rates = workers.map(|(name, worker)| {
        let full = worker.hours.windows(3).filter_map(|hours| match hours {
            [(before, _), (_, hashes), (after, _)]
                if after
                    .duration_since(*before)
                    .is_ok_and(|time| time == 2 * HOUR) =>
            {
                Some(hashes / HOUR.as_secs_f64())
            }
            _ => None,
        });
        (name.clone(), full.collect())
    });
    rates.collect()
}

/// Sends an observation at every interval until the receiver is dropped.
pub(super) async fn observe(
    mut watch: DeviceWatch,
    stats: Arc<Stats>,
    counters: Arc<Counters>,
    period: Duration,
    observations: mpsc::Sender<Observation>,
) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let (each, events) = watch.observe(now, stats.snapshot(now));
        let (server, at) = (counters.read(), now);
        let devices = Devices { each, server, at };
        if observations.send((devices, events)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::rates_by_hour;
    use crate::history::{Earlier, EarlierWorker};

    #[test]
    fn hours_at_the_ends_of_a_run_are_not_full() {
        let hour = |hour, rate: f64| (UNIX_EPOCH + Duration::from_hours(hour), 3600.0 * rate);
        let hours = [(4, 1.0), (5, 8.0), (6, 9.0), (7, 2.0), (9, 3.0), (10, 4.0)];
        let worker = EarlierWorker {
            hours: hours.map(|(at, rate)| hour(at, rate)).to_vec(),
            ..EarlierWorker::default()
        };
        let earlier = Earlier {
            workers: [("a".to_owned(), worker)].into(),
            ..Earlier::default()
        };
        let expected = [("a".to_owned(), vec![8.0, 9.0])].into();
        assert_eq!(rates_by_hour(&earlier), expected);
    }
}
