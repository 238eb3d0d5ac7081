//! What a run goes on from: the work of earlier runs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chainweb::{Difficulty, Level};
use rusqlite::{Connection, OptionalExtension};
use tracing::warn;

use super::fault::is_of_value;
use super::record::{Fate, HOUR, Totals, start};
use super::wall_clock;

/// The hours of which the hashes are known again.
const HOURS: i64 = 7 * 24;

/// The hashes of an hour, and its start.
pub type Hour = (SystemTime, f64);

/// The work of earlier runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earlier {
    /// The expected blocks.
    pub expected: f64,
    /// The expected blocks when the last confirmed block was found for which they are known; 0
    /// without one.
    pub expected_at_confirmed: f64,
    /// The hashes of each hour of the latest seven days with known hashes, the earliest first.
    pub hours: Vec<Hour>,
    /// The workers by name.
    pub workers: BTreeMap<String, EarlierWorker>,
}

/// A worker of earlier runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EarlierWorker {
    /// The difficulty of its best share, if it has one.
    pub best_share: Option<f64>,
    /// The level of its last share, if it has one.
    pub level: Option<u16>,
    /// The hashes of each hour of the latest seven days with known hashes, the earliest first.
    pub hours: Vec<Hour>,
}

impl Earlier {
    /// Returns what the Stratum server is to remember of workers.
    pub(crate) fn of_workers(&self) -> impl Iterator<Item = (String, stratum::Earlier)> {
        self.workers.iter().map(|(name, worker)| {
            let earlier = stratum::Earlier {
                best: worker.best_share.map(Difficulty::from_f64),
                level: worker.level.and_then(Level::new),
            };
            (name.clone(), earlier)
        })
    }

    /// Reads the work of earlier runs, or nothing if a value is damaged. Also completes what a run
    /// that was killed left open.
    pub(super) fn read(db: &Connection, now: SystemTime) -> Result<Self, rusqlite::Error> {
        match Self::try_read(db, now) {
            Err(error) if is_of_value(&error) => {
                warn!(event = "history_unreadable", %error, "a row of the history is damaged: the work of earlier runs does not count");
                Ok(Self::default())
            }
            read => read,
        }
    }

    fn try_read(db: &Connection, now: SystemTime) -> Result<Self, rusqlite::Error> {
        let minute = "(SELECT max(start) + 60 FROM total WHERE span = 60) * 1000";
        let sql = format!(
            "UPDATE outage SET until = max(since, coalesce({minute}, since)) WHERE until IS NULL"
        );
        db.execute(&sql, [])?;
        let sql = "SELECT coalesce(sum(expected), 0) FROM total WHERE span = 24 * 60 * 60";
        let mut expected: f64 = db.query_row(sql, [], |row| row.get(0))?;
        let sql = "SELECT expected, found FROM block WHERE expected IS NOT NULL
            ORDER BY id DESC LIMIT 1";
        let of_block = db.query_row(sql, [], |row| row.try_into()).optional()?;
        if let Some((of_block, found)) = of_block
            && expected < of_block
        {
            // The block is in the journal, and the work of its minute was lost.
            let lost = Totals {
                expected: Some(of_block - expected),
                ..Totals::default()
            };
            lost.add(db, time(i64::max(found, 0) / 1000))?;
            expected = of_block;
        }
        // So were the numbers of its blocks. Old rows are deleted, and nothing is missing then.
        let sql = "SELECT found FROM block ORDER BY id DESC LIMIT cast(max(0,
            (SELECT count(*) FROM block) - (SELECT total(blocks) FROM total
                WHERE span = 24 * 60 * 60)) AS INTEGER)";
        let mut missing = db.prepare(sql)?;
        for found in missing.query_map([], |row| row.get(0))? {
            let block = Totals {
                blocks: 1,
                ..Totals::default()
            };
            block.add(db, time(i64::max(found?, 0) / 1000))?;
        }
        let sql = "SELECT expected FROM block WHERE fate = ?1 AND expected IS NOT NULL
            ORDER BY id DESC LIMIT 1";
        let confirmed = db.query_row(sql, [Fate::Confirmed.name()], |row| row.get(0));
        Ok(Self {
            expected,
            expected_at_confirmed: confirmed.optional()?.unwrap_or(0.0),
            hours: hours(db, now)?,
            workers: workers(db, now)?,
        })
    }
}

/// Returns the hours with their starts by another clock, which shows `now` at present.
pub(crate) fn by_instant(hours: &[Hour], now: Instant) -> Vec<(Instant, f64)> {
    let clock = wall_clock();
    let known = hours.iter().filter_map(|(start, hashes)| {
        let ago = clock.duration_since(*start).ok()?;
        Some((now.checked_sub(ago)?, *hashes))
    });
    known.collect()
}

fn hours(db: &Connection, now: SystemTime) -> Result<Vec<Hour>, rusqlite::Error> {
    let sql = "SELECT start, hashes FROM total
        WHERE span = ?1 AND start >= ?2 AND hashes IS NOT NULL ORDER BY start";
    let mut query = db.prepare(sql)?;
    let rows = query.query_map([HOUR, start(now, HOUR) - HOURS * HOUR], |row| {
        Ok((time(row.get(0)?), row.get(1)?))
    })?;
    rows.collect()
}

/// Returns the time that is this many seconds after the Unix epoch.
fn time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs())
}

fn workers(
    db: &Connection,
    now: SystemTime,
) -> Result<BTreeMap<String, EarlierWorker>, rusqlite::Error> {
    let mut workers = BTreeMap::new();
    let mut query = db.prepare("SELECT id, name, best_share, level FROM worker")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let worker = EarlierWorker {
            best_share: row.get(2)?,
            level: row.get(3)?,
            hours: Vec::new(),
        };
        workers.insert(row.get::<_, i64>(0)?, (row.get(1)?, worker));
    }
    let sql = "SELECT worker, start, hashes FROM worker_total
        WHERE span = ?1 AND start >= ?2 AND hashes IS NOT NULL ORDER BY start";
    let mut query = db.prepare(sql)?;
    let mut rows = query.query([HOUR, start(now, HOUR) - HOURS * HOUR])?;
    while let Some(row) = rows.next()? {
        if let Some((_, worker)) = workers.get_mut(&row.get(0)?) {
            worker.hours.push((time(row.get(1)?), row.get(2)?));
        }
    }
    Ok(workers.into_values().collect())
}
