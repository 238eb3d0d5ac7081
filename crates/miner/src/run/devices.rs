//! Reads the statistics of the Stratum server once a second.
//!
//! A task of its own: with thousands of devices a reading takes its time, and no job waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stratum::{Counters, Stats};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::history::Earlier;
use crate::telemetry::Event;
use crate::telemetry::devices::DeviceWatch;
use crate::telemetry::snapshot::Devices;

/// The time of one mean rate.
const HOUR: Duration = Duration::from_hours(1);

/// Observations that wait for the engine. One is enough: a new one comes every second.
const QUEUED: usize = 1;

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

/// Observes the devices, if there are any.
pub(super) struct Observer {
    observations: mpsc::Receiver<Observation>,
    task: JoinSet<Devices>,
}

impl Observer {
    /// Starts to observe the devices of a server at every interval.
    pub(super) fn start(
        server: Option<(DeviceWatch, Arc<Stats>, Arc<Counters>)>,
        period: Duration,
    ) -> Self {
        let (sender, observations) = mpsc::channel(QUEUED);
        let mut task = JoinSet::new();
        if let Some((watch, stats, counters)) = server {
            task.spawn(observe(watch, stats, counters, period, sender));
        }
        Self { observations, task }
    }

    /// Returns the next observation; `None` without devices.
    pub(super) async fn next(&mut self) -> Option<Observation> {
        self.observations.recv().await
    }

    /// Returns a last observation; `None` without devices.
    pub(super) async fn end(mut self) -> Option<Devices> {
        self.observations.close();
        self.task.join_next().await?.ok()
    }
}

/// Sends an observation at every interval. Returns the last one once the receiver is closed.
async fn observe(
    mut watch: DeviceWatch,
    stats: Arc<Stats>,
    counters: Arc<Counters>,
    period: Duration,
    observations: mpsc::Sender<Observation>,
) -> Devices {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_last = tokio::select! {
            _ = ticks.tick() => false,
            () = observations.closed() => true,
        };
        let now = Instant::now();
        let (each, events) = watch.observe(now, stats.each(now));
        let (server, at) = (counters.read(), now);
        let devices = Devices { each, server, at };
        if is_last {
            return devices;
        }
        // An error: the receiver was closed meanwhile.
        observations.send((devices, events)).await.ok();
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
