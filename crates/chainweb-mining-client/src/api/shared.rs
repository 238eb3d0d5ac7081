//! What all requests use.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::MAX_STREAMS;
use super::answer::Problem;
use super::archive::Archive;
use super::published::Published;
use crate::metrics::Page;

/// How long a request waits for the first snapshot.
const STARTING: Duration = Duration::from_secs(5);

/// Long answers at a time: each takes up to 100 MB until it is read.
pub(super) const MAX_EXPORTS: usize = 2;

type Receiver = watch::Receiver<Option<Arc<Published>>>;

/// What all connections use.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    published: Receiver,
    /// The history.
    pub(super) archive: Archive,
    /// A permit for each stream that may be opened.
    streams: Arc<Semaphore>,
    /// A permit for each long answer that may be sent.
    pub(super) exports: Arc<Semaphore>,
    pub(super) metrics: Arc<Page>,
    /// Held by the request that renders.
    rendering: Arc<Mutex<()>>,
}

impl Shared {
    pub(super) fn new(published: Receiver, archive: Archive) -> Self {
        Self {
            published,
            archive,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            exports: Arc::new(Semaphore::new(MAX_EXPORTS)),
            metrics: Arc::default(),
            rendering: Arc::default(),
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

    /// Renders the latest snapshot, one request at a time: with thousands of devices that takes
    /// some milliseconds, and mining needs the threads of the runtime.
    pub(super) async fn render<T: Send + 'static>(
        &self,
        render: impl FnOnce(&Published) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let published = self.latest().await?;
        let turn = Arc::clone(&self.rendering).lock_owned().await;
        let mut rendering = JoinSet::new();
        rendering.spawn_blocking(move || {
            let _turn = turn;
            render(&published)
        });
        let rendered = rendering.join_next().await.and_then(Result::ok);
        rendered.ok_or_else(Problem::not_running)
    }
}
