//! SIGINT and SIGTERM: the first asks for a clean end, the second leaves at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

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
        let signal = self.next().await;
        info!(signal, "shutting down; a second signal leaves at once");
        stop.cancel();
        let signal = self.next().await;
        info!(signal, "leaving at once");
    }
}
