//! The `simnet` command: a simulated network with one node.

mod fault;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use chainweb::{ChainGraph, Difficulty};
use clap::Args;
use simnet::{ChainChoice, CutEndpoint, Miner, Miners, ProofOfWork};
use tokio::net::TcpListener;

pub(crate) use self::fault::Fault;
use crate::quantity::{positive_duration, positive_number, prefixed_number};

/// The flags of `simnet`.
#[derive(Debug, Args)]
pub struct SimnetArgs {
    /// The address of the node.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:1848", value_parser = address)]
    pub listen: SocketAddr,
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
    /// A fault: ENDPOINT=FAULT, as in `work=status:503`, `info=hang` or `cut=delay:2s`; may be
    /// repeated.
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<Fault>,
    /// The offset of the node's clock, such as `1h` for ahead, or `-1h` for behind.
    #[arg(long, value_name = "TIME", default_value = "0s", allow_hyphen_values = true, value_parser = offset)]
    pub clock_offset: i64,
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

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, as in 127.0.0.1:1848")
}

/// Parses a time, with an optional minus, into microseconds.
fn offset(text: &str) -> Result<i64, String> {
    if text == "0s" {
        return Ok(0);
    }
    let (sign, time) = match text.strip_prefix('-') {
        Some(time) => (-1, time),
        None => (1, text),
    };
    let micros = positive_duration(time)?.as_micros();
    Ok(sign * i64::try_from(micros).expect("a year has fewer microseconds"))
}

impl SimnetArgs {
    /// Returns the configuration of the network.
    pub fn config(&self) -> simnet::Config {
        let miners = match self.mining_public_key.as_slice() {
            [] => Miners::Any,
            keys => Miners::Only(keys.iter().map(|key| Miner::with_public_key(key)).collect()),
        };
        simnet::Config {
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
            faults: self.fault.iter().map(|fault| fault.0.clone()).collect(),
            clock_offset_micros: self.clock_offset,
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
        }
    }

    /// Runs the network until `shutdown` completes.
    ///
    /// # Errors
    ///
    /// Returns an error if the address cannot be bound or the configuration is invalid.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            let what = format!("--listen {}: {error}", self.listen);
            io::Error::new(error.kind(), what)
        })?;
        simnet::run(self.config(), listener, shutdown).await
    }
}
