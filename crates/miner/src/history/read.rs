//! What readers ask for.

use rusqlite::{Connection, OpenFlags, Row, ToSql, params_from_iter};

use super::HistoryError;
use super::place::connect;
use super::record::{Fate, Totals};

/// A block of ours.
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
    /// When it was found, in milliseconds since the Unix epoch.
    pub found: i64,
    /// The expected number of blocks since the last confirmed one.
    pub expected: Option<f64>,
    /// What became of it.
    pub fate: Fate,
    /// When that changed last, in milliseconds since the Unix epoch.
    pub fate_at: i64,
    /// The number of blocks on top of it, or of the other one.
    pub depth: Option<u64>,
    /// The block in its place.
    pub other: Option<String>,
    /// The error, or why it is no longer looked up.
    pub detail: Option<String>,
}

/// The spans of totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// For seven days.
    Minute,
    /// For ninety days; of workers, for 31 days.
    Hour,
    /// For ever; of workers, for 400 days.
    Day,
}

impl Span {
    /// Returns its length in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }
}

/// What was done in a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Total {
    /// The start of the span, in seconds since the Unix epoch.
    pub start: i64,
    /// What was done.
    pub totals: Totals,
}

/// A worker, as far as it is remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// When it was first seen, in milliseconds since the Unix epoch.
    pub first_seen: i64,
    /// The same of the last time.
    pub last_seen: i64,
    /// All it did.
    pub totals: Totals,
    /// The difficulty of its best share; 0 without one.
    pub best_share: f64,
    /// The level of its last share target.
    pub level: Option<u32>,
}

/// A time without work from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The address of the node.
    pub node: String,
    /// Its start, in milliseconds since the Unix epoch.
    pub since: i64,
    /// Its end, unless it lasts or the program ended first.
    pub until: Option<i64>,
    /// The error.
    pub cause: String,
}

/// A connection that reads. Its calls wait for the disk.
#[derive(Debug)]
pub struct Reader {
    database: Connection,
}

impl Reader {
    pub(super) fn open(name: &str, is_memory: bool) -> Result<Self, HistoryError> {
        // A database in memory has no read-only connections.
        let flags = if is_memory {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        };
        let database = connect(name, flags, is_memory)?;
        database.pragma_update(None, "query_only", true)?;
        Ok(Self { database })
    }

    /// Returns up to `most` blocks before a row, the latest first; those of one fate if it is given.
    ///
    /// # Errors
    /// Returns the error of the database.
    pub fn blocks(
        &self,
        before: Option<i64>,
        fate: Option<Fate>,
        most: u32,
    ) -> Result<Vec<Block>, HistoryError> {
        let sql = "SELECT * FROM block
            WHERE id < ?1 AND (?2 IS NULL OR fate = ?2) ORDER BY id DESC LIMIT ?3";
        let (before, fate) = (before.unwrap_or(i64::MAX), fate.map(Fate::name));
        self.rows(sql, &[&before, &fate, &most], block)
    }

    /// Returns the number of blocks of each fate that occurs.
    ///
    /// # Errors
    /// Returns the error of the database.
    pub fn fates(&self) -> Result<Vec<(Fate, u64)>, HistoryError> {
        let sql = "SELECT fate, count(*) AS blocks FROM block GROUP BY fate";
        self.rows(sql, &[], |row| Ok((fate(row)?, unsigned(row, "blocks")?)))
    }

    /// Returns the totals of the spans that start at a time or later, in seconds since the Unix
    /// epoch, the earliest first. A span in which nothing was recorded is left out.
    ///
    /// # Errors
    /// Returns the error of the database.
    pub fn totals(&self, span: Span, from: i64) -> Result<Vec<Total>, HistoryError> {
        let sql = "SELECT * FROM total WHERE span = ?1 AND start >= ?2 ORDER BY start";
        self.rows(sql, &[&span.seconds(), &from], |row| {
            Ok(Total {
                start: row.get("start")?,
                totals: totals(row, true)?,
            })
        })
    }

    /// Returns all workers by name.
    ///
    /// # Errors
    /// Returns the error of the database.
    pub fn workers(&self) -> Result<Vec<Worker>, HistoryError> {
        self.rows("SELECT * FROM worker ORDER BY name", &[], |row| {
            Ok(Worker {
                name: row.get("name")?,
                first_seen: row.get("first_seen")?,
                last_seen: row.get("last_seen")?,
                totals: totals(row, false)?,
                best_share: row.get("best_share")?,
                level: row.get("level")?,
            })
        })
    }

    /// Returns the start of each hour or day in which a worker was seen, from a time on in seconds
    /// since the Unix epoch, with its hashes and accepted shares.
    ///
    /// # Errors
    /// Returns the error of the database.
    pub fn worker_totals(
        &self,
        name: &str,
        span: Span,
        from: i64,
    ) -> Result<Vec<(i64, f64, u64)>, HistoryError> {
        let sql = "SELECT start, worker_total.hashes, shares FROM worker_total
            JOIN worker ON worker.id = worker
            WHERE name = ?1 AND span = ?2 AND start >= ?3 ORDER BY start";
        self.rows(sql, &[&name, &span.seconds(), &from], |row| {
            Ok((row.get(0)?, row.get(1)?, unsigned(row, "shares")?))
        })
    }

    /// Returns the outages that lasted after a time in milliseconds since the Unix epoch, the
    /// earliest first.
    ///
    /// # Errors
    /// Returns the error of the database.
    pub fn outages(&self, from: i64) -> Result<Vec<Outage>, HistoryError> {
        let sql = "SELECT * FROM outage WHERE coalesce(until, since) >= ?1 ORDER BY since";
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
        let mut query = self.database.prepare_cached(sql)?;
        let rows = query.query_map(params_from_iter(values), read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn fate(row: &Row<'_>) -> Result<Fate, rusqlite::Error> {
    let name: String = row.get("fate")?;
    // A newer program has written it.
    Ok(Fate::named(&name).unwrap_or(Fate::Untracked))
}

/// Returns an unsigned number, which SQLite does not have.
fn unsigned(row: &Row<'_>, name: &str) -> Result<u64, rusqlite::Error> {
    Ok(row.get::<_, i64>(name)?.cast_unsigned())
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
        depth: row
            .get("depth")
            .map(|depth: Option<i64>| depth.map(i64::cast_unsigned))?,
        other: row.get("other")?,
        detail: row.get("detail")?,
    })
}

fn totals(row: &Row<'_>, is_whole: bool) -> Result<Totals, rusqlite::Error> {
    let of_all = |name| {
        if is_whole {
            row.get::<_, f64>(name)
        } else {
            Ok(0.0)
        }
    };
    Ok(Totals {
        hashes: row.get("hashes")?,
        expected: of_all("expected")?,
        stale_hashes: of_all("stale_hashes")?,
        shares_accepted: unsigned(row, "shares_accepted")?,
        shares_stale: unsigned(row, "shares_stale")?,
        shares_rejected: unsigned(row, "shares_rejected")?,
        blocks: unsigned(row, "blocks")?,
    })
}
