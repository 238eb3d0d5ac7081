//! A node's description of itself, from `/info`.
//!
//! Only the network's name is required, as by other clients. Later releases added fields
//! (kadena-io/chainweb-node, `Chainweb/RestAPI/NodeInfo.hs`), so a field that is missing or of
//! unknown form counts as absent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chainweb::{ChainGraph, ChainId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Malformed, Version};

/// The largest known network has 98 chains. Callers open a stream for each.
const MAX_CHAINS: usize = 256;

/// A node's description of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The network, part of the path of all other requests.
    pub version: Version,
    /// The chains of the current graph, empty if unknown.
    pub chains: BTreeSet<ChainId>,
    /// The current graph.
    pub graph: Option<ChainGraph>,
    /// The intended time between two blocks of a chain.
    pub block_delay: Option<Duration>,
    /// The release of the node software.
    pub package_version: Option<String>,
    /// The highest fork number that the node knows. Only planned releases name it
    /// (kda-community/chainweb-node, pull request 34).
    pub fork_number: Option<u32>,
    /// Whether the node is of the EVM line: it has `nodePayloadProviders`, and pays the accounts of
    /// its own configuration, not that of the client.
    pub is_evm: bool,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "nodeVersion")]
    version: String,
    #[serde(rename = "nodePackageVersion", default)]
    package_version: Value,
    #[serde(rename = "nodeForkNumber", default)]
    fork_number: Value,
    #[serde(rename = "nodeChains", default)]
    chains: Value,
    #[serde(rename = "nodeGraphHistory", default)]
    graph_history: Value,
    #[serde(rename = "nodeBlockDelay", default)]
    block_delay: Value,
    #[serde(rename = "nodePayloadProviders", default)]
    payload_providers: Value,
}

/// The adjacent chains of each chain, by the first height of each graph.
type GraphHistory = Vec<(u64, Vec<(u32, Vec<u32>)>)>;

impl Info {
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, Error> {
        let wire: Wire =
            serde_json::from_slice(body).map_err(|error| Malformed::json("/info", error))?;
        let version = wire.version.parse().map_err(Malformed::Version)?;
        let listed = optional("nodeChains", wire.chains)
            .and_then(|chains: Vec<String>| listed_chains(&chains));
        let history = optional("nodeGraphHistory", wire.graph_history).unwrap_or_default();
        let graph = current_graph(history, listed.as_ref());
        let chains = listed
            .or_else(|| Some(graph.as_ref()?.chains().collect()))
            .unwrap_or_default();
        Ok(Self {
            version,
            chains,
            graph,
            block_delay: optional("nodeBlockDelay", wire.block_delay).map(Duration::from_micros),
            package_version: optional("nodePackageVersion", wire.package_version),
            fork_number: optional("nodeForkNumber", wire.fork_number),
            is_evm: !wire.payload_providers.is_null(),
        })
    }
}

fn optional<T: DeserializeOwned>(field: &'static str, value: Value) -> Option<T> {
    if value.is_null() {
        return None;
    }
    serde_json::from_value(value)
        .inspect_err(
            |error| tracing::debug!(field, %error, "ignoring a field of /info of unknown form"),
        )
        .ok()
}

fn listed_chains(chains: &[String]) -> Option<BTreeSet<ChainId>> {
    let size_is_valid = (1..=MAX_CHAINS).contains(&chains.len());
    let parsed = || chains.iter().map(|chain| chain.parse().ok()).collect();
    size_is_valid.then(parsed).flatten()
}

/// Returns the newest graph on the listed chains. Before a transition the history may include the
/// next graph.
fn current_graph(
    mut history: GraphHistory,
    listed: Option<&BTreeSet<ChainId>>,
) -> Option<ChainGraph> {
    history.sort_by_key(|&(height, _)| std::cmp::Reverse(height));
    let graphs = history.into_iter().map(|(_, adjacency)| adjacency);
    graphs
        .filter(|adjacency| (1..=MAX_CHAINS).contains(&adjacency.len()))
        .find_map(|adjacency| {
            let adjacency: BTreeMap<_, Vec<_>> = adjacency
                .into_iter()
                .map(|(chain, adjacents)| {
                    (
                        ChainId::new(chain),
                        adjacents.into_iter().map(ChainId::new).collect(),
                    )
                })
                .collect();
            let is_current = listed.is_none_or(|listed| adjacency.keys().eq(listed));
            is_current
                .then(|| ChainGraph::from_adjacency(adjacency).ok())
                .flatten()
        })
}
