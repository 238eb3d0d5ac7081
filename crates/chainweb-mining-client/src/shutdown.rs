//! SIGINT, SIGTERM and SIGHUP: the first signal stops the program cleanly, the second immediately.

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// A repeat of a signal within this time counts as one: `timeout` and process managers signal a
/// process and then its group.
const REPEAT: Duration = Duration::from_millis(200);

/// The signals that stop the program.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if the process ignores it, as under `nohup`.
    hang_up: Option<Signal>,
}

impl Signals {
    /// Installs handlers for the signals.
    ///
    /// # Errors
    /// Returns an error if the system refuses a handler.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if is_hang_up_ignored() {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
        })
    }

    /// Waits for the next signal, and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            Some(()) = hang_up(&mut self.hang_up) => "SIGHUP",
        }
    }

    /// Cancels `stop` at the first signal, and completes at the second.
    pub async fn watch(mut self, stop: CancellationToken) {
        let first = self.next().await;
        let since = Instant::now();
        info!(
            event = "shutting_down",
            signal = first,
            "shutting down (Ctrl-C again to quit immediately)"
        );
        stop.cancel();
        loop {
            let signal = self.next().await;
            if signal != first || since.elapsed() >= REPEAT {
                info!(event = "quitting", signal, "quitting immediately");
                return;
            }
        }
    }
}

async fn hang_up(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether the process ignores SIGHUP, by the mask `SigIgn` in `/proc/self/status`: hex digits
/// whose lowest bit is signal 1.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}
