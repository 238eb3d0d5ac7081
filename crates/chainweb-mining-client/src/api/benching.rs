//! What the bench of the API measures: the documents about a snapshot.

use std::sync::Arc;

use bytes::Bytes;
use miner::telemetry::Snapshot;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::MAX_STREAMS;
use super::published::{Document, Published, Publisher};

/// Publishes snapshots while a stream is open.
#[derive(Debug)]
pub struct Publishing {
    publisher: Publisher,
    _stream: OwnedSemaphorePermit,
}

/// What is published of a snapshot.
#[derive(Debug)]
pub struct Documents(Published);

impl Publishing {
    /// Returns one without snapshots.
    #[expect(clippy::new_without_default, reason = "it is the start of something")]
    pub fn new() -> Self {
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        let stream = Arc::clone(&streams).try_acquire_owned();
        Self {
            publisher: Publisher::new("stratum".to_owned(), Some(1917), streams),
            _stream: stream.expect("the first"),
        }
    }

    /// Publishes a snapshot, with the message of the stream.
    pub fn publish(&mut self, snapshot: Arc<Snapshot>) -> Documents {
        Documents(self.publisher.publish(snapshot))
    }
}

impl Documents {
    /// Returns the message of the stream.
    pub fn message(&self) -> Bytes {
        self.0.tick.clone()
    }

    /// Writes the status.
    pub fn status(&self) -> Bytes {
        self.0.document(Document::Status)
    }

    /// Writes the devices.
    pub fn workers(&self) -> Bytes {
        self.0.document(Document::Workers)
    }
}
