//! Reports to the service manager that started the program, as `systemd` with `Type=notify` wants
//! it: when the program is ready, what it does, and that the engine is alive.
//!
//! Without the variable `NOTIFY_SOCKET` nothing is sent.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::{env, fs};

use miner::meter::Rate;
use miner::telemetry::Snapshot;
use sd_notify::NotifyState::{Ready, Status, Stopping, Watchdog};
use sd_notify::{NotifyState, watchdog_enabled};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Reports that all settings are good and all ports listen, then the state of the engine at each
/// snapshot, until `stop` is cancelled. The watchdog is fed by snapshots: if the engine hangs, the
/// service manager restarts the program.
pub(crate) async fn report(
    mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    stop: CancellationToken,
) {
    if env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let is_watched = watchdog_enabled().is_some();
    let mut states = vec![Ready];
    let mut last = String::new();
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        let text = snapshot.map_or_else(|| "connecting".to_owned(), |it| text(&it));
        if is_watched {
            states.push(Watchdog);
        }
        if text != last {
            states.push(Status(&text));
        }
        if !states.is_empty() && !send(&states) {
            return;
        }
        states = Vec::new();
        last = text;
        let next = stop.run_until_cancelled(snapshots.changed()).await;
        if !matches!(next, Some(Ok(()))) {
            break;
        }
    }
    send(&[Stopping]);
}

/// Returns whether the service manager was reached.
fn send(states: &[NotifyState<'_>]) -> bool {
    let sent = sd_notify::notify(states);
    if let Err(error) = &sent {
        warn!(event = "notify_failed", %error, "cannot report to the service manager");
    }
    sent.is_ok()
}

/// Returns what the program does, in one line: the worst problem, or the rate and the blocks.
fn text(snapshot: &Snapshot) -> String {
    if let Some(problem) = snapshot.problems.first() {
        return problem.what.clone();
    }
    let blocks = snapshot.counters.blocks.accepted;
    let blocks = match blocks {
        1 => "1 block".to_owned(),
        _ => format!("{blocks} blocks"),
    };
    match (snapshot.jobs.iter().next(), snapshot.hashing.present) {
        (None, _) => format!("waiting for work, {blocks}"),
        (_, Rate::Hashed(rate) | Rate::Simulated(rate)) => format!("mining at {rate}, {blocks}"),
        (_, Rate::None | Rate::Unknown) => format!("mining, {blocks}"),
    }
}

/// Whether standard error is a connection to the journal of systemd, by the device and inode in the
/// variable `JOURNAL_STREAM` (systemd.exec(5)).
pub(crate) fn is_journal() -> bool {
    let Some(journal) = env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    let own = fs::metadata("/proc/self/fd/2");
    own.is_ok_and(|own| journal == *format!("{}:{}", own.dev(), own.ino()))
}
