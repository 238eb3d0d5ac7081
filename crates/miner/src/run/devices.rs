//! Reads the statistics of the Stratum server once a second.
//!
//! A task of its own: with thousands of devices a reading takes its time, and no job waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stratum::{Counters, Stats};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::telemetry::Event;
use crate::telemetry::devices::DeviceWatch;
use crate::telemetry::snapshot::Devices;

/// A reading of the devices, and what changed since the one before.
pub(super) type Observation = (Devices, Vec<Event>);

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
