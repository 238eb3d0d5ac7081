//! What is written: the journal of solved headers, the fate of blocks, totals, and outages.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use chainweb::{BlockHash, ChainId};
use rusqlite::types::Value;
use rusqlite::{Connection, named_params, params, params_from_iter};

use crate::job::JobId;

/// The number of blocks that are kept.
const MAX_BLOCKS: i64 = 100_000;
/// The number of workers that are kept.
const MAX_WORKERS: i64 = 10_000;
/// The number of blocks that are kept in memory.
const MAX_BLOCKS_IN_MEMORY: i64 = 10_000;
/// The number of outages that are kept.
const MAX_OUTAGES: i64 = 10_000;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// The spans of totals in seconds, and how many of them are kept on a disk and in memory: by
/// number, so that a wrong clock deletes none. In memory too a day, a week and a month are whole.
const SPANS: [(i64, [i64; 2]); 3] = [
    (MINUTE, [7 * 1440, 1440]),
    (HOUR, [90 * 24, 31 * 24]),
    (DAY, [36_500, 3650]),
];
/// The same for the totals of workers.
const WORKER_SPANS: [(i64, [i64; 2]); 2] = [(HOUR, [31 * 24, 3 * 24]), (DAY, [400, 40])];

/// The columns of [`Totals`], and their sums with those of the same row.
const COLUMNS: &str =
    "hashes, expected, stale_hashes, shares_accepted, shares_stale, shares_rejected, blocks";
const SUMS: &str = "hashes = coalesce(hashes + excluded.hashes, hashes, excluded.hashes),
    expected = coalesce(expected + excluded.expected, expected, excluded.expected),
    stale_hashes =
        coalesce(stale_hashes + excluded.stale_hashes, stale_hashes, excluded.stale_hashes),
    shares_accepted = shares_accepted + excluded.shares_accepted,
    shares_stale = shares_stale + excluded.shares_stale,
    shares_rejected = shares_rejected + excluded.shares_rejected,
    blocks = blocks + excluded.blocks";

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A worker found it. No node is known to have it.
    Found,
    /// A node took it.
    Submitted,
    /// Whether a node took it is unknown.
    Uncertain,
    /// It is in the cut.
    Accepted,
    /// Another block stands at its height for now.
    Displaced,
    /// It is in the cut for good.
    Confirmed,
    /// Another block stands at its height for good.
    Orphaned,
    /// The node refused it.
    Rejected,
    /// It came too late.
    Stale,
    /// It is no longer looked up.
    Untracked,
    /// The program ended before a node took it, and started again too late.
    Lost,
}

impl Fate {
    /// All of them, in the order of a block's life.
    pub const ALL: [Self; 11] = [
        Self::Found,
        Self::Submitted,
        Self::Uncertain,
        Self::Accepted,
        Self::Displaced,
        Self::Confirmed,
        Self::Orphaned,
        Self::Rejected,
        Self::Stale,
        Self::Untracked,
        Self::Lost,
    ];

    /// Returns its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Submitted => "submitted",
            Self::Uncertain => "uncertain",
            Self::Accepted => "accepted",
            Self::Displaced => "displaced",
            Self::Confirmed => "confirmed",
            Self::Orphaned => "orphaned",
            Self::Rejected => "rejected",
            Self::Stale => "stale",
            Self::Untracked => "untracked",
            Self::Lost => "lost",
        }
    }

    /// Returns the fate of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.name() == name)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A solved header, for the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The job, which names the block for the life of the program.
    pub job: JobId,
    /// The network of the node.
    pub network: String,
    /// The address of the node that issued the work.
    pub node: String,
    /// The chain of the block.
    pub chain: ChainId,
    /// Its height.
    pub height: u64,
    /// Its hash; `None` where only the node can compute it (EVM).
    pub hash: Option<BlockHash>,
    /// The header as submitted.
    pub header: Vec<u8>,
    /// The mean number of hashes for a solution.
    pub difficulty: f64,
    /// The device or thread that found it, if it has a name.
    pub worker: Option<String>,
    /// When the node last issued the work.
    pub issued: SystemTime,
    /// When it was found.
    pub found: SystemTime,
    /// The expected number of blocks of all runs until then; `None` if hashes are not known.
    pub expected: Option<f64>,
}

/// A block in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKey {
    /// The block of a job of this run.
    Job(JobId),
    /// The row of a block of an earlier run.
    Row(i64),
}

/// A change of a block's fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The block.
    pub block: BlockKey,
    /// Its fate from now on.
    pub fate: Fate,
    /// Its hash, if that is known by now.
    pub hash: Option<BlockHash>,
    /// The time of the change.
    pub at: SystemTime,
    /// The number of blocks on top of it, or of the other one.
    pub depth: Option<u64>,
    /// The block in its place.
    pub other: Option<BlockHash>,
    /// The error, or why it is no longer looked up.
    pub detail: Option<String>,
}

