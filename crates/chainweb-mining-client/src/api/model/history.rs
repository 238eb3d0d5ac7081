//! What outlives the program: blocks and totals.

use miner::history::{self, Fate};
use serde::Serialize;
use utoipa::ToSchema;

use super::rounded;

/// Blocks of ours, of this run and earlier ones, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockPage {
    /// The blocks.
    pub(crate) blocks: Vec<Block>,
    /// The value of `before` for the blocks before these; `null` if these are the first ones.
    pub(crate) next_before: Option<i64>,
    /// The number of all remembered blocks by fate.
    pub(crate) fates: Vec<FateCount>,
    /// When the history was last written: what happened since may be missing. About a minute ago at
    /// most, unless the disk fails.
    pub(crate) as_of_unix_ms: i64,
}

/// The number of blocks of a fate.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FateCount {
    /// The fate.
    fate: &'static str,
    /// The number of blocks.
    blocks: u64,
}

/// A block of ours.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Block {
    /// Its number in the history: larger for a later block.
    pub(crate) id: i64,
    /// When it was found.
    found_unix_ms: i64,
    /// The network.
    network: String,
    /// The address of the node that issued its work.
    node: String,
    /// Its chain.
    chain: u32,
    /// Its height.
    height: u64,
    /// Its hash, in base64url; `null` where only the node can compute it (EVM).
    hash: Option<String>,
    /// The mean number of hashes for a solution.
    difficulty: f64,
    /// The device or thread that found it, if it has a name.
    worker: Option<String>,
    /// The expected blocks of all runs until then.
    expected_blocks: Option<f64>,
    /// `found` (not sent yet), `submitted`, `uncertain` (perhaps taken), `accepted` (in the cut),
    /// `displaced` (another block in its place for now), `confirmed` and `orphaned` (for good),
    /// `rejected`, `stale` (too late), `untracked` (no longer looked up) or `lost`.
    fate: &'static str,
    /// When its fate last changed.
    fate_unix_ms: i64,
    /// The number of blocks on top of it, or of the other one.
    depth: Option<u64>,
    /// The hash of the block in its place.
    replaced_by: Option<String>,
    /// The error, or why it is no longer looked up.
    detail: Option<String>,
}

/// Totals by minute, hour or day (UTC), and outages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    /// `minute`, `hour` or `day`.
    pub(crate) span: &'static str,
    /// The totals, the earliest first. A span in which the program did not run is left out.
    pub(crate) totals: Vec<Total>,
    /// Times without work from a node.
    pub(crate) outages: Vec<Outage>,
    /// When the history was last written: what happened since may be missing. About a minute ago at
    /// most, unless the disk fails.
    pub(crate) as_of_unix_ms: i64,
}

/// The totals of a worker by hour or day (UTC).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkerHistory {
    /// `hour` or `day`.
    pub(crate) span: &'static str,
    /// The totals, the earliest first. A span in which it did nothing is left out.
    pub(crate) totals: Vec<WorkerTotal>,
    /// When the history was last written: what happened since may be missing. About a minute ago at
    /// most, unless the disk fails.
    pub(crate) as_of_unix_ms: i64,
}

/// What was done in a span.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Total {
    /// The start of the span.
    start_unix_ms: i64,
    /// Hashes.
    hashes: Option<f64>,
    /// Expected blocks.
    expected_blocks: Option<f64>,
    /// Hashes for outdated work.
    stale_hashes: Option<f64>,
    /// Accepted shares.
    shares_accepted: u64,
    /// Shares refused because their work was outdated.
    shares_stale: u64,
    /// Shares refused for other reasons.
    shares_rejected: u64,
    /// Blocks found.
    blocks_found: u64,
}

/// What a worker did in a span.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct WorkerTotal {
    /// The start of the span.
    start_unix_ms: i64,
    /// Hashes.
    hashes: Option<f64>,
    /// Accepted shares.
    shares_accepted: u64,
}

