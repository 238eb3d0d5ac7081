//! The thread that writes. Nothing else waits for the disk.
//!
//! Records arrive over a bounded channel and are written in batches, each in one transaction. While
//! the disk fails, the thread keeps the batch and tries again; records beyond the channel are
//! dropped and counted.

use std::error::Error as _;
use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{io, thread};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use super::earlier::Earlier;
use super::fault::{DiskFault, Health};
use super::place::{Database, Place, Slot};
use super::record::{Record, milliseconds, prune};
use super::unsettled::{Unsettled, unsettled};
use super::{HistoryError, Run, schema, wall_clock};

/// The pause between two tries to write.
const RETRY: Duration = Duration::from_secs(1);
/// How long the start waits for a database that another process has locked.
const LOCKED: Duration = Duration::from_secs(3);
/// The most records in a batch. While the disk fails it does not grow further.
const BATCH: usize = 4096;
/// The time between two deletions of old rows.
const PRUNE: Duration = Duration::from_hours(1);
/// The same in memory.
const PRUNE_IN_MEMORY: Duration = Duration::from_mins(1);

/// The error of a record with a number that is none. It would fail for ever.
const CONSTRAINT: ErrorCode = ErrorCode::ConstraintViolation;

/// What the writer receives.
#[derive(Debug)]
pub(super) enum Message {
    /// Something to be written.
    Record(Record),
    /// A record, of which the sender learns when it is on the disk.
    Journal(Record, oneshot::Sender<()>),
    /// Everything sent before is to be on the disk when the answer comes.
    Flush(oneshot::Sender<()>),
}

impl Message {
    /// Returns the number of records in it.
    fn records(&self) -> u64 {
        u64::from(!matches!(self, Self::Flush(_)))
    }
}

/// What the writer found at its start.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) instance: u32,
    pub(super) unsettled: Vec<Unsettled>,
    pub(super) earlier: Earlier,
}

/// Opens the database, answers over `opened`, and writes until all senders are gone.
pub(super) fn run(
    place: &Place,
    about: &Run,
    health: &Arc<Health>,
    messages: &Receiver<Message>,
    opened: oneshot::Sender<Result<Opened, HistoryError>>,
) {
    match Writer::new(place, about.clone(), Arc::clone(health)) {
        Ok((mut writer, found)) => {
            // The receiver may have stopped waiting.
            let _ = opened.send(Ok(found));
            writer.run(messages);
        }
        Err(error) => drop(opened.send(Err(error))),
    }
}

/// Returns the blocks whose fate is open, and the work of earlier runs.
fn read(database: &Connection) -> Result<(Vec<Unsettled>, Earlier), HistoryError> {
    let earlier = Earlier::read(database, wall_clock())?;
    Ok((unsettled(database)?, earlier))
}

#[derive(Debug)]
pub(super) struct Writer {
    about: Run,
    health: Arc<Health>,
    /// `None` after an error that a new connection may mend.
    open: Option<Connection>,
    /// Unlocked after the connection is closed.
    slot: Slot,
    /// The row of this run, once there is one.
    run: Option<i64>,
    /// When writing first failed, if it still does.
    failing: Option<Instant>,
    pruned: Option<Instant>,
}

impl Writer {
    pub(super) fn new(
        place: &Place,
        about: Run,
        health: Arc<Health>,
    ) -> Result<(Self, Opened), HistoryError> {
        let mut writer = Self {
            about,
            health,
            slot: Slot::take(place)?,
            open: None,
            run: None,
            failing: None,
            pruned: None,
        };
        let (unsettled, earlier) = writer.start()?;
        writer.health.note_written();
        let opened = Opened {
            database: writer.slot.database.clone(),
            instance: writer.slot.instance,
            unsettled,
            earlier,
        };
        Ok((writer, opened))
    }

