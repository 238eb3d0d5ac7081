//! Configuration of a simulated network: graph, pace, miners and limits of the node.
//!
//! The defaults are those of a `development` network and of an unconfigured node
//! (`Chainweb/Miner/Config.hs`). The seed fixes every choice except real hashing. The time scale
//! divides the node's housekeeping durations, never the block delay or a time in a header.

mod network;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chainweb::{ChainGraph, Difficulty};
pub use network::{ForkRules, Preset, Release, version_code_of};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::faults::Rule;
use crate::incident::Incident;
use crate::observation::Observer;

/// Longer than any simulation.
const NEVER: Duration = Duration::from_hours(24 * 365 * 1000);

const MOST_NODES: usize = 64;

/// Configuration of a simulated network and its nodes.
#[derive(Clone, Debug)]
pub struct Config {
    /// The chains and their adjacent chains.
    pub graph: ChainGraph,
    /// The network's name: `nodeVersion` in `/info`, and a segment of each path.
    pub version: String,
    /// Number of nodes, 1 to 64.
    pub nodes: usize,
    /// Mean time from a new block at one node to its arrival at another. Each block has between
    /// half and one and a half of it.
    pub propagation_delay: Duration,
    /// Other delays of the blocks on their way to some nodes, by the number of the node.
    pub node_propagation_delays: BTreeMap<usize, Duration>,
    /// The network's code in every header; 2 for `development`.
    pub version_code: u32,
    /// The simulated release of chainweb-node.
    pub release: Release,
    /// Rules of fork votes, for releases that cast them.
    pub forks: ForkRules,
    /// Target block time of each chain, for the difficulty adjustment. At least a microsecond.
    pub block_delay: Duration,
    /// Difficulty of the first blocks, in expected hashes.
    pub start_difficulty: Difficulty,
    /// Genesis blocks.
    pub genesis: GenesisBlocks,
    /// Seed of every random choice.
    pub seed: u64,
    /// Whether nodes issue equal payloads.
    pub payloads: Payloads,
    /// Transactions that arrive on the whole network, evenly over time and chains. `None` for new
    /// ones at each refresh of a payload.
    pub transactions_per_second: Option<f64>,
    /// Whether solutions need proof of work.
    pub proof_of_work: ProofOfWork,
    /// Total hash rate of the foreign miners, in hashes per second; 0 for none.
    pub foreign_hash_rate: f64,
    /// Nodes at which the foreign miners mine, evenly; all nodes if empty.
    pub foreign_nodes: BTreeSet<usize>,
    /// Divisor of the durations in `limits`; 1 for those of a real node.
    pub time_scale: f64,
    /// Offset of the nodes' clocks from this machine's, in microseconds; positive is ahead.
    pub clock_offset_micros: i64,
    /// Other offsets of the clocks of some nodes, by their number.
    pub node_clock_offsets_micros: BTreeMap<usize, i64>,
    /// Whether a request for work decides its chain.
    pub chain_choice: ChainChoice,
    /// Whether `/cut` is served.
    pub cut_endpoint: CutEndpoint,
    /// Miners that may request work.
    pub miners: Miners,
    /// Fault rules in force from the start.
    pub faults: Vec<Rule>,
    /// Faults of whole nodes.
    pub incidents: Vec<Incident>,
    /// Receives the times of all requests.
    pub observer: Option<Observer>,
    /// Bounds and housekeeping durations of the node.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            graph: ChainGraph::twenty(),
            nodes: 1,
            propagation_delay: Duration::from_millis(100),
            node_propagation_delays: BTreeMap::new(),
            version: "development".to_owned(),
            version_code: 2,
            release: Release::Kadena2_32,
            forks: ForkRules::default(),
            block_delay: Duration::from_secs(30),
            start_difficulty: Difficulty::from_u128(100_000),
            genesis: GenesisBlocks::Fresh,
            seed: 0,
            payloads: Payloads::Same,
            transactions_per_second: None,
            proof_of_work: ProofOfWork::Required,
            foreign_hash_rate: 0.0,
            foreign_nodes: BTreeSet::new(),
            time_scale: 1.0,
            clock_offset_micros: 0,
            node_clock_offsets_micros: BTreeMap::new(),
            chain_choice: ChainChoice::Requested,
            cut_endpoint: CutEndpoint::Served,
            miners: Miners::Any,
            faults: Vec::new(),
            incidents: Vec::new(),
            observer: None,
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Checks the values.
    ///
    /// # Errors
    /// Returns the first error, in the order of the variants of [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(self.time_scale.is_finite() && self.time_scale > 0.0) {
            return Err(ConfigError::TimeScale(self.time_scale));
        }
        if !(self.foreign_hash_rate.is_finite() && self.foreign_hash_rate >= 0.0) {
            return Err(ConfigError::ForeignHashRate(self.foreign_hash_rate));
        }
        let rate = self.transactions_per_second.unwrap_or(0.0);
        if !(rate.is_finite() && rate >= 0.0) {
            return Err(ConfigError::TransactionRate(rate));
        }
        if self.block_delay < Duration::from_micros(1) {
            return Err(ConfigError::BlockDelay);
        }
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.version.is_empty() || !self.version.chars().all(is_allowed) {
            return Err(ConfigError::Version(self.version.clone()));
        }
        if !(1..=MOST_NODES).contains(&self.nodes) {
            return Err(ConfigError::Nodes(self.nodes));
        }
        let offset = self.node_clock_offsets_micros.keys().copied();
        let delayed = self.node_propagation_delays.keys().copied();
        let mined_at = self.foreign_nodes.iter().copied();
        let ruled = self.faults.iter().filter_map(Rule::node_index);
        let struck = self.incidents.iter().map(|incident| incident.node);
        let mut named = offset
            .chain(delayed)
            .chain(mined_at)
            .chain(ruled)
            .chain(struck);
        if let Some(number) = named.find(|number| *number >= self.nodes) {
            return Err(ConfigError::UnknownNode(number, self.nodes - 1));
        }
        Ok(())
    }

    /// Returns the offset of the clock of a node, in microseconds.
    pub(crate) fn clock_offset_of(&self, node: usize) -> i64 {
        let of_node = self.node_clock_offsets_micros.get(&node);
        *of_node.unwrap_or(&self.clock_offset_micros)
    }

    /// Returns the mean delay of blocks on their way to a node.
    pub(crate) fn propagation_delay_to(&self, node: usize) -> Duration {
        let to_node = self.node_propagation_delays.get(&node);
        *to_node.unwrap_or(&self.propagation_delay)
    }

    /// Returns the hash rate of the foreign miners at a node, in hashes per second.
    pub(crate) fn foreign_hash_rate_at(&self, node: usize) -> f64 {
        if self.foreign_nodes.is_empty() {
            self.foreign_hash_rate / self.nodes as f64
        } else if self.foreign_nodes.contains(&node) {
            self.foreign_hash_rate / self.foreign_nodes.len() as f64
        } else {
            0.0
        }
    }

    /// Returns the seed of the choices of a node.
    pub(crate) fn seed_of(&self, node: usize) -> u64 {
        self.seed.wrapping_add((node as u64) << 32)
    }

    /// Returns the number of update streams that can be open. A counter starts at the limit, and
    /// the stream that would make it zero is refused; the EVM line has no limit.
    pub(crate) fn stream_slots(&self) -> usize {
        if self.release.is_evm() {
            return Semaphore::MAX_PERMITS;
        }
        let slots = self.limits.update_streams.saturating_sub(1);
        slots.min(Semaphore::MAX_PERMITS)
    }

    /// Returns the time between two transactions on a chain, if they have a rate.
    pub(crate) fn transaction_interval(&self) -> Option<Duration> {
        let seconds = self.graph.len() as f64 / self.transactions_per_second?;
        let interval = Duration::try_from_secs_f64(seconds).unwrap_or(NEVER);
        Some(interval.clamp(Duration::from_micros(1), NEVER))
    }

    /// Returns a housekeeping duration divided by the time scale; at least a microsecond.
    pub(crate) fn scaled(&self, duration: Duration) -> Duration {
        let seconds = duration.as_secs_f64() / self.time_scale;
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(Duration::from_hours(24 * 365))
            .max(Duration::from_micros(1))
    }
}

