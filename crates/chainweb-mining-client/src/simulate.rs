//! The `simnet` command: a simulated network with one or several nodes.

mod fault;
mod numbered;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use chainweb::{ChainGraph, Difficulty};
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use simnet::{
    ChainChoice, CutEndpoint, Limits, Miner, Miners, Payloads, Preset, ProofOfWork, Release, Simnet,
};

pub(crate) use self::fault::Fault;
use self::numbered::Numbered;
use crate::quantity::{positive_duration, positive_number, prefixed_number};
use crate::usage::UsageError;

/// The flags of `simnet`.
#[derive(Debug, Args)]
pub struct SimnetArgs {
    /// The address of the node; of several, that of the first.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:1848", value_parser = address)]
    pub listen: SocketAddr,
    /// The number of nodes, on consecutive ports, or on any for port 0.
    #[arg(long, value_name = "COUNT", default_value = "1")]
    pub nodes: usize,
    /// The mean time from a block at one node to its arrival at another; at a certain one, as in
    /// `node1=900ms`; may be repeated.
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = delay)]
    pub propagation_delay: Vec<Numbered<Duration>>,
    /// Whether nodes issue the same payload for the same parent and miner, or each its own.
    #[arg(long, value_name = "WHICH", default_value = "same")]
    pub payloads: PayloadsArg,
    /// The network to imitate: its line, name, version code, graph, block delay and proof of work.
    /// The flags for these take precedence.
    #[arg(long, value_name = "NETWORK")]
    pub preset: Option<PresetArg>,
    /// The line of chainweb-node that the nodes are of [default: n, or that of the preset].
    #[arg(long)]
    pub line: Option<LineArg>,
    /// The name of the network [default: that of the preset or line, such as `development`].
    #[arg(long, value_name = "NAME")]
    pub network_name: Option<String>,
    /// The version code in each header, such as `0x0a` [default: that of the network with this
    /// name, or of the preset or line].
    #[arg(long, value_name = "CODE", value_parser = version_code)]
    pub version_code: Option<u32>,
    /// The graph of the chains: singleton, pair, triangle, petersen, twenty or d4k4 [default: that
    /// of the preset or line, such as `twenty`].
    #[arg(long)]
    pub graph: Option<ChainGraph>,
    /// The intended time between two blocks of a chain [default: 30s].
    #[arg(long, value_name = "TIME", value_parser = positive_duration)]
    pub block_delay: Option<Duration>,
    /// The expected number of hashes for a block at the start.
    #[arg(long, value_name = "HASHES", default_value = "100k", value_parser = prefixed_number)]
    pub start_difficulty: f64,
    /// The hash rate of simulated other miners.
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = prefixed_number)]
    pub foreign_hash_rate: f64,
    /// The number of transactions per second on the whole network. A payload is refreshed only if
    /// its chain has new ones [default: new ones at each refresh].
    #[arg(long, value_name = "RATE", value_parser = prefixed_number)]
    pub transactions_per_second: Option<f64>,
    /// The time from a new block to stale work, and again from there to new work.
    #[arg(long, value_name = "TIME", default_value = "2ms", value_parser = duration)]
    pub priming_time: Duration,
    /// The number of heights kept on each chain, at least 1000; older blocks are unknown.
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = kept_heights())]
    pub keep_heights: u64,
    /// Accept blocks without proof of work; `--disable-pow=false` requires it in spite of the
    /// preset.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub disable_pow: Option<bool>,
    /// Divide the times of the node: payload expiry, payload refreshes and the end of streams.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = positive_number)]
    pub time_scale: f64,
    /// Send work only to the miner with this key and the account `k:KEY`; may be repeated [default:
    /// to all miners].
    #[arg(long, value_name = "KEY")]
    pub mining_public_key: Vec<String>,
    /// A fault: ENDPOINT=FAULT, as in `work=status:503`, `info=hang` or `cut=delay:2s`, at one node
    /// as in `node1/work=hang`, or a fault of a whole node, as in `node1=freeze:30s:10s`; may be
    /// repeated.
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<Fault>,
    /// The offset of the clocks of all nodes, such as `1h` for ahead, or `-1h` for behind; of one
    /// node, as in `node1=-1h`; may be repeated.
    #[arg(long, value_name = "TIME", default_value = "0s", allow_hyphen_values = true, value_parser = clock_offset)]
    pub clock_offset: Vec<Numbered<i64>>,
    /// Issue work on any chain, also if a request names one, as nodes of the EVM line do.
    #[arg(long)]
    pub ignore_chain: bool,
    /// Respond to `/cut` with 404.
    #[arg(long)]
    pub no_cut: bool,
    /// The seed of all random choices.
    #[arg(long, default_value = "0")]
    pub seed: u64,
}

/// The values of `--preset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PresetArg {
    /// A development network: line n, 20 chains.
    Development,
    /// The main network: line k with its fork votes, 20 chains.
    MainnetLike,
    /// The network `StoaChain`: line n, 10 chains.
    Stoa,
    /// The sandbox of the EVM line: line e, 98 chains, without proof of work.
    EvmSandbox,
}

/// The values of `--line`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LineArg {
    /// Kadena's last release, 2.32.0.
    N,
    /// The community's release 3.2, with fork votes.
    K,
    /// As k, with the `/info` of its pull request 34, which names fork numbers.
    KNext,
    /// The EVM line, 2.31.2, on 98 chains.
    E,
}

