//! The nodes.

use std::collections::BTreeMap;

use chainweb::{ChainId, Difficulty};
use miner::job::NodeId;
use miner::telemetry::estimate::NetworkRates;
use miner::telemetry::snapshot::{ChainSnapshot, NodeSnapshot};
use miner::telemetry::{Snapshot, Standing, variant};
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
    /// The chains of the network, in order.
    chains: Vec<ChainState>,
}

/// A chain of the network.
#[derive(Debug, Serialize, ToSchema)]
struct ChainState {
    /// The chain.
    chain: u32,
    /// The chains that its blocks refer to; none where the node does not list the graph.
    adjacents: Vec<u32>,
    /// The height of its latest block.
    height: Option<u64>,
    /// When that block came, unless it was before the start.
    changed_unix_ms: Option<i64>,
    /// Whether an update stream reports its blocks.
    is_watched: bool,
    /// The mean number of hashes for its next block.
    difficulty: Option<f64>,
    /// The hash rate of its miners, from the difficulty.
    hash_rate: Option<f64>,
}

/// A node.
#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, as a reader of JSON expects them"
)]
struct Node {
    /// Its address.
    address: String,
    /// Whether it is known and answers requests for `/info` and work.
    up: bool,
    /// What it is good for, where there are several nodes: `unknown`, `ready`, `no_work`,
    /// `unauthorized`, `mining_disabled`, `behind`, `forked`, `other_network` or `unreachable`.
    standing: Option<&'static str>,
    /// The same in words, such as `is behind the other nodes`.
    standing_reason: Option<String>,
    /// Since when it has this standing.
    standing_since_unix_ms: Option<i64>,
    /// How often it was lost in the last ten minutes, where there are several nodes.
    losses: usize,
    /// Whether it issues the work.
    is_serving: bool,
    /// Whether it only takes solutions of the work of other nodes.
    is_submit_only: bool,
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
    /// The update streams that are open.
    streams_open: usize,
    /// The sum of the heights of its chains.
    cut_height: Option<u64>,
    /// How many blocks it is behind the highest node, in all chains together, where there are
    /// several nodes, apart from those on a fork or of another network.
    lag_blocks: Option<u64>,
    /// The jobs made of its work.
    jobs: u64,
    /// Our blocks that it was the first to take.
    blocks_taken: u64,
    /// The jobs that it was the first node to outdate.
    first_events: u64,
}

/// Requests that fail.
#[derive(Debug, Serialize, ToSchema)]
struct Failure {
    /// `info`, `work`, `cut` or `updates`.
    request: String,
    /// `unreachable`, `tls`, `proxy`, `no_answer`, `refused`, `not_served`, `foreign`,
    /// `misconfigured` or `malformed`.
    cause: &'static str,
    /// The error.
    error: String,
    /// When the first of them was sent.
    since_unix_ms: i64,
}

impl Nodes {
    pub(crate) fn new(snapshot: &Snapshot, clock: &Clock) -> Self {
        let nodes = (0..).map(NodeId).zip(&snapshot.nodes);
        let rates = snapshot.network.iter().flat_map(NetworkRates::each);
        let rate = |(chain, difficulty, rate): (_, Difficulty, HashRate)| {
            (chain, (difficulty.as_f64(), rate.0))
        };
        let rates: BTreeMap<ChainId, _> = rates.map(rate).collect();
        let chains = snapshot.chains.iter();
        Self {
            nodes: nodes
                .map(|(id, node)| Node::new(snapshot, id, node, clock))
                .collect(),
            chains: chains
                .map(|chain| ChainState::new(chain, rates.get(&chain.chain).copied(), clock))
                .collect(),
        }
    }
}

impl ChainState {
    fn new(chain: &ChainSnapshot, rates: Option<(f64, f64)>, clock: &Clock) -> Self {
        Self {
            chain: chain.chain.get(),
            adjacents: chain.adjacents.iter().map(|chain| chain.get()).collect(),
            height: chain.height,
            changed_unix_ms: chain.changed.map(|at| clock.unix_ms(at)),
            is_watched: chain.is_watched,
            difficulty: rates.map(|(difficulty, _)| rounded(difficulty)),
            hash_rate: rates.map(|(_, rate)| rounded(rate)),
        }
    }
}

impl Node {
    fn new(snapshot: &Snapshot, id: NodeId, node: &NodeSnapshot, clock: &Clock) -> Self {
        let counts = snapshot.counters.nodes.get(id.0).copied();
        let counts = counts.unwrap_or_default();
        let standing = Some(node.standing).filter(|_| snapshot.nodes.len() > 1);
        let since = node.faults.standing_since;
        let failures = node.failures.iter().map(|(request, failure)| Failure {
            request: variant(request),
            cause: failure.cause.name(),
            error: failure.error.clone(),
            since_unix_ms: clock.unix_ms(failure.since),
        });
        let network = node.network.as_ref();
        Self {
            address: node.address.clone(),
            up: node.is_up(),
            standing: standing.map(Standing::name),
            standing_reason: standing.map(|standing| standing.to_string()),
            standing_since_unix_ms: since.map(|at| clock.unix_ms(at)),
            losses: node.faults.losses(snapshot.at),
            is_serving: node.is_serving,
            is_submit_only: node.is_submit_only,
            network: network.map(|network| network.version.to_string()),
            chains: network.map(|network| network.chains),
            is_evm: node.is_evm,
            failures: failures.collect(),
            latency_seconds: node.latency.map(|time| rounded(time.as_secs_f64())),
            clock_skew_seconds: node.clock_skew.map(|skew| rounded(skew.seconds())),
            streams_open: counts.streams_open,
            cut_height: counts.cut_height,
            lag_blocks: snapshot.lag_blocks(id),
            jobs: counts.jobs,
            blocks_taken: counts.blocks_taken,
            first_events: counts.first_events,
        }
    }
}
