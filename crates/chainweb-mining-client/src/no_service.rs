//! Reports to a service manager where there is none of the kind of `systemd`.

use std::sync::Arc;

use miner::telemetry::Snapshot;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Does nothing: nothing waits for reports.
#[expect(clippy::unused_async, reason = "as on other systems")]
pub(crate) async fn report(
    _snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    _stop: CancellationToken,
) {
}

/// Returns `false`: there is no journal.
pub(crate) fn is_journal() -> bool {
    false
}
