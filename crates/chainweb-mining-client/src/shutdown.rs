//! SIGINT, SIGTERM and SIGHUP: the first signal stops the program cleanly, the second immediately.
//! Without a controlling terminal, SIGHUP can have another meaning.

use std::fs::{self, File};
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
    hang_up: HangUps,
}

/// The signal SIGHUP; `None` if the process ignores it, as under `nohup`.
#[derive(Debug)]
pub struct HangUps(Option<Signal>);

impl Signals {
    /// Installs handlers for the signals.
    ///
    /// # Errors
    /// Returns an error if the system refuses a handler.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: HangUps(if is_ignored(SignalKind::hangup().as_raw_value()) {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            }),
        })
    }

    /// Removes SIGHUP from the signals that stop the program, and returns it. With a controlling
    /// terminal, whose end the signal reports, it stays, and the result has none.
    pub fn take_hang_ups(&mut self) -> HangUps {
        let has_terminal = File::open("/dev/tty").is_ok();
        HangUps(self.hang_up.0.take_if(|_| !has_terminal))
    }

    /// Waits for the next signal, and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            () = self.hang_up.next() => "SIGHUP",
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

impl HangUps {
    /// Waits for the next signal, for ever if there is none. Cancel safe.
    pub async fn next(&mut self) {
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Whether the process ignores a signal, by the mask `SigIgn` in `/proc/self/status`: hex digits
/// whose lowest bit is signal 1.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
