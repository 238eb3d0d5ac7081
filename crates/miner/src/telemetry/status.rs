//! The status line, and the line of totals at the end.

use tracing::{debug, info};

use super::snapshot::{DeviceState, Snapshot};
use crate::meter::Rate;

/// The log target of the status line. The totals at the end have the default one.
pub const TARGET: &str = "miner::status";

/// Returns the rate of real hashes and that of simulated ones. JSON has no NaN: it becomes null.
fn rates(rate: Rate) -> (f64, f64) {
    match rate {
        Rate::Hashed(rate) => (rate.0, f64::NAN),
        Rate::Simulated(rate) => (f64::NAN, rate.0),
        Rate::None | Rate::Unknown => (f64::NAN, f64::NAN),
    }
}

/// Logs the rate and the blocks, with further fields.
macro_rules! totals {
    ($target:expr, $snapshot:ident, $rate:expr, $event:literal, $message:expr, $($field:ident = $value:expr),*) => {{
        let (counters, work) = (&$snapshot.counters, &$snapshot.work);
        let (hash_rate, simulated_hash_rate) = rates($rate);
        info!(
            target: $target,
            event = $event,
            hash_rate,
            simulated_hash_rate,
            blocks = counters.blocks.accepted,
            effort_percent = work.effort_since_found.map_or(f64::NAN, |effort| 100.0 * effort),
            blocks_pending = counters.blocks.pending,
            blocks_displaced = counters.blocks.displaced,
            blocks_orphaned = counters.blocks.orphaned,
            blocks_unknown = counters.blocks.unknown,
            blocks_stale = counters.solutions_stale,
            blocks_rejected = counters.solutions_rejected,
            $($field = $value,)*
            "{}", $message
        );
    }};
}

/// Logs the status line.
pub(super) fn log(snapshot: &Snapshot) {
    let present = snapshot.hashing.present;
    let has_devices = snapshot.devices.as_ref().is_some_and(|devices| {
        let mut states = devices.each.iter().map(|device| device.state);
        states.any(|state| state != DeviceState::Disconnected)
    });
    let is_idle = match present {
        Rate::Hashed(rate) => rate.0 <= 0.0 && !has_devices,
        // All shares are blocks.
        Rate::Unknown => snapshot.devices.is_some() && !has_devices,
        Rate::Simulated(_) | Rate::None => false,
    };
    let message = match snapshot.jobs.iter().next() {
        None => "status: no work",
        Some(_) if is_idle => "status: nothing is hashing",
        Some(_) => "status",
    };
    let odds = snapshot.odds();
    let latency = snapshot.nodes.iter().find_map(|node| node.latency);
    totals!(
        TARGET,
        snapshot,
        present,
        "status",
        message,
        expected_seconds = odds.map_or(f64::NAN, |odds| odds.mean_time().as_secs_f64()),
        node_latency_seconds = latency.map_or(f64::NAN, |latency| latency.as_secs_f64())
    );
}

/// Logs the totals of a run that ended.
pub(super) fn log_end(snapshot: &Snapshot) {
    let mean = snapshot.hashing.mean;
    let elapsed = snapshot.elapsed.as_secs_f64();
    totals!(
        module_path!(),
        snapshot,
        mean,
        "stopped",
        "stopped",
        expected_blocks = snapshot.work.expected.unwrap_or(f64::NAN),
        after_seconds = elapsed
    );
    let refreshes = &snapshot.counters.refreshes;
    debug!(
        event = "refreshes",
        received = refreshes.received,
        fetches = refreshes.fetches,
        preempted = refreshes.preempted,
        identical = refreshes.identical,
        skipped = refreshes.skipped,
        pending = refreshes.pending,
        outdated_seconds = refreshes.outdated.as_secs_f64(),
        "payload refreshes"
    );
}