/// Errors in a [`Config`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// The time scale is not a finite number above 0.
    #[error("the time scale must be a number above 0, not {0}")]
    TimeScale(f64),
    /// The foreign hash rate is negative or not finite.
    #[error("the foreign hash rate must be 0 or more hashes per second, not {0}")]
    ForeignHashRate(f64),
    /// The rate of transactions is negative or not finite.
    #[error("the transactions per second must be 0 or more, not {0}")]
    TransactionRate(f64),
    /// The block delay is below a microsecond; the difficulty adjustment divides by it.
    #[error("the block delay must be at least a microsecond")]
    BlockDelay,
    /// The network's name cannot be a segment of a path.
    #[error("the network's name may contain only letters, digits, '-', '_' and '.', not {0:?}")]
    Version(String),
    /// There are no nodes, or too many.
    #[error("the number of nodes must be between 1 and {MOST_NODES}, not {0}")]
    Nodes(usize),
    /// A setting is for a node that the network does not have.
    #[error("there is no node {0}: the last one is node {1}")]
    UnknownNode(usize, usize),
}

/// Genesis blocks of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenesisBlocks {
    /// A new network: it begins with the simulation, at the start difficulty.
    Fresh,
    /// Time, target and payloads of Kadena's `development`; the start difficulty is ignored.
    Development,
}

