//! What all requests use.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::MAX_STREAMS;
use super::answer::Problem;
use super::archive::Archive;
use super::published::Published;
use crate::metrics::Page;

/// How long a request waits for the first snapshot.
const STARTING: Duration = Duration::from_secs(5);

type Receiver = watch::Receiver<Option<Arc<Published>>>;

/// What all connections use.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    published: Receiver,
    /// The history.
    pub(super) archive: Archive,
    /// A permit for each stream that may be opened.
    streams: Arc<Semaphore>,
    pub(super) metrics: Arc<Page>,
}

impl Shared {
    pub(super) fn new(published: Receiver, archive: Archive) -> Self {
        Self {
            published,
            archive,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            metrics: Arc::default(),
        }
    }

    pub(super) fn streams(&self) -> Arc<Semaphore> {
        Arc::clone(&self.streams)
    }

    pub(super) fn published(&self) -> Receiver {
        self.published.clone()
    }

    /// Returns what is shown of the latest snapshot. Waits for the first one.
    pub(super) async fn latest(&self) -> Result<Arc<Published>, Problem> {
        let mut published = self.published();
        let first = timeout(STARTING, published.wait_for(Option::is_some)).await;
        let latest = first.ok().and_then(|published| published.ok()?.clone());
        latest.ok_or_else(Problem::not_running)
    }
}