/// The devices of all runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KnownWorkers {
    /// The devices in the order of their names.
    pub(crate) workers: Vec<KnownWorker>,
    /// When the history was last written: what happened since may be missing. About a minute ago at
    /// most, unless the disk fails.
    pub(crate) as_of_unix_ms: i64,
}

/// What the history has of a device: the sums of all runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KnownWorker {
    /// Its name: text that a stranger has chosen.
    name: String,
    /// When it first did something.
    first_seen_unix_ms: i64,
    /// When it last did something.
    last_seen_unix_ms: i64,
    /// Hashes.
    hashes: Option<f64>,
    /// Expected blocks.
    expected_blocks: Option<f64>,
    /// Accepted shares.
    shares_accepted: u64,
    /// Shares refused because their work was outdated.
    shares_stale: u64,
    /// Shares refused for other reasons.
    shares_rejected: u64,
    /// Blocks found.
    blocks_found: u64,
    /// The difficulty of its best share.
    best_share_difficulty: Option<f64>,
    /// The share difficulty of its last share, in leading zero bits.
    difficulty_bits: Option<u16>,
}

/// A time without work from a node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Outage {
    /// The address of the node.
    node: String,
    /// Its start.
    since_unix_ms: i64,
    /// Its end; `null` while it lasts, and if the program ended first.
    until_unix_ms: Option<i64>,
    /// The cause.
    cause: String,
}

impl From<(Fate, u64)> for FateCount {
    fn from((fate, blocks): (Fate, u64)) -> Self {
        Self {
            fate: fate.name(),
            blocks,
        }
    }
}

impl From<history::Block> for Block {
    fn from(block: history::Block) -> Self {
        Self {
            id: block.row,
            found_unix_ms: block.found,
            network: block.network,
            node: block.node,
            chain: block.chain,
            height: block.height,
            hash: block.hash,
            difficulty: rounded(block.difficulty),
            worker: block.worker,
            expected_blocks: block.expected.map(rounded),
            fate: block.fate.name(),
            fate_unix_ms: block.fate_at,
            depth: block.depth,
            replaced_by: block.other,
            detail: block.detail,
        }
    }
}

impl From<history::Total> for Total {
    fn from(total: history::Total) -> Self {
        let totals = total.totals;
        Self {
            start_unix_ms: total.start.saturating_mul(1000),
            hashes: totals.hashes.map(rounded),
            expected_blocks: totals.expected.map(rounded),
            stale_hashes: totals.stale_hashes.map(rounded),
            shares_accepted: totals.shares_accepted,
            shares_stale: totals.shares_stale,
            shares_rejected: totals.shares_rejected,
            blocks_found: totals.blocks,
        }
    }
}

impl From<history::WorkerTotal> for WorkerTotal {
    fn from(total: history::WorkerTotal) -> Self {
        Self {
            start_unix_ms: total.start.saturating_mul(1000),
            hashes: total.hashes.map(rounded),
            shares_accepted: total.shares,
        }
    }
}

impl From<history::Worker> for KnownWorker {
    fn from(worker: history::Worker) -> Self {
        let totals = worker.totals;
        Self {
            name: worker.name,
            first_seen_unix_ms: worker.first_seen,
            last_seen_unix_ms: worker.last_seen,
            hashes: totals.hashes.map(rounded),
            expected_blocks: totals.expected.map(rounded),
            shares_accepted: totals.shares_accepted,
            shares_stale: totals.shares_stale,
            shares_rejected: totals.shares_rejected,
            blocks_found: totals.blocks,
            best_share_difficulty: worker.best_share.map(rounded),
            difficulty_bits: worker.level,
        }
    }
}

impl From<history::Outage> for Outage {
    fn from(outage: history::Outage) -> Self {
        Self {
            node: outage.node,
            since_unix_ms: outage.since,
            until_unix_ms: outage.until,
            cause: outage.cause,
        }
    }
}