/// The payloads of several nodes for the same parent and miner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payloads {
    /// They are equal, as while no transactions wait. A node still knows only those that it has
    /// issued itself.
    Same,
    /// Each node has its own.
    Own,
}

/// Whether solutions need proof of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofOfWork {
    /// The hash of a solution must meet its target.
    Required,
    /// Any nonce is a solution, as on a node started with `--disable-pow`.
    Disabled,
}

/// Which chain a node issues work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainChoice {
    /// The chain named in the request, if it has work.
    Requested,
    /// Any chain, also if the request names one, as nodes of the EVM line do.
    Random,
}

/// Whether a node serves `/cut`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutEndpoint {
    /// It does.
    Served,
    /// Requests get 404, as from a proxy that passes only the mining API.
    Missing,
}

/// Miners that may request work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miners {
    /// All miners.
    Any,
    /// Only miners whose account, key set and predicate all equal one of these. Others get 403
    /// (`Chainweb/Miner/RestAPI/Server.hs`).
    Only(Vec<Miner>),
}

impl Miners {
    pub(crate) fn allows(&self, miner: &Miner) -> bool {
        match self {
            Self::Any => true,
            Self::Only(known) => known.contains(miner),
        }
    }
}

/// The account that a block pays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Miner {
    /// Account name, for example `k:` and a public key.
    pub account: String,
    /// Public keys that guard the account, compared as text.
    pub public_keys: BTreeSet<String>,
    /// Pact predicate: how many of the keys must sign, for example `keys-all`.
    pub predicate: String,
}

impl Miner {
    /// Returns the miner that a node configures for `--mining-public-key`
    /// (`Chainweb/Miner/Config.hs`).
    pub fn with_public_key(key: &str) -> Self {
        Self {
            account: format!("k:{key}"),
            public_keys: BTreeSet::from([key.to_owned()]),
            predicate: "keys-all".to_owned(),
        }
    }
}

/// Bounds and housekeeping durations of the node, before the time scale is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of cached payloads; above it `/work` returns 503.
    pub payloads: usize,
    /// Lifetime of a cached payload.
    pub(crate) payload_lifetime: Duration,
    /// Interval at which expired payloads are dropped.
    pub(crate) payload_pruning: Duration,
    /// Interval at which a chain's payload is refreshed if its transactions have changed; `None`
    /// for never.
    pub payload_refresh: Option<Duration>,
    /// Size of the counter of update streams: one less can be open, more get 503.
    pub update_streams: usize,
    /// Lifetime of an update stream, ± 10 %.
    pub(crate) update_stream_timeout: Duration,
    /// Time without work after which `/work` of the EVM line returns 500.
    pub(crate) stale_work: Duration,
    /// Time from a new block to stale work, and again from stale work to new work.
    pub priming: Duration,
    /// Maximum number of headers on a page.
    pub(crate) page_headers: usize,
    /// Maximum number of block hashes on a page.
    pub page_hashes: usize,
    /// Maximum number of upper bounds of a branch, and of lower bounds.
    pub(crate) branch_bounds: usize,
    /// Number of heights kept on each chain, at about 600 bytes each; at least
    /// [`MINIMUM_KEPT_HEIGHTS`](Self::MINIMUM_KEPT_HEIGHTS). Older blocks are dropped, as by a node
    /// that prunes them.
    pub kept_heights: u64,
    /// Maximum number of open connections; others wait in the socket's queue.
    pub(crate) connections: usize,
    /// Maximum size of a request body, in bytes; larger ones get 413.
    pub(crate) request_bytes: usize,
}

impl Limits {
    /// Lower bound of the kept heights, for reorganisations and lookups.
    pub const MINIMUM_KEPT_HEIGHTS: u64 = 1000;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payloads: 1200,
            payload_lifetime: Duration::from_mins(5),
            payload_pruning: Duration::from_secs(30),
            payload_refresh: Some(Duration::from_secs(15)),
            update_streams: 2000,
            update_stream_timeout: Duration::from_mins(4),
            stale_work: Duration::from_secs(2),
            priming: Duration::from_millis(2),
            page_headers: 360,
            page_hashes: 4096,
            branch_bounds: 32,
            kept_heights: 10_000,
            connections: 4096,
            request_bytes: 2 << 20,
        }
    }
}