/// What was done in a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Hashes; `None` if they are not known, here and below.
    pub hashes: Option<f64>,
    /// Expected blocks.
    pub expected: Option<f64>,
    /// Hashes for outdated work.
    pub stale_hashes: Option<f64>,
    /// Accepted shares.
    pub shares_accepted: u64,
    /// Shares refused because their work was outdated.
    pub shares_stale: u64,
    /// Shares refused for other reasons.
    pub shares_rejected: u64,
    /// Blocks found.
    pub blocks: u64,
}

/// What a worker has done since its last record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkerTotals {
    /// Its name.
    pub name: String,
    /// What it did.
    pub totals: Totals,
    /// The difficulty of its best share ever, if it has one.
    pub best_share: Option<f64>,
    /// The level of its last share, if it has one.
    pub level: Option<u16>,
}

/// A time without work from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The address of the node.
    pub node: String,
    /// Its start, in milliseconds since the Unix epoch.
    pub since: i64,
    /// Its end; `None` while it lasts, and if the program ended first.
    pub until: Option<i64>,
    /// The cause.
    pub cause: String,
}

/// Something to be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A solved header.
    Found(Box<Found>),
    /// A change of a block's fate.
    Change(Change),
    /// What was done in the minute around a time, in all and by each worker.
    Totals(SystemTime, Totals, Vec<WorkerTotals>),
    /// The start of an outage, or its end.
    Outage(Outage),
}

/// Returns the time in milliseconds since the Unix epoch.
pub(crate) fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the start of the span around a time, in seconds since the Unix epoch.
pub(super) fn start(time: SystemTime, span: i64) -> i64 {
    let seconds = milliseconds(time) / 1000;
    seconds - seconds % span
}

impl Record {
    /// Writes the record. `run` is the row of this run.
    pub(super) fn write(&self, db: &Connection, run: i64) -> Result<(), rusqlite::Error> {
        match self {
            Self::Found(found) => found.write(db, run),
            Self::Change(change) => change.write(db, run),
            Self::Totals(at, totals, workers) => {
                totals.add(db, *at)?;
                workers.iter().try_for_each(|worker| worker.add(db, *at))
            }
            Self::Outage(outage) => {
                let sql = "INSERT INTO outage (node, since, until, cause)
                    VALUES (?1, ?2, max(?2, ?3), ?4)
                    ON CONFLICT DO UPDATE SET until = excluded.until, cause = excluded.cause";
                let Outage {
                    node,
                    since,
                    until,
                    cause,
                } = outage;
                let row = params![node, since, until, cause];
                db.prepare_cached(sql)?.execute(row).map(drop)
            }
        }
    }
}

impl Found {
    fn write(&self, db: &Connection, run: i64) -> Result<(), rusqlite::Error> {
        let sql = "INSERT OR IGNORE INTO block (run, job, network, node, chain, height, hash,
                header, difficulty, worker, issued, found, expected, fate, fate_at)
            VALUES (:run, :job, :network, :node, :chain, :height, :hash, :header, :difficulty,
                :worker, :issued, :found, :expected, :fate, :found)";
        db.prepare_cached(sql)?
            .execute(named_params! {
                ":run": run,
                ":job": self.job.0.cast_signed(),
                ":network": self.network,
                ":node": self.node,
                ":chain": self.chain.get(),
                ":height": self.height.cast_signed(),
                ":hash": self.hash.map(|hash| hash.to_string()),
                ":header": self.header,
                ":difficulty": self.difficulty,
                ":worker": self.worker,
                ":issued": milliseconds(self.issued),
                ":found": milliseconds(self.found),
                ":expected": self.expected,
                ":fate": Fate::Found.name(),
            })
            .map(drop)
    }
}

impl Change {
    /// Returns a change to this fate, without details.
    pub(crate) fn new(block: BlockKey, fate: Fate, at: SystemTime) -> Self {
        Self {
            block,
            fate,
            hash: None,
            at,
            depth: None,
            other: None,
            detail: None,
        }
    }

    fn write(&self, db: &Connection, run: i64) -> Result<(), rusqlite::Error> {
        let (sql, key) = match self.block {
            BlockKey::Job(job) => ("run = :run AND job = :key", job.0.cast_signed()),
            // A new file may have taken the place of the one with that row.
            BlockKey::Row(row) => ("run <> :run AND id = :key", row),
        };
        let sql = format!(
            "UPDATE block SET fate = :fate, fate_at = :at, depth = :depth,
                other = :other, detail = :detail, hash = coalesce(:hash, hash) WHERE {sql}"
        );
        db.prepare_cached(&sql)?
            .execute(named_params! {
                ":run": run,
                ":key": key,
                ":fate": self.fate.name(),
                ":at": milliseconds(self.at),
                ":depth": self.depth.map(u64::cast_signed),
                ":other": self.other.map(|hash| hash.to_string()),
                ":hash": self.hash.map(|hash| hash.to_string()),
                ":detail": self.detail,
            })
            .map(drop)
    }
}

