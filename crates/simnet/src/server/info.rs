//! `/info` (`Chainweb/RestAPI/NodeInfo.hs`) and `/cut` (`Chainweb/Cut/CutHashes.hs`).
//!
//! The fields of `/info` depend on the release.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chainweb::{ChainId, Weight};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512_256};

use crate::config::Release;
use crate::network::Network;

pub(crate) fn node_info(network: &Network) -> Value {
    let config = network.config();
    let graph = network.graph();
    let adjacency: Vec<_> = graph
        .chains()
        .map(|chain| {
            let adjacents = graph.adjacents(chain).iter().map(|n| n.get());
            json!([chain.get(), adjacents.collect::<Vec<_>>()])
        })
        .collect();
    let history = json!([[0, adjacency]]);
    let chains: Vec<_> = graph.chains().map(|chain| chain.to_string()).collect();
    let mut info = json!({
        "nodeVersion": network.version(),
        "nodeApiVersion": "0.0",
        "nodeChains": chains,
        "nodeNumberOfChains": chains.len(),
        "nodeGraphHistory": history,
    });
    if config.release != Release::Kadena2_23 {
        let genesis: Vec<_> = chains.iter().map(|chain| json!([chain, 0])).collect();
        let micros = u64::try_from(config.block_delay.as_micros()).unwrap_or(u64::MAX);
        info["nodePackageVersion"] = json!(config.release.package_version());
        info["nodeLatestBehaviorHeight"] = json!(1);
        info["nodeGenesisHeights"] = json!(genesis);
        info["nodeHistoricalChains"] = history;
        info["nodeBlockDelay"] = json!(micros);
    }
    if config.release == Release::CommunityNext {
        let known = config.forks.known;
        info["nodeForkNumber"] = json!(known);
        info["nodeLatestBehaviorHeight"] = match known {
            0 => json!("genesis"),
            _ => json!({ "forkNumber": known }),
        };
    }
    if matches!(config.release, Release::Kadena2_31 | Release::Evm2_31) {
        info["nodeServiceDate"] = Value::Null;
    }
    if config.release.is_evm() {
        let providers = graph
            .chains()
            .map(|chain| (chain.to_string(), payload_provider(chain)));
        info["nodePayloadProviders"] = Value::Object(providers.collect());
    }
    info
}

/// Returns the provider of the payloads of a chain on `evm-development`.
fn payload_provider(chain: ChainId) -> Value {
    match chain.get() {
        0..20 => json!({ "type": "pact" }),
        chain @ 20..25 => json!({ "type": "eth", "ethChainId": 1789 + chain - 20 }),
        25.. => json!({ "type": "parked" }),
    }
}

pub(crate) fn cut(network: &Network, max_height: Option<u64>) -> Value {
    let mut id = Sha512_256::new();
    let mut hashes = Map::new();
    let (mut weight, mut total_height) = (Weight::ZERO, 0);
    for (chain, block) in network.cut(max_height) {
        let (height, hash) = (block.work().height(), block.hash());
        id.update(hash.as_bytes());
        weight = weight.wrapping_add(block.work().weight());
        total_height += height;
        let tip = json!({ "height": height, "hash": hash.to_string() });
        hashes.insert(chain.to_string(), tip);
    }
    json!({
        "hashes": hashes,
        "origin": null,
        "weight": URL_SAFE_NO_PAD.encode(weight.to_le_bytes()),
        "height": total_height,
        "instance": network.version(),
        "id": URL_SAFE_NO_PAD.encode(id.finalize()),
    })
}
