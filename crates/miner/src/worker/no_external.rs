//! The external worker where there are no process groups: it cannot be created.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::WorkerError;
use crate::job::{Jobs, Solution};
use crate::meter::Meter;

/// The external worker.
#[derive(Debug)]
pub enum External {}

impl External {
    pub(crate) fn meter(&self) -> Meter {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "as on other systems")]
    pub(crate) async fn run(
        self,
        _jobs: watch::Receiver<Arc<Jobs>>,
        _solutions: mpsc::Sender<Solution>,
        _stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        match self {}
    }
}

/// Waits for ever: there are no orphans.
pub async fn reap_orphans() -> Infallible {
    pending().await
}