impl Totals {
    /// Returns what was added since `before`. Sums that are less than before started again at zero.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let more = |now: u64, before| now.checked_sub(before).unwrap_or(now);
        let known = |now: Option<f64>, before: Option<f64>| {
            let now = now?;
            let more = now - before.unwrap_or(0.0);
            Some(if more < 0.0 { now } else { more })
        };
        Self {
            hashes: known(self.hashes, before.hashes),
            expected: known(self.expected, before.expected),
            stale_hashes: known(self.stale_hashes, before.stale_hashes),
            shares_accepted: more(self.shares_accepted, before.shares_accepted),
            shares_stale: more(self.shares_stale, before.shares_stale),
            shares_rejected: more(self.shares_rejected, before.shares_rejected),
            blocks: more(self.blocks, before.blocks),
        }
    }

    /// Adds the totals to those of the minute, hour and day around a time.
    pub(super) fn add(&self, db: &Connection, at: SystemTime) -> Result<(), rusqlite::Error> {
        let sql = format!(
            "INSERT INTO total (span, start, {COLUMNS})
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET {SUMS}"
        );
        let mut query = db.prepare_cached(&sql)?;
        for (span, _) in SPANS {
            let key = [span.into(), start(at, span).into()];
            query.execute(params_from_iter(key.into_iter().chain(self.values())))?;
        }
        Ok(())
    }

    /// Returns the values of [`COLUMNS`].
    fn values(&self) -> [Value; 7] {
        [
            self.hashes.into(),
            self.expected.into(),
            self.stale_hashes.into(),
            self.shares_accepted.cast_signed().into(),
            self.shares_stale.cast_signed().into(),
            self.shares_rejected.cast_signed().into(),
            self.blocks.cast_signed().into(),
        ]
    }
}

impl WorkerTotals {
    fn add(&self, db: &Connection, at: SystemTime) -> Result<(), rusqlite::Error> {
        let sql = format!(
            "INSERT INTO worker (name, first_seen, last_seen, best_share, level, {COLUMNS})
            VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
            ON CONFLICT (name) DO UPDATE SET
                last_seen = max(last_seen, excluded.last_seen),
                best_share =
                    nullif(max(coalesce(best_share, 0), coalesce(excluded.best_share, 0)), 0),
                level = coalesce(excluded.level, level), {SUMS}
            RETURNING id"
        );
        let totals = &self.totals;
        let key = [
            self.name.clone().into(),
            milliseconds(at).into(),
            self.best_share.into(),
            self.level.map(i64::from).into(),
        ];
        let row = params_from_iter(key.into_iter().chain(totals.values()));
        let id: i64 = db.prepare_cached(&sql)?.query_row(row, |row| row.get(0))?;
        for (span, _) in WORKER_SPANS {
            let sql = "INSERT INTO worker_total (span, start, worker, hashes, shares)
                VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET
                    hashes = coalesce(hashes + excluded.hashes, hashes, excluded.hashes),
                    shares = shares + excluded.shares";
            let shares = totals.shares_accepted.cast_signed();
            let row = params![span, start(at, span), id, totals.hashes, shares];
            db.prepare_cached(sql)?.execute(row)?;
        }
        Ok(())
    }
}

/// Deletes all but the latest of everything.
pub(super) fn prune(db: &Connection, is_memory: bool) -> Result<(), rusqlite::Error> {
    let blocks = [MAX_BLOCKS, MAX_BLOCKS_IN_MEMORY][usize::from(is_memory)];
    for (table, most) in [("block", blocks), ("outage", MAX_OUTAGES)] {
        let sql = format!("DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?1");
        db.execute(&sql, [most])?;
    }
    let totals = SPANS.iter().map(|span| ("total", span));
    let of_workers = WORKER_SPANS.iter().map(|span| ("worker_total", span));
    for (table, (span, most)) in totals.chain(of_workers) {
        // Each start of a worker's total is also one of the whole.
        let sql = format!(
            "DELETE FROM {table} WHERE span = ?1 AND start <= (SELECT start FROM total
                WHERE span = ?1 ORDER BY start DESC LIMIT 1 OFFSET ?2)"
        );
        db.execute(&sql, [*span, most[usize::from(is_memory)]])?;
    }
    let sql = "DELETE FROM worker
        WHERE id NOT IN (SELECT id FROM worker ORDER BY last_seen DESC LIMIT ?1)";
    if db.execute(sql, [MAX_WORKERS])? > 0 {
        let sql = "DELETE FROM worker_total WHERE worker NOT IN (SELECT id FROM worker)";
        db.execute(sql, [])?;
    }
    Ok(())
}
