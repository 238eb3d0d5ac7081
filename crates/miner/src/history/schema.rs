//! The tables, and their migration from one version to the next.
//!
//! `user_version` is the number of migrations that a file has had. A newer program adds one and
//! never changes those that stand.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::HistoryError;

/// Marks a file as ours: `CMCh` in ASCII.
const APPLICATION: i32 = 0x434d_4368;

/// The most pages of the file that the writer keeps in memory. It reads few of them again, and by
/// default its memory grows with the file up to 2 MiB, over days.
const CACHE_KIB: i64 = 256;

/// The steps from an empty file to the present tables.
///
/// Times are milliseconds since the Unix epoch, but `start` is seconds. `block.fate` is the name of
/// a [`Fate`](super::Fate). The totals of workers are in the order of time: a minute changes few
/// pages of the file.
pub(super) const MIGRATIONS: [&str; 2] = [
    "
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    started INTEGER NOT NULL,
    version TEXT NOT NULL,
    account TEXT
) STRICT;
CREATE TABLE block (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run,
    job INTEGER NOT NULL,
    network TEXT NOT NULL,
    node TEXT NOT NULL,
    chain INTEGER NOT NULL,
    height INTEGER NOT NULL,
    hash TEXT,
    header BLOB NOT NULL,
    difficulty REAL NOT NULL,
    worker TEXT,
    issued INTEGER NOT NULL,
    found INTEGER NOT NULL,
    fate TEXT NOT NULL,
    fate_at INTEGER NOT NULL,
    depth INTEGER,
    other TEXT,
    detail TEXT,
    UNIQUE (run, job)
) STRICT;
CREATE INDEX block_found ON block (found);
CREATE INDEX block_unsettled ON block (id)
    WHERE fate IN ('found', 'submitted', 'uncertain', 'accepted', 'displaced');
",
    "
ALTER TABLE block ADD COLUMN expected REAL;
CREATE INDEX block_fate ON block (fate);
CREATE TABLE total (
    span INTEGER NOT NULL,
    start INTEGER NOT NULL,
    hashes REAL,
    expected REAL,
    stale_hashes REAL,
    shares_accepted INTEGER NOT NULL,
    shares_stale INTEGER NOT NULL,
    shares_rejected INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    PRIMARY KEY (span, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE worker (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    hashes REAL,
    expected REAL,
    stale_hashes REAL,
    shares_accepted INTEGER NOT NULL,
    shares_stale INTEGER NOT NULL,
    shares_rejected INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    best_share REAL,
    level INTEGER
) STRICT;
CREATE TABLE worker_total (
    span INTEGER NOT NULL,
    start INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    hashes REAL,
    shares INTEGER NOT NULL,
    PRIMARY KEY (span, start, worker)
) STRICT, WITHOUT ROWID;
CREATE TABLE outage (
    id INTEGER PRIMARY KEY,
    node TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    cause TEXT NOT NULL,
    UNIQUE (node, since)
) STRICT;
",
];

/// Returns the number of migrations that a file has had.
///
/// # Errors
/// Returns [`HistoryError::Newer`] for a file of a newer program and [`HistoryError::Foreign`] for
/// one of another program; or the error of the database.
pub(super) fn version(connection: &Connection) -> Result<usize, HistoryError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (application != 0 || tables > 0) {
        return Err(HistoryError::Foreign);
    }
    let version = usize::try_from(version).unwrap_or_default();
    if version > MIGRATIONS.len() {
        return Err(HistoryError::Newer);
    }
    Ok(version)
}

/// Sets up a connection that writes, and brings the tables up to date.
///
/// # Errors
/// Returns those of [`version`], whose files stay as they are; or the error of the database.
pub(super) fn prepare(connection: &Connection) -> Result<(), HistoryError> {
    let done = version(connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let behavior = TransactionBehavior::Immediate;
    let migration = Transaction::new_unchecked(connection, behavior)?;
    for step in &MIGRATIONS[done..] {
        migration.execute_batch(step)?;
    }
    migration.pragma_update(None, "application_id", APPLICATION)?;
    let version = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    migration.pragma_update(None, "user_version", version)?;
    migration.commit()?;
    Ok(())
}
