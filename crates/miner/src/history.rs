//! What the program remembers: a journal of solved headers, the fate of blocks, and totals.
//!
//! A thread of its own writes to SQLite, so mining never waits for the disk. A solved header is on
//! the disk before the log calls its block found; after a crash, [`History::take_unsettled`]
//! returns it. Readers have connections of their own.

#[cfg(feature = "bench")]
pub mod benching;
#[cfg(test)]
pub(crate) mod disk;
mod earlier;
mod fault;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod place;
mod read;
mod record;
mod schema;
mod unsettled;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, SystemTime};
use std::{io, thread};

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::warn;

pub(crate) use self::earlier::by_instant;
pub use self::earlier::{Earlier, EarlierWorker, Hour};
pub use self::fault::DiskFault;
use self::fault::Health;
use self::place::Database;
pub use self::place::Place;
pub use self::read::{Block, Reader, Span, Total, Worker, WorkerTotal};
pub(crate) use self::record::milliseconds;
pub use self::record::{BlockKey, Change, Fate, Found, Outage, Record, Totals, WorkerTotals};
pub use self::unsettled::Unsettled;
use self::writer::{Message, Opened};

/// The pause before another try to flush while the queue is full.
const FULL: Duration = Duration::from_millis(10);
/// Records that wait for the writer.
const QUEUE: usize = 4096;

/// This run of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The version of the program.
    pub version: String,
    /// The account that it mines for, if there is one.
    pub account: Option<String>,
}

/// Why the history cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The directory cannot be used.
    #[error("cannot keep the history in {}", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A newer version of the program has written the file.
    #[error("a newer version of this program has written the history")]
    Newer,
    /// Another program has written the file.
    #[error("the file of the history belongs to another program")]
    Foreign,
    /// The file cannot be moved aside.
    #[error("cannot move the damaged history aside")]
    Aside(#[from] io::Error),
    /// SQLite returns an error.
    #[error("SQLite cannot use the file of the history")]
    Database(#[from] rusqlite::Error),
    /// The disk does not answer in time.
    #[error("the disk of the history does not answer")]
    Slow,
    /// The thread that writes has ended.
    #[error("the history is closed")]
    Closed,
}

impl HistoryError {
    /// Whether a later try may succeed without a change of the file.
    fn is_passing(&self) -> bool {
        matches!(self.fault(), DiskFault::Full | DiskFault::Locked)
    }

    /// Whether the program can go on without the history, though its directory is a good one.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::Newer | Self::Slow) || self.is_passing()
    }
}

/// Returns the time by the clock of this machine: the history is read by people, and after a
/// restart there is no other.
#[expect(
    clippy::disallowed_methods,
    reason = "other clocks do not outlive the program"
)]
pub fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// A history that is open.
#[derive(Debug)]
pub struct History {
    messages: SyncSender<Message>,
    database: Database,
    instance: u32,
    unsettled: Vec<Unsettled>,
    earlier: Earlier,
    health: Arc<Health>,
}

impl History {
    /// Opens the history, and starts the thread that writes. A damaged file is moved aside.
    ///
    /// # Errors
    /// Returns an error if the directory or its file cannot be used, or if that is not known within
    /// `patience`.
    pub async fn open(place: Place, about: Run, patience: Duration) -> Result<Self, HistoryError> {
        let (messages, received) = sync_channel(QUEUE);
        let (sender, opened) = oneshot::channel();
        let health = Arc::<Health>::default();
        let of_writer = Arc::clone(&health);
        thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || writer::run(&place, &about, &of_writer, &received, sender))?;
        let opened = timeout(patience, opened).await;
        let opened = opened.map_err(|_| HistoryError::Slow)?;
        let Opened {
            database,
            instance,
            unsettled,
            earlier,
        } = opened.map_err(|_| HistoryError::Closed)??;
        Ok(Self {
            messages,
            database,
            instance,
            unsettled,
            earlier,
            health,
        })
    }

    /// Returns the number of this instance among those with the same directory, from 1. All but the
    /// first have files of their own.
    pub fn instance(&self) -> u32 {
        self.instance
    }

    /// Whether it outlives the program.
    pub fn is_kept(&self) -> bool {
        !self.database.is_memory
    }

    /// Returns a reader, of which clones may be on other threads.
    pub fn reader(&self) -> Reader {
        Reader::new(self.database.clone(), Arc::clone(&self.health))
    }

    /// Returns the blocks of earlier runs whose fate is open, the first time; none after that.
    pub fn take_unsettled(&mut self) -> Vec<Unsettled> {
        std::mem::take(&mut self.unsettled)
    }

    /// Returns the work of earlier runs, the first time; none after that.
    pub fn take_earlier(&mut self) -> Earlier {
        std::mem::take(&mut self.earlier)
    }

    /// Returns why the disk takes no records at present; `None` while it does.
    pub fn fault(&self) -> Option<DiskFault> {
        self.health.fault()
    }

    /// Returns the number of records that are not on the disk.
    pub fn unwritten(&self) -> u64 {
        let Health {
            waiting, dropped, ..
        } = &*self.health;
        waiting.load(Ordering::Relaxed) + dropped.load(Ordering::Relaxed)
    }

    /// Writes a record, some time later.
    pub fn write(&self, record: Record) {
        self.send(Message::Record(record));
    }

    /// Writes a record. The receiver gets a message once it is on the disk, or an error if it never
    /// will be.
    pub fn journal(&self, record: Record) -> oneshot::Receiver<()> {
        let (done, written) = oneshot::channel();
        self.send(Message::Journal(record, done));
        written
    }

    /// Waits until everything is on the disk. Returns whether it is within `patience`.
    pub async fn flush(&self, patience: Duration) -> bool {
        let flushed = async {
            loop {
                let (done, flushed) = oneshot::channel();
                match self.messages.try_send(Message::Flush(done)) {
                    Ok(()) => return flushed.await.is_ok(),
                    // The records before it are written first.
                    Err(TrySendError::Full(_)) => sleep(FULL).await,
                    Err(TrySendError::Disconnected(_)) => return false,
                }
            }
        };
        timeout(patience, flushed).await.unwrap_or(false)
    }

    /// Passes on a message with a record.
    fn send(&self, message: Message) {
        let waiting = &self.health.waiting;
        waiting.fetch_add(1, Ordering::Relaxed);
        if self.messages.try_send(message).is_err() {
            waiting.fetch_sub(1, Ordering::Relaxed);
            if self.health.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                warn!(
                    event = "history_dropped",
                    "too many records wait for the disk: the history lacks the next ones"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
