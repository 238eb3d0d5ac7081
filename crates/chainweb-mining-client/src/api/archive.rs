//! Reads of the history. They wait for the disk, so each has a thread of its own and a time limit.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use miner::history::{HistoryError, Reader};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::Problem;

/// Reads at a time. One that hangs keeps its permit.
const MAX_READS: usize = 2;
/// How long a read may take, the wait for others included.
const PATIENCE: Duration = Duration::from_secs(5);

/// The history, if there is one.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    reader: Option<Reader>,
    permits: Arc<Semaphore>,
    patience: Duration,
}

impl Archive {
    pub(super) fn new(reader: Option<Reader>) -> Self {
        Self {
            reader,
            permits: Arc::new(Semaphore::new(MAX_READS)),
            patience: PATIENCE,
        }
    }

    /// Runs `read` on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, Problem> {
        let reader = self
            .reader
            .clone()
            .ok_or_else(|| unavailable("there is no history", "the log says why, at the start"))?;
        let mut reading = JoinSet::new();
        let job = async {
            let permit = Arc::clone(&self.permits).acquire_owned().await;
            reading.spawn_blocking(move || {
                let _permit = permit;
                read(&reader)
            });
            reading.join_next().await
        };
        match timeout(self.patience, job).await {
            Ok(Some(Ok(Ok(value)))) => Ok(value),
            Ok(Some(Ok(Err(error)))) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                Err(unavailable(&error, "look at the disk of --data-dir"))
            }
            Ok(_) => Err(unavailable("the read ended unexpectedly", "ask again")),
            Err(_) => Err(unavailable(
                "the disk of the history does not answer",
                "look at the disk of --data-dir; mining goes on",
            )),
        }
    }
}

fn unavailable(error: &str, hint: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, error, hint)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use hyper::StatusCode;
    use miner::history::{History, Place, Reader, Run};

    use super::{Archive, MAX_READS, PATIENCE};

    #[tokio::test]
    async fn a_disk_that_hangs_costs_a_few_threads_and_no_more() {
        let history = History::open(Place::Memory, Run::default(), PATIENCE).await;
        let history = history.expect("memory");
        let mut archive = Archive::new(Some(history.reader()));
        assert_eq!(archive.read(Reader::fates).await.ok(), Some(vec![]));
        archive.patience = Duration::from_millis(10);
        let mut released = Vec::new();
        for _ in 0..MAX_READS + 2 {
            let (release, hangs) = channel::<()>();
            let read = archive.read(move |_| Ok(hangs.recv().ok()));
            let problem = read.await.expect_err("it hangs");
            assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
            released.push(release);
        }
        assert_eq!(archive.permits.available_permits(), 0);
        drop(released);
        archive.patience = PATIENCE;
        assert_eq!(archive.read(Reader::fates).await.ok(), Some(vec![]));
    }
}
