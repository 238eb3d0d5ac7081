//! What a simulated network is like: its graph, its pace, its miners and the limits of its node.
//!
//! The defaults are those of a `development` network and of a node as it comes (chainweb-node,
//! `Chainweb/Miner/Config.hs`). The seed fixes every choice that is not real hashing. The time scale divides the
//! durations of the node's housekeeping, never the block delay or a time in a header.

use std::collections::BTreeSet;
use std::time::Duration;

use chainweb::{ChainGraph, Difficulty};
use serde::Deserialize;

use crate::faults::Rule;

/// Everything that can be chosen about a simulated network and its node.
#[derive(Clone, Debug)]
pub struct Config {
    /// The chains and what they are braided with.
    pub graph: ChainGraph,
    /// The name of the network: `nodeVersion`, and a part of each path.
    pub version: String,
    /// The code of the network in every header.
    pub version_code: u32,
    /// Which release of the node is played.
    pub release: Release,
    /// The block time per chain that the difficulty adjustment aims at.
    pub block_delay: Duration,
    /// The expected number of hashes for the first blocks.
    pub start_difficulty: Difficulty,
    /// The first blocks.
    pub genesis: GenesisBlocks,
    /// Fixes every random choice.
    pub seed: u64,
    /// Whether solutions need proof of work.
    pub proof_of_work: ProofOfWork,
    /// Hashes per second of all miners elsewhere in the network; 0 for none.
    pub foreign_hash_rate: f64,
    /// Divides the durations in `limits`; 1 for a real node's.
    pub time_scale: f64,
    /// Microseconds by which the node's clock is ahead of this machine's (behind, if negative).
    pub clock_offset_micros: i64,
    /// Who may ask for work.
    pub miners: Miners,
    /// What goes wrong from the start.
    pub faults: Vec<Rule>,
    /// The node's bounds and housekeeping durations.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            graph: ChainGraph::twenty(),
            version: "development".to_owned(),
            version_code: 2,
            release: Release::Kadena2_32,
            block_delay: Duration::from_secs(30),
            start_difficulty: Difficulty::from_u128(100_000),
            genesis: GenesisBlocks::Fresh,
            seed: 0,
            proof_of_work: ProofOfWork::Required,
            foreign_hash_rate: 0.0,
            time_scale: 1.0,
            clock_offset_micros: 0,
            miners: Miners::Any,
            faults: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Refuses what no network can run with.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(self.time_scale.is_finite() && self.time_scale > 0.0) {
            return Err(ConfigError::TimeScale(self.time_scale));
        }
        if !(self.foreign_hash_rate.is_finite() && self.foreign_hash_rate >= 0.0) {
            return Err(ConfigError::ForeignHashRate(self.foreign_hash_rate));
        }
        if self.block_delay < Duration::from_micros(1) {
            return Err(ConfigError::BlockDelay);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.version.is_empty() || !self.version.chars().all(plain) {
            return Err(ConfigError::Version(self.version.clone()));
        }
        Ok(())
    }

    /// One of the node's housekeeping durations as this network runs it; at least a microsecond.
    pub(crate) fn scaled(&self, duration: Duration) -> Duration {
        let seconds = duration.as_secs_f64() / self.time_scale;
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(Duration::from_hours(24 * 365))
            .max(Duration::from_micros(1))
    }
}

/// Why a network cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Durations cannot be divided by this.
    #[error("the time scale must be a number above 0, not {0}")]
    TimeScale(f64),
    /// Not a hash rate.
    #[error("the foreign hash rate must be 0 or more hashes per second, not {0}")]
    ForeignHashRate(f64),
    /// Difficulty adjustment divides by the block delay.
    #[error("the block delay must be at least a microsecond")]
    BlockDelay,
    /// The name of the network is a part of each path.
    #[error("a network's name has letters, digits, '-', '_' and '.' only, not {0:?}")]
    Version(String),
}

/// Which release of the node is played: it shows in `/info` and in the header `X-Chainweb-Node-Version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The community's 3.2.
    Community3_2,
    /// Kadena's last, 2.32.0.
    Kadena2_32,
    /// 2.31.1, which tells its service date.
    Kadena2_31,
    /// 2.23, before `/info` had any of its optional fields.
    Kadena2_23,
}

impl Release {
    /// The package version as the node states it.
    pub const fn package_version(self) -> &'static str {
        match self {
            Self::Community3_2 => "3.2",
            Self::Kadena2_32 => "2.32.0",
            Self::Kadena2_31 => "2.31.1",
            Self::Kadena2_23 => "2.23",
        }
    }
}

/// The first blocks of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenesisBlocks {
    /// A network that begins when the simulation does, with the start difficulty.
    Fresh,
    /// The time, the target and the payloads of Kadena's `development`; the start difficulty is not used.
    Development,
}

/// Whether solutions need proof of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofOfWork {
    /// The hash of a solution must meet its target.
    Required,
    /// Any solution will do: a node started with `--disable-pow`.
    Disabled,
}

/// Who may ask for work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miners {
    /// Anyone.
    Any,
    /// Those whose account, key set and predicate all equal one of these; everyone else gets 403, as from a real
    /// node.
    Only(Vec<Miner>),
}

impl Miners {
    pub(crate) fn admit(&self, miner: &Miner) -> bool {
        match self {
            Self::Any => true,
            Self::Only(known) => known.contains(miner),
        }
    }
}

/// Whom a block pays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Miner {
    /// The account, for example `k:` and a public key.
    pub account: String,
    /// The keys that guard it, compared as text.
    pub public_keys: BTreeSet<String>,
    /// How many of them must sign.
    pub predicate: String,
}

impl Miner {
    /// What a node configures for `--mining-public-key`.
    pub fn with_public_key(key: &str) -> Self {
        Self {
            account: format!("k:{key}"),
            public_keys: BTreeSet::from([key.to_owned()]),
            predicate: "keys-all".to_owned(),
        }
    }
}

/// The node's bounds and the durations of its housekeeping, before the time scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Payloads remembered at most; more, and `/work` answers 503.
    pub payloads: usize,
    /// How long a payload is remembered.
    pub payload_lifetime: Duration,
    /// How often old payloads are dropped.
    pub payload_pruning: Duration,
    /// How often a chain's payload is renewed; `None` for never.
    pub payload_refresh: Option<Duration>,
    /// Update streams are refused with 503 from this many on (one less can be open).
    pub update_streams: usize,
    /// How long an update stream lives, give or take a tenth.
    pub update_stream_timeout: Duration,
    /// How long a chain takes from a block found to stale work, and from there to new work.
    pub priming: Duration,
    /// Headers on a page at most.
    pub page_headers: usize,
    /// Block hashes on a page at most.
    pub page_hashes: usize,
    /// Upper and lower bounds of a branch at most, each.
    pub branch_bounds: usize,
    /// Heights kept on each chain: about 600 bytes each. Older blocks are forgotten. At least 1000.
    pub kept_heights: u64,
    /// Connections served at a time; the others wait in the socket's queue.
    pub connections: usize,
    /// Bytes of a request body at most; more gets 413.
    pub request_bytes: usize,
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
            priming: Duration::from_millis(2),
            page_headers: 360,
            page_hashes: 4096,
            branch_bounds: 32,
            kept_heights: 20_000,
            connections: 4096,
            request_bytes: 2 << 20,
        }
    }
}
