//! Where the file is: in a directory of which each instance of the program locks a part.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};

use super::{HistoryError, wall_clock};

/// How long a statement waits for another connection.
const BUSY: Duration = Duration::from_secs(1);

/// The most instances with one directory.
const INSTANCES: u32 = 64;

/// The number of histories in memory so far.
static MEMORIES: AtomicU64 = AtomicU64::new(0);

/// Where the history is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory, until the program ends.
    Memory,
    /// In a directory, which is created if needed.
    Directory(PathBuf),
}

/// What SQLite opens: a file, or a database in memory, whose name is a URI.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) name: PathBuf,
    pub(super) is_memory: bool,
}

/// A database of the history, locked against other instances until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) database: Database,
    /// The number of this instance in the directory, from 1.
    pub(super) instance: u32,
    _lock: Option<File>,
}

impl Slot {
    /// Whether the file was removed.
    pub(super) fn is_gone(&self) -> bool {
        !self.database.is_memory && !self.database.name.exists()
    }

    /// Creates the directory again if it was removed.
    pub(super) fn create_directory(&self) -> Result<(), HistoryError> {
        match self.database.name.parent() {
            Some(directory) if !self.database.is_memory => {
                fs::create_dir_all(directory).map_err(unusable(directory))
            }
            _ => Ok(()),
        }
    }

    /// Takes a database that no other instance uses.
    pub(super) fn take(place: &Place) -> Result<Self, HistoryError> {
        match place {
            Place::Memory => {
                let number = MEMORIES.fetch_add(1, Ordering::Relaxed);
                Ok(Self {
                    database: Database {
                        name: format!("file:/chainweb-{number}?vfs=memdb").into(),
                        is_memory: true,
                    },
                    instance: 1,
                    _lock: None,
                })
            }
            Place::Directory(directory) => Self::in_directory(directory),
        }
    }

    /// Takes the first file of the directory that no other instance uses.
    fn in_directory(directory: &Path) -> Result<Self, HistoryError> {
        let in_directory = unusable(directory);
        fs::create_dir_all(directory).map_err(in_directory)?;
        for instance in 1..=INSTANCES {
            let name = match instance {
                1 => "history".to_owned(),
                number => format!("history-{number}"),
            };
            let lock = directory.join(format!("{name}.lock"));
            let lock = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(lock)
                .map_err(in_directory)?;
            match lock.try_lock() {
                Ok(()) => {
                    let file = directory.join(format!("{name}.db"));
                    // A pipe under this name would block the open.
                    if fs::metadata(&file).is_ok_and(|it| !it.is_file()) {
                        return Err(in_directory(io::Error::other(format!(
                            "{} is not a file",
                            file.display()
                        ))));
                    }
                    return Ok(Self {
                        database: Database {
                            name: file,
                            is_memory: false,
                        },
                        instance,
                        _lock: Some(lock),
                    });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(in_directory(error)),
            }
        }
        Err(in_directory(io::Error::other("too many instances")))
    }

    /// Whether the file says that only a later SQLite may write it, as no file of ours does
    /// (<https://sqlite.org/fileformat2.html#file_format_version_numbers>).
    pub(super) fn forbids_writing(&self) -> bool {
        let mut head = [0; 19];
        let file = File::open(&self.database.name);
        let is_read = file.and_then(|mut file| file.read_exact(&mut head));
        is_read.is_ok() && head[18] > 2
    }

    /// Moves an unreadable file aside. Returns its new path.
    pub(super) fn set_aside(&self) -> io::Result<PathBuf> {
        let time = wall_clock().duration_since(UNIX_EPOCH);
        let time = time.unwrap_or_default().as_secs();
        let file = &self.database.name;
        let aside = file.with_extension(format!("db.corrupt-{time}"));
        fs::rename(file, &aside)?;
        for rest in ["db-wal", "db-shm"] {
            let _ = fs::remove_file(file.with_extension(rest));
        }
        Ok(aside)
    }
}

/// Returns the error of a directory from that of the system.
fn unusable(directory: &Path) -> impl Fn(io::Error) -> HistoryError + Copy {
    |source| HistoryError::Directory {
        directory: directory.to_owned(),
        source,
    }
}

impl Database {
    /// Opens a connection that writes.
    pub(super) fn connect(&self) -> Result<Connection, rusqlite::Error> {
        self.open(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens a connection that only reads.
    pub(super) fn connect_to_read(&self) -> Result<Connection, rusqlite::Error> {
        // A database in memory has no read-only connections.
        let connection = self.open(if self.is_memory {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        })?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn open(&self, mut flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
        flags.set(OpenFlags::SQLITE_OPEN_URI, self.is_memory);
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.name, flags)?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    }
}
