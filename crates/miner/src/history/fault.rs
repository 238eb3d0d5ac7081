//! Why the disk takes no records, and what an operator can do about it.

use std::io;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

use super::{HistoryError, milliseconds, wall_clock};

/// Why the disk takes no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// It has no space left.
    Full,
    /// Another program holds the database.
    Locked,
    /// The files cannot be changed.
    ReadOnly,
    /// Another cause, which the log has.
    Other,
}

impl DiskFault {
    /// Returns what is wrong: the start of a sentence.
    pub fn what(self) -> &'static str {
        match self {
            Self::Full => "The disk of the history is full",
            Self::Locked => "Another program has locked the history",
            Self::ReadOnly => "The history is read-only",
            Self::Other => "The history cannot be written",
        }
    }

    /// Returns what to do about it: a sentence.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Full => "Free space on the disk of --data-dir.",
            Self::Locked => {
                "End the program that has history.db in --data-dir open, such as a backup."
            }
            Self::ReadOnly => {
                "Let this program write to --data-dir: look at its permissions and how its disk is \
                 mounted."
            }
            Self::Other => {
                "Look at the disk of --data-dir; the log has the error at history_failed."
            }
        }
    }
}

impl HistoryError {
    /// Returns what is wrong with the disk.
    pub(super) fn fault(&self) -> DiskFault {
        match self {
            Self::Directory { source, .. } | Self::Aside(source) => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskFault::Full,
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                    DiskFault::ReadOnly
                }
                _ => DiskFault::Other,
            },
            Self::Database(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => DiskFault::Full,
                // The index of SQLite's log does not fit on the disk.
                Some(ErrorCode::SystemIoFailure)
                    if error.sqlite_extended_error_code() == Some(SQLITE_IOERR_SHMSIZE) =>
                {
                    DiskFault::Full
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DiskFault::Locked,
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => DiskFault::ReadOnly,
                _ => DiskFault::Other,
            },
            _ => DiskFault::Other,
        }
    }
}

/// Whether an error is about a value that this program does not write. Its row is damaged, and the
/// file may be good otherwise.
pub(super) fn is_of_value(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as Sql;
    matches!(
        error,
        Sql::FromSqlConversionFailure(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::InvalidColumnType(..)
            | Sql::Utf8Error(..)
    ) || error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// What the senders of records and the writer know of each other.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Why the last attempt to write failed, as a number; 0 if it succeeded.
    fault: AtomicU8,
    /// The records on their way to the disk.
    pub(super) waiting: AtomicU64,
    /// The records for which the queue had no room since writing last succeeded.
    pub(super) dropped: AtomicU64,
    /// When writing last succeeded, in milliseconds since the Unix epoch.
    pub(super) written: AtomicI64,
}

impl Health {
    const FAULTS: [DiskFault; 4] = [
        DiskFault::Full,
        DiskFault::Locked,
        DiskFault::ReadOnly,
        DiskFault::Other,
    ];

    pub(super) fn note_written(&self) {
        let now = milliseconds(wall_clock());
        self.written.store(now, Ordering::Relaxed);
    }

    pub(super) fn fault(&self) -> Option<DiskFault> {
        let number = usize::from(self.fault.load(Ordering::Relaxed));
        Self::FAULTS.get(number.checked_sub(1)?).copied()
    }

    pub(super) fn set_fault(&self, fault: Option<DiskFault>) {
        let number = fault.map_or(0, |fault| fault as u8 + 1);
        self.fault.store(number, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi::{self, SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_FULL};

    use super::*;

    #[test]
    fn a_full_disk_and_a_lock_pass_and_other_faults_do_not() {
        #[track_caller]
        fn check(error: &HistoryError, is_passing: bool, is_harmless: bool) {
            let found = (error.is_passing(), error.is_harmless());
            assert_eq!(found, (is_passing, is_harmless), "{error}");
        }
        let of_database = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            HistoryError::Database(error)
        };
        check(&of_database(SQLITE_FULL), true, true);
        check(&of_database(SQLITE_BUSY), true, true);
        check(&of_database(SQLITE_CORRUPT), false, false);
        check(&HistoryError::Slow, false, true);
        check(&HistoryError::Newer, false, true);
        check(&HistoryError::Foreign, false, false);
    }
}