/// The values of `--payloads`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PayloadsArg {
    /// Equal at all nodes.
    Same,
    /// Different at each node.
    Own,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, as in 127.0.0.1:1848")
}

fn kept_heights() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(Limits::MINIMUM_KEPT_HEIGHTS..)
}

/// Parses a decimal number, or a hexadecimal one after `0x`.
fn version_code(text: &str) -> Result<u32, String> {
    let code = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    code.map_err(|_| {
        format!(
            "expected a number up to 0x{:x}, such as 10 or 0x0a",
            u32::MAX
        )
    })
}

/// Parses a time, which may be zero.
fn duration(text: &str) -> Result<Duration, String> {
    if text == "0s" {
        return Ok(Duration::ZERO);
    }
    positive_duration(text)
}

/// Parses the time that blocks take to all nodes, or to one with `nodeN=` before it.
fn delay(text: &str) -> Result<Numbered<Duration>, String> {
    Numbered::parse(text, '=', duration)
}

/// Parses a time, with an optional minus, into microseconds; of one node with `nodeN=` before it.
fn clock_offset(text: &str) -> Result<Numbered<i64>, String> {
    Numbered::parse(text, '=', |text| {
        let (sign, time) = match text.strip_prefix('-') {
            Some(time) => (-1, time),
            None => (1, text),
        };
        let micros = duration(time)?.as_micros();
        Ok(sign * i64::try_from(micros).expect("a year has fewer microseconds"))
    })
}

impl SimnetArgs {
    /// Returns the configuration of the network that the preset or line implies, with the changes
    /// by other flags.
    fn network(&self) -> simnet::Config {
        let preset = match self.preset {
            Some(PresetArg::MainnetLike) => Preset::MainnetLike,
            Some(PresetArg::Stoa) => Preset::Stoa,
            Some(PresetArg::EvmSandbox) => Preset::EvmSandbox,
            None if self.line == Some(LineArg::E) => Preset::EvmSandbox,
            Some(PresetArg::Development) | None => Preset::Development,
        };
        let mut config = simnet::Config::of_network(preset);
        if self.preset.is_none() {
            config.proof_of_work = ProofOfWork::Required;
        }
        if let Some(line) = self.line {
            config.release = match line {
                LineArg::N => Release::Kadena2_32,
                LineArg::K => Release::Community3_2,
                LineArg::KNext => Release::CommunityNext,
                LineArg::E => Release::Evm2_31,
            };
        }
        if let Some(name) = &self.network_name {
            config.name(name);
        }
        config.version_code = self.version_code.unwrap_or(config.version_code);
        config.graph = self.graph.clone().unwrap_or(config.graph);
        config.block_delay = self.block_delay.unwrap_or(config.block_delay);
        if let Some(disabled) = self.disable_pow {
            config.proof_of_work = if disabled {
                ProofOfWork::Disabled
            } else {
                ProofOfWork::Required
            };
        }
        config
    }

    /// Returns the configuration of the network.
    pub fn config(&self) -> simnet::Config {
        let miners = match self.mining_public_key.as_slice() {
            [] => Miners::Any,
            keys => Miners::Only(keys.iter().map(|key| Miner::with_public_key(key)).collect()),
        };
        let mut config = simnet::Config {
            nodes: self.nodes,
            payloads: match self.payloads {
                PayloadsArg::Same => Payloads::Same,
                PayloadsArg::Own => Payloads::Own,
            },
            start_difficulty: Difficulty::from_f64(self.start_difficulty),
            foreign_hash_rate: self.foreign_hash_rate,
            transactions_per_second: self.transactions_per_second,
            time_scale: self.time_scale,
            miners,
            chain_choice: if self.ignore_chain {
                ChainChoice::Random
            } else {
                ChainChoice::Requested
            },
            cut_endpoint: if self.no_cut {
                CutEndpoint::Missing
            } else {
                CutEndpoint::Served
            },
            seed: self.seed,
            ..self.network()
        };
        config.limits.priming = self.priming_time;
        config.limits.kept_heights = self.keep_heights;
        for fault in &self.fault {
            match fault {
                Fault::Rule(rule) => config.faults.push(rule.clone()),
                Fault::Incident(incident) => config.incidents.push(*incident),
            }
        }
        for offset in &self.clock_offset {
            match offset.node {
                None => config.clock_offset_micros = offset.value,
                Some(node) => {
                    config.node_clock_offsets_micros.insert(node, offset.value);
                }
            }
        }
        for delay in &self.propagation_delay {
            match delay.node {
                None => config.propagation_delay = delay.value,
                Some(node) => {
                    config.node_propagation_delays.insert(node, delay.value);
                }
            }
        }
        config
    }

    /// Runs the network until `shutdown` completes.
    ///
    /// # Errors
    ///
    /// Returns an error if an address cannot be bound, and a usage error if the configuration is
    /// invalid.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let config = self.config();
        config.check().map_err(UsageError::new)?;
        let listeners = simnet::bind(self.listen, config.nodes).await;
        let listeners = listeners.map_err(|error| anyhow!("--listen {error}"))?;
        let simnet = Simnet::start_all(config, listeners)?;
        simnet.run_until(shutdown).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
