//! What is written: the journal of solved headers, and the fate of blocks.

use std::time::{SystemTime, UNIX_EPOCH};

use chainweb::{BlockHash, ChainId};
use rusqlite::{Connection, named_params, params};

use crate::job::JobId;

/// The number of blocks that are kept.
const MAX_BLOCKS: i64 = 100_000;

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

    /// Returns its name in the database and the API.
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
    /// The time of the change.
    pub at: SystemTime,
    /// The number of blocks on top of it, or of the other one.
    pub depth: Option<u64>,
    /// The block in its place.
    pub other: Option<BlockHash>,
    /// The error, or why it is no longer looked up.
    pub detail: Option<String>,
}

/// Something to be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A solved header.
    Found(Box<Found>),
    /// A change of a block's fate.
    Change(Change),
    /// A block of an earlier run is the block of this job from now on.
    Adopted(i64, JobId),
}

/// Returns the time in milliseconds since the Unix epoch.
pub(super) fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Record {
    /// Writes the record. `run` is the row of this run.
    pub(super) fn write(&self, db: &Connection, run: i64) -> Result<(), rusqlite::Error> {
        match self {
            Self::Found(found) => found.write(db, run),
            Self::Change(change) => change.write(db, run),
            Self::Adopted(row, job) => {
                let sql = "UPDATE block SET run = ?2, job = ?3 WHERE id = ?1";
                db.prepare_cached(sql)?
                    .execute(params![row, run, job.0.cast_signed()])
                    .map(drop)
            }
        }
    }
}

impl Found {
    fn write(&self, db: &Connection, run: i64) -> Result<(), rusqlite::Error> {
        let sql = "INSERT OR IGNORE INTO block (run, job, network, node, chain, height, hash,
                header, difficulty, worker, issued, found, fate, fate_at)
            VALUES (:run, :job, :network, :node, :chain, :height, :hash, :header, :difficulty,
                :worker, :issued, :found, :fate, :found)";
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
            at,
            depth: None,
            other: None,
            detail: None,
        }
    }

    fn write(&self, db: &Connection, run: i64) -> Result<(), rusqlite::Error> {
        let (sql, key) = match self.block {
            BlockKey::Job(job) => ("run = :run AND job = :key", job.0.cast_signed()),
            BlockKey::Row(row) => (":run = :run AND id = :key", row),
        };
        let sql = format!(
            "UPDATE block SET fate = :fate, fate_at = :at, depth = :depth,
                other = :other, detail = :detail WHERE {sql}"
        );
        db.prepare_cached(&sql)?
            .execute(named_params! {
                ":run": run,
                ":key": key,
                ":fate": self.fate.name(),
                ":at": milliseconds(self.at),
                ":depth": self.depth.map(u64::cast_signed),
                ":other": self.other.map(|hash| hash.to_string()),
                ":detail": self.detail,
            })
            .map(drop)
    }
}

/// Deletes all but the latest blocks.
pub(super) fn prune(db: &Connection) -> Result<(), rusqlite::Error> {
    let sql = "DELETE FROM block WHERE id <= (SELECT max(id) FROM block) - ?1";
    db.execute(sql, [MAX_BLOCKS]).map(drop)
}
