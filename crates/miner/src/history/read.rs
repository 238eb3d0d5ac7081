//! What readers ask for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::{OptionalExtension, Row, ToSql, params_from_iter};

use super::place::Database;
use super::record::{DAY, Fate, HOUR, MINUTE, Outage, Totals};
use super::{Health, HistoryError};

/// A block of ours. Times are milliseconds since the Unix epoch, here and below.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its row, larger for a later block.
    pub row: i64,
    /// The network.
    pub network: String,
    /// The address of the node that issued its work.
    pub node: String,
    /// Its chain.
    pub chain: u32,
    /// Its height.
    pub height: u64,
    /// Its hash, in base64url; `None` where only the node can compute it (EVM).
    pub hash: Option<String>,
    /// The mean number of hashes for a solution.
    pub difficulty: f64,
    /// The device or thread that found it, if it has a name.
    pub worker: Option<String>,
    /// When it was found.
    pub found: i64,
    /// The expected number of blocks of all runs until then; `None` if hashes are not known.
    pub expected: Option<f64>,
    /// What became of it.
    pub fate: Fate,
    /// When its fate last changed.
    pub fate_at: i64,
    /// The number of blocks on top of it, or of the other one.
    pub depth: Option<u64>,
    /// The hash of the block in its place.
    pub other: Option<String>,
    /// The error, or why it is no longer looked up.
    pub detail: Option<String>,
}

/// The length of a span of totals. In memory, fewer spans are kept: a day of minutes, 31 days of
/// hours, and a tenth of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// A minute; the latest week is kept. Workers have no totals by minute.
    Minute,
    /// An hour; the latest 90 days are kept, of workers 31.
    Hour,
    /// A day in UTC; all are kept, of workers 400.
    Day,
}

impl Span {
    /// Returns its length in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Minute => MINUTE,
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }
}

/// The totals of a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Total {
    /// The start of the span, in seconds since the Unix epoch.
    pub start: i64,
    /// What was done.
    pub totals: Totals,
}

/// The totals of a worker in a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerTotal {
    /// The start of the span, in seconds since the Unix epoch.
    pub start: i64,
    /// Hashes; `None` if they are not known.
    pub hashes: Option<f64>,
    /// Accepted shares.
    pub shares: u64,
}

/// A worker of this run or an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// When it first did something.
    pub first_seen: i64,
    /// When it last did something.
    pub last_seen: i64,
    /// All it did.
    pub totals: Totals,
    /// The difficulty of its best share, if it has one.
    pub best_share: Option<f64>,
    /// The level of its last share, if it has one.
    pub level: Option<u16>,
}

/// Reads the history. Each call opens a connection and waits for the disk, so it is for a thread
/// that may block. It also works after the file was replaced.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) database: Database,
    health: Arc<Health>,
}

impl Reader {
    pub(super) fn new(database: Database, health: Arc<Health>) -> Self {
        Self { database, health }
    }

    /// Returns when this program last wrote the history, in milliseconds since the Unix epoch:
    /// about a minute ago at most, unless the disk fails. What happened since may be missing.
    pub fn as_of(&self) -> i64 {
        self.health.written.load(Ordering::Relaxed)
    }

    /// Returns up to `most` blocks before a row, the latest first; those of one fate if it is
    /// given.
    ///
    /// # Errors
    /// Returns the error of the database, here and below.
    pub fn blocks(
        &self,
        before: Option<i64>,
        fate: Option<Fate>,
        most: u32,
    ) -> Result<Vec<Block>, HistoryError> {
        let before = before.unwrap_or(i64::MAX);
        match fate {
            None => {
                let sql = "SELECT * FROM block WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
                self.rows(sql, &[&before, &most], block)
            }
            Some(fate) => {
                let sql = "SELECT * FROM block WHERE id < ?1 AND fate = ?3
                    ORDER BY id DESC LIMIT ?2";
                self.rows(sql, &[&before, &most, &fate.name()], block)
            }
        }
    }

    /// Returns the number of blocks of each fate that occurs.
    pub fn fates(&self) -> Result<Vec<(Fate, u64)>, HistoryError> {
        let sql = "SELECT fate, count(*) AS blocks FROM block GROUP BY fate";
        self.rows(sql, &[], |row| Ok((fate(row)?, unsigned(row, "blocks")?)))
    }

    /// Returns the same of the blocks found at a time in milliseconds since the Unix epoch, or
    /// later.
    pub fn fates_since(&self, found: i64) -> Result<Vec<(Fate, u64)>, HistoryError> {
        let sql = "SELECT fate, count(*) AS blocks FROM block WHERE found >= ?1 GROUP BY fate";
        self.rows(sql, &[&found], |row| {
            Ok((fate(row)?, unsigned(row, "blocks")?))
        })
    }

