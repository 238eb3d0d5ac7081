//! SIGINT and SIGTERM: the first asks for a clean end, the second leaves at once.

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
}

impl Signals {
    /// Takes over both signals.
    ///
    /// # Errors
    /// The system gives no handler.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Completes with the next signal, and tells its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
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