    /// Reads what earlier runs left. A damaged file is moved aside. A disk that is full gets the
    /// row of this run later.
    fn start(&mut self) -> Result<(Vec<Unsettled>, Earlier), HistoryError> {
        let started = Instant::now();
        let mut is_new = false;
        loop {
            let error = match self.open().and_then(|(database, _)| read(database)) {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            if self.is_damaged(&error) && !is_new {
                self.set_aside(&error)?;
                is_new = true;
            } else if error.fault() == DiskFault::Full {
                let Ok(Some(found)) = self.read_on_full_disk() else {
                    return Err(error);
                };
                self.fail(&error);
                return Ok(found);
            } else if error.is_passing() && started.elapsed() < LOCKED {
                // Another process, such as a backup, may hold the database for a while.
                thread::park_timeout(RETRY);
            } else {
                return Err(error);
            }
        }
    }

    /// Returns `None` for a file that has to be migrated first.
    fn read_on_full_disk(&self) -> Result<Option<(Vec<Unsettled>, Earlier)>, HistoryError> {
        let database = self.slot.database.connect()?;
        // The index of the log, a file that may not fit, is then in memory:
        // https://sqlite.org/wal.html#noshm
        database.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        if schema::version(&database)? < schema::MIGRATIONS.len() {
            return Ok(None);
        }
        // Never committed: what a run that was killed left open is completed in memory only.
        let behavior = TransactionBehavior::Deferred;
        let transaction = Transaction::new_unchecked(&database, behavior)?;
        read(&transaction).map(Some)
    }

    /// Whether the file is damaged: it is no database, its tables are not those of its version
    /// (`Unknown`, and SQL that does not fit them), or it forbids writing itself.
    fn is_damaged(&self, error: &HistoryError) -> bool {
        let HistoryError::Database(error) = error else {
            return false;
        };
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::TooBig
                | ErrorCode::Unknown,
            ) => true,
            Some(ErrorCode::ReadOnly) => self.slot.forbids_writing(),
            _ => matches!(error, rusqlite::Error::SqlInputError { .. }),
        }
    }

    /// Moves a damaged file aside. The next connection starts a new one.
    fn set_aside(&mut self, error: &HistoryError) -> io::Result<()> {
        self.open = None;
        let aside = self.slot.set_aside()?;
        let error = error.source().map(ToString::to_string);
        warn!(event = "history_damaged", error, aside = %aside.display(), "history is damaged: it was moved aside, and a new one starts");
        Ok(())
    }

    /// Returns the connection, opened if necessary, and the row of this run.
    fn open(&mut self) -> Result<(&mut Connection, i64), HistoryError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.connect()?,
        };
        let run = match self.run {
            Some(run) => run,
            None => *self.run.insert(open.last_insert_rowid()),
        };
        Ok((self.open.insert(open), run))
    }

    /// Opens the database, in which this run has a row afterwards.
    fn connect(&self) -> Result<Connection, HistoryError> {
        let database = self.slot.database.connect()?;
        schema::prepare(&database)?;
        if self.run.is_none() && self.failing.is_some() {
            // The disk was full at the start: this completes what earlier runs left open.
            read(&database)?;
        }
        let started = milliseconds(wall_clock());
        database.execute(
            "INSERT OR IGNORE INTO run (id, started, version, account) VALUES (?1, ?2, ?3, ?4)",
            params![self.run, started, self.about.version, self.about.account],
        )?;
        Ok(database)
    }

    fn run(&mut self, messages: &Receiver<Message>) {
        let mut batch = Vec::new();
        loop {
            let next = if batch.is_empty() {
                messages.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else if batch.len() < BATCH {
                messages.recv_timeout(RETRY)
            } else {
                // More would only fill the memory: the channel drops them.
                thread::park_timeout(RETRY);
                Err(RecvTimeoutError::Timeout)
            };
            match next {
                Ok(message) => batch.push(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    // A last try for what is left.
                    self.write(&mut batch);
                    return;
                }
            }
            let room = BATCH.saturating_sub(batch.len());
            batch.extend(messages.try_iter().take(room));
            self.write(&mut batch);
        }
    }

    /// Writes the batch in one transaction and answers those who wait. Keeps it if that fails.
    pub(super) fn write(&mut self, batch: &mut Vec<Message>) {
        match self.try_write(batch) {
            Ok(()) => {
                let records = batch.iter().map(Message::records).sum();
                self.health.waiting.fetch_sub(records, Ordering::Relaxed);
                self.health.note_written();
                if let Some(since) = self.failing.take() {
                    self.health.set_fault(None);
                    let after_seconds = since.elapsed().as_secs_f64();
                    let dropped = self.health.dropped.swap(0, Ordering::Relaxed);
                    info!(
                        event = "history_recovered",
                        after_seconds, dropped, "history is written again"
                    );
                }
                let is_end = batch.iter().any(|it| matches!(it, Message::Flush(_)));
                if is_end && !self.slot.database.is_memory {
                    // The program ends: closing merges the log of SQLite into its file.
                    self.open = None;
                }
                for message in take(batch) {
                    match message {
                        Message::Record(_) => {}
                        // The receivers may have stopped waiting.
                        Message::Journal(_, done) | Message::Flush(done) => drop(done.send(())),
                    }
                }
            }
            Err(error) => {
                if !error.is_passing() {
                    // Another connection may do better, such as after the file was replaced.
                    self.open = None;
                }
                if self.is_damaged(&error) && !self.slot.database.is_memory {
                    // Until that succeeds, writing goes on to fail.
                    self.set_aside(&error).ok();
                }
                self.fail(&error);
            }
        }
    }

    /// Reports that writing fails, the first time.
    fn fail(&mut self, error: &HistoryError) {
        let fault = error.fault();
        self.health.set_fault(Some(fault));
        if self.failing.is_none() {
            self.failing = Some(Instant::now());
            let fix = fault.remedy();
            let cause = error.source().map(ToString::to_string);
            warn!(event = "history_failed", %error, cause, fix, "cannot write the history: mining goes on, and it is written later");
        }
    }

    pub(super) fn try_write(&mut self, batch: &[Message]) -> Result<(), HistoryError> {
        let is_memory = self.slot.database.is_memory;
        let interval = if is_memory { PRUNE_IN_MEMORY } else { PRUNE };
        let is_prunable = self.pruned.is_none_or(|at| at.elapsed() >= interval);
        if self.slot.is_gone() {
            // A new file takes the place of the one that was removed.
            self.slot.create_directory()?;
            self.open = None;
        }
        let (database, run) = self.open()?;
        let transaction = Transaction::new(database, TransactionBehavior::Immediate)?;
        for message in batch {
            if let Message::Record(record) | Message::Journal(record, _) = message {
                match record.write(&transaction, run) {
                    Err(error) if error.sqlite_error_code() == Some(CONSTRAINT) => {
                        debug!(%error, ?record, "record left out");
                    }
                    result => result?,
                }
            }
        }
        if is_prunable {
            prune(&transaction, is_memory)?;
        }
        transaction.commit()?;
        if is_prunable {
            self.pruned = Some(Instant::now());
        }
        Ok(())
    }
}