    /// Returns the totals of the spans that start at `from`, in seconds since the Unix epoch, or
    /// later, the earliest first. A span in which the program did not run is left out.
    pub fn totals(&self, span: Span, from: i64) -> Result<Vec<Total>, HistoryError> {
        let sql = "SELECT * FROM total WHERE span = ?1 AND start >= ?2 ORDER BY start";
        self.rows(sql, &[&span.seconds(), &from], |row| {
            Ok(Total {
                start: row.get("start")?,
                totals: totals(row)?,
            })
        })
    }

    /// Returns all workers by name.
    pub fn workers(&self) -> Result<Vec<Worker>, HistoryError> {
        self.rows("SELECT * FROM worker ORDER BY name", &[], worker)
    }

    /// Returns the worker of this name, if there is one.
    pub fn worker(&self, name: &str) -> Result<Option<Worker>, HistoryError> {
        let database = self.database.connect_to_read()?;
        let sql = "SELECT * FROM worker WHERE name = ?1";
        Ok(database.query_row(sql, [name], worker).optional()?)
    }

    /// Returns the totals of a worker, as [`Reader::totals`] does. A span in which it did nothing
    /// is left out.
    pub fn worker_totals(
        &self,
        name: &str,
        span: Span,
        from: i64,
    ) -> Result<Vec<WorkerTotal>, HistoryError> {
        // Row by row: the table is in the order of time.
        let sql = "SELECT total.start, part.hashes, part.shares
            FROM total CROSS JOIN worker_total AS part
                ON part.span = total.span AND part.start = total.start
            WHERE total.span = ?1 AND total.start >= ?2
                AND part.worker = (SELECT id FROM worker WHERE name = ?3)
            ORDER BY total.start";
        self.rows(sql, &[&span.seconds(), &from, &name], |row| {
            Ok(WorkerTotal {
                start: row.get("start")?,
                hashes: row.get("hashes")?,
                shares: unsigned(row, "shares")?,
            })
        })
    }

    /// Returns the outages that lasted at a time in milliseconds since the Unix epoch, or later,
    /// the earliest first.
    pub fn outages(&self, from: i64) -> Result<Vec<Outage>, HistoryError> {
        let sql = "SELECT * FROM outage WHERE until IS NULL OR until >= ?1 ORDER BY since";
        self.rows(sql, &[&from], |row| {
            Ok(Outage {
                node: row.get("node")?,
                since: row.get("since")?,
                until: row.get("until")?,
                cause: row.get("cause")?,
            })
        })
    }

    fn rows<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        read: impl FnMut(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Vec<T>, HistoryError> {
        let database = self.database.connect_to_read()?;
        let mut query = database.prepare(sql)?;
        let rows = query.query_map(params_from_iter(values), read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Returns a number that SQLite keeps as a signed one.
fn unsigned(row: &Row<'_>, name: &str) -> Result<u64, rusqlite::Error> {
    Ok(row.get::<_, i64>(name)?.cast_unsigned())
}

fn fate(row: &Row<'_>) -> Result<Fate, rusqlite::Error> {
    let name: String = row.get("fate")?;
    // Only another program writes other names.
    Ok(Fate::named(&name).unwrap_or(Fate::Untracked))
}

fn block(row: &Row<'_>) -> Result<Block, rusqlite::Error> {
    Ok(Block {
        row: row.get("id")?,
        network: row.get("network")?,
        node: row.get("node")?,
        chain: row.get("chain")?,
        height: unsigned(row, "height")?,
        hash: row.get("hash")?,
        difficulty: row.get("difficulty")?,
        worker: row.get("worker")?,
        found: row.get("found")?,
        expected: row.get("expected")?,
        fate: fate(row)?,
        fate_at: row.get("fate_at")?,
        depth: row.get::<_, Option<i64>>("depth")?.map(i64::cast_unsigned),
        other: row.get("other")?,
        detail: row.get("detail")?,
    })
}

fn worker(row: &Row<'_>) -> Result<Worker, rusqlite::Error> {
    Ok(Worker {
        name: row.get("name")?,
        first_seen: row.get("first_seen")?,
        last_seen: row.get("last_seen")?,
        totals: totals(row)?,
        best_share: row.get("best_share")?,
        level: row.get("level")?,
    })
}

fn totals(row: &Row<'_>) -> Result<Totals, rusqlite::Error> {
    Ok(Totals {
        hashes: row.get("hashes")?,
        expected: row.get("expected")?,
        stale_hashes: row.get("stale_hashes")?,
        shares_accepted: unsigned(row, "shares_accepted")?,
        shares_stale: unsigned(row, "shares_stale")?,
        shares_rejected: unsigned(row, "shares_rejected")?,
        blocks: unsigned(row, "blocks")?,
    })
}
