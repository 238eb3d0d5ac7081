//! Where the file is: in a directory of which each instance of the program locks a part.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use super::{HistoryError, wall_clock};

/// How long a statement waits for another connection.
const BUSY: Duration = Duration::from_secs(1);

/// The most instances with one directory.
const INSTANCES: u32 = 64;

/// A file of the history, locked against other instances until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) file: PathBuf,
    /// The number of this instance in the directory, from 1.
    pub(super) instance: u32,
    _lock: File,
}

impl Slot {
    /// Takes the first file of the directory that no other instance uses.
    pub(super) fn take(directory: &Path) -> Result<Self, HistoryError> {
        let in_directory = |source| HistoryError::Directory {
            directory: directory.to_owned(),
            source,
        };
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
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
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
                        file,
                        instance,
                        _lock: lock,
                    });
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {}
                Err(error) => return Err(in_directory(error.into())),
            }
        }
        Err(in_directory(io::Error::other("too many instances")))
    }

    /// Moves an unreadable file aside. Returns its new path.
    pub(super) fn set_aside(&self) -> io::Result<PathBuf> {
        let time = wall_clock().duration_since(UNIX_EPOCH);
        let time = time.unwrap_or_default().as_secs();
        let aside = self.file.with_extension(format!("db.corrupt-{time}"));
        fs::rename(&self.file, &aside)?;
        for rest in ["db-wal", "db-shm"] {
            let _ = fs::remove_file(self.file.with_extension(rest));
        }
        Ok(aside)
    }
}

/// Opens the database of a file.
pub(super) fn connect(file: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}
