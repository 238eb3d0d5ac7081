//! The `simnet` command: a simulated network with one or several nodes.

mod fault;
mod numbered;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use chainweb::{ChainGraph, Difficulty};
use clap::{Args, ValueEnum};
use simnet::{ChainChoice, CutEndpoint, Miner, Miners, Payloads, ProofOfWork, Simnet};

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
    /// The graph of the chains: singleton, pair, triangle, petersen, twenty or d4k4.
    #[arg(long, default_value = "twenty")]
    pub graph: ChainGraph,
    /// The intended time between two blocks of a chain.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = positive_duration)]
    pub block_delay: Duration,
    /// The expected number of hashes for a block at the start.
    #[arg(long, value_name = "HASHES", default_value = "100k", value_parser = prefixed_number)]
    pub start_difficulty: f64,
    /// The hash rate of simulated other miners.
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = prefixed_number)]
    pub foreign_hash_rate: f64,
    /// Accept blocks without proof of work.
    #[arg(long)]
    pub disable_pow: bool,
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
            graph: self.graph.clone(),
            block_delay: self.block_delay,
            start_difficulty: Difficulty::from_f64(self.start_difficulty),
            foreign_hash_rate: self.foreign_hash_rate,
            proof_of_work: if self.disable_pow {
                ProofOfWork::Disabled
            } else {
                ProofOfWork::Required
            },
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
            ..simnet::Config::default()
        };
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
