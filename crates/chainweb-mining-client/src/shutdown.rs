//! Shutdown: the first signal stops the program cleanly, the second immediately.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::platform::Signals;

/// A repeat of a signal within this time counts as one: `timeout` and process managers signal a
/// process and then its group.
const REPEAT: Duration = Duration::from_millis(200);

/// Cancels `stop` at the first signal, and completes at the second.
pub async fn watch(mut signals: Signals, stop: CancellationToken) {
    let first = signals.next().await;
    let since = Instant::now();
    info!(
        event = "shutting_down",
        signal = first,
        "shutting down (Ctrl-C again to quit immediately)"
    );
    stop.cancel();
    loop {
        let signal = signals.next().await;
        if signal != first || since.elapsed() >= REPEAT {
            info!(event = "quitting", signal, "quitting immediately");
            return;
        }
    }
}
