//! What a node says about itself at `/info`.
//!
//! Only the network's name is required, as in every client before this one. Nodes have added fields
//! over the years (`chainweb-node`, `Chainweb/RestAPI/NodeInfo.hs`), so one that is missing or has
//! another form than known counts as absent, and mining goes on without what it would have told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chainweb::{ChainGraph, ChainId};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, Malformed, Version};

/// The largest network known has 98 chains. A caller opens a stream for each.
const MAX_CHAINS: usize = 256;

/// A node's description of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The network, a part of the path of all other requests.
    pub version: Version,
    /// The chains of the current graph; empty if the node does not say.
    pub chains: BTreeSet<ChainId>,
    /// How the current chains are braided.
    pub graph: Option<ChainGraph>,
    /// The time between blocks of one chain that the difficulty is adjusted to.
    pub block_delay: Option<Duration>,
    /// The release of the node's software.
    pub package_version: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "nodeVersion")]
    version: String,
    #[serde(rename = "nodePackageVersion", default)]
    package_version: Value,
    #[serde(rename = "nodeChains", default)]
    chains: Value,
    #[serde(rename = "nodeGraphHistory", default)]
    graph_history: Value,
    #[serde(rename = "nodeBlockDelay", default)]
    block_delay: Value,
}

/// From which height on which chain has which neighbours.
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
        })
    }
}

fn optional<T: DeserializeOwned>(field: &'static str, value: Value) -> Option<T> {
    if value.is_null() {
        return None;
    }
    serde_json::from_value(value)
        .inspect_err(
            |error| tracing::debug!(field, %error, "a field of /info is not of its known form"),
        )
        .ok()
}

fn listed_chains(chains: &[String]) -> Option<BTreeSet<ChainId>> {
    let size_is_sane = (1..=MAX_CHAINS).contains(&chains.len());
    let parsed = || chains.iter().map(|chain| chain.parse().ok()).collect();
    size_is_sane.then(parsed).flatten()
}

/// The newest graph on the listed chains; before a transition the history may know the next one.
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
                .map(|(chain, neighbours)| {
                    (
                        ChainId::new(chain),
                        neighbours.into_iter().map(ChainId::new).collect(),
                    )
                })
                .collect();
            let is_current = listed.is_none_or(|listed| adjacency.keys().eq(listed));
            is_current
                .then(|| ChainGraph::from_adjacency(adjacency).ok())
                .flatten()
        })
}
