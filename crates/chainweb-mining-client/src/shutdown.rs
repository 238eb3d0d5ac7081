//! SIGINT, SIGTERM and SIGHUP: the first asks for a clean end, the second leaves at once.

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// So soon the same signal once more is no second wish: `timeout` and process managers signal a program and then its
/// group.
const TWICE: Duration = Duration::from_millis(200);

/// The signals that end the program.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` where it is ignored, as `nohup` has it.
    hang_up: Option<Signal>,
}

impl Signals {
    /// Takes over the signals.
    ///
    /// # Errors
    /// The system gives no handler.
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

    /// Completes with the next signal, and tells its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            Some(()) = hang_up(&mut self.hang_up) => "SIGHUP",
        }
    }

    /// Cancels `stop` with the first signal and completes with the second.
    pub async fn watch(mut self, stop: CancellationToken) {
        let first = self.next().await;
        let since = Instant::now();
        info!(
            signal = first,
            "shutting down; a second signal leaves at once"
        );
        stop.cancel();
        loop {
            let signal = self.next().await;
            if signal != first || since.elapsed() >= TWICE {
                info!(signal, "leaving at once");
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

/// By `/proc/self/status`, whose mask of ignored signals is in hex, the first one's bit the lowest.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}
