//! The nodes.

use chainweb::{ChainId, Difficulty};
use miner::telemetry::estimate::NetworkRates;
use miner::telemetry::snapshot::NodeSnapshot;
use miner::telemetry::{Snapshot, variant};
use miner::units::HashRate;
use serde::Serialize;
use utoipa::ToSchema;

use super::rounded;
use crate::api::clock::Clock;

/// The nodes, in the order of the configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Nodes {
    /// The nodes.
    nodes: Vec<Node>,
    /// The chains of the network, as far as their difficulty is known.
    chains: Vec<ChainRate>,
}

/// A chain of the network.
#[derive(Debug, Serialize, ToSchema)]
struct ChainRate {
    /// The chain.
    chain: u32,
    /// The mean number of hashes for its next block.
    difficulty: f64,
    /// The hash rate of its miners, from the difficulty.
    hash_rate: f64,
}

/// A node.
#[derive(Debug, Serialize, ToSchema)]
struct Node {
    /// Its address.
    address: String,
    /// Whether all kinds of requests succeed.
    up: bool,
    /// The name of its network, once it is known.
    network: Option<String>,
    /// The number of chains of its network; 0 if the node does not list them.
    chains: Option<usize>,
    /// Whether it is of the EVM line, which chooses the account of blocks itself.
    is_evm: bool,
    /// The failures that still last.
    failures: Vec<Failure>,
    /// The time that its last answer took. For work that includes the wait until there was some.
    latency_seconds: Option<f64>,
    /// How far its clock is ahead of that of this machine.
    clock_skew_seconds: Option<f64>,
}

/// Requests that fail.
#[derive(Debug, Serialize, ToSchema)]
struct Failure {
    /// `info`, `work`, `cut` or `updates`.
    request: String,
    /// `unreachable`, `tls`, `proxy`, `no_answer`, `refused`, `misconfigured` or `malformed`.
    cause: String,
    /// The error.
    error: String,
    /// When the first of them failed.
    since_unix_ms: i64,
}

impl Nodes {
    pub(crate) fn new(snapshot: &Snapshot, clock: &Clock) -> Self {
        let nodes = snapshot.nodes.iter();
        let chains = snapshot.network.iter().flat_map(NetworkRates::each);
        let chain = |(chain, difficulty, rate): (ChainId, Difficulty, HashRate)| ChainRate {
            chain: chain.get(),
            difficulty: rounded(difficulty.as_f64()),
            hash_rate: rounded(rate.0),
        };
        Self {
            chains: chains.map(chain).collect(),
            nodes: nodes.map(|node| Node::new(node, clock)).collect(),
        }
    }
}

impl Node {
    fn new(node: &NodeSnapshot, clock: &Clock) -> Self {
        let failures = node.failures.iter().map(|(request, failure)| Failure {
            request: variant(request),
            cause: variant(failure.cause),
            error: failure.error.clone(),
            since_unix_ms: clock.unix_ms(failure.since),
        });
        let network = node.network.as_ref();
        Self {
            address: node.address.clone(),
            up: network.is_some() && node.failures.is_empty(),
            network: network.map(|network| network.version.to_string()),
            chains: network.map(|network| network.chains),
            is_evm: node.is_evm,
            failures: failures.collect(),
            latency_seconds: node.latency.map(|time| rounded(time.as_secs_f64())),
            clock_skew_seconds: node.clock_skew.map(|skew| rounded(skew.seconds())),
        }
    }
}
