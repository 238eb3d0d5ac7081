//! What the loop waits for.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, FuturesUnordered, SelectAll};
use tokio::sync::watch::error::RecvError;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use crate::coordinator::Event;
use crate::demand::DemandWatch;

/// An interval that starts after its first period and does not catch up.
pub(super) fn every(period: Duration) -> Interval {
    let mut interval = interval_at((Instant::now() + period).into(), period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Returns the next event of any update stream. Pending while there is none.
pub(super) async fn next_update(streams: &mut [SelectAll<BoxStream<'static, Event>>]) -> Event {
    let mut all: FuturesUnordered<_> = streams
        .iter_mut()
        .filter(|streams| !streams.is_empty())
        .map(StreamExt::next)
        .collect();
    while let Some(event) = all.next().await {
        if let Some(event) = event {
            return event;
        }
    }
    std::future::pending().await
}

/// Waits for a change of the worker's demand. Pending if the worker takes any work.
///
/// # Errors
///
/// Returns an error once the worker has ended.
pub(super) async fn demand_changes(wanted: Option<&mut DemandWatch>) -> Result<(), RecvError> {
    match wanted {
        Some(wanted) => wanted.demand.changed().await,
        None => std::future::pending().await,
    }
}
