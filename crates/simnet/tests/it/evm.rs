//! The EVM line: its mining API, and how a miner finds its block there.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chainweb::{BlockHash, BlockHeader, ChainGraph, ChainId, Difficulty};
use pow::{Kernel, NonceRange, Prepared};
use serde_json::{Value, json};
use sha2::{Digest, Sha512_256};
use simnet::{Config, Miners, Node, Preset, ProofOfWork, Simnet};

use crate::wire::{JSON, Reply, Wire, ask, node, path, solved, updates, updates_request};

const OBJECT: &str = "Accept: application/json;blockheader-encoding=object";

/// The sandbox under the name of the other tests' network.
fn sandbox() -> Config {
    let mut config = Config::of_network(Preset::EvmSandbox);
    config.name("development");
    config
}

async fn work(simnet: &Node) -> Reply {
    ask(simnet, &format!("GET {}", path("mining/work")), &[], b"").await
}

/// Requests a page of the branch from a chain's tip to a height, as objects.
async fn branch(simnet: &Simnet, chain: u32, body: &Value) -> Reply {
    let line = format!("POST {}", path(&format!("chain/{chain}/header/branch")));
    ask(simnet, &line, &[JSON, OBJECT], body.to_string().as_bytes()).await
}

fn hash_of(text: &Value) -> BlockHash {
    text.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn work_needs_no_miner_and_hashes_the_adjacents() {
    let mut config = sandbox();
    config.miners = Miners::Only(Vec::new());
    config.limits.payloads = 0;
    let simnet = node(config).await;
    let line = format!("GET {}", path("mining/work?chain=x"));
    let form = "Content-Type: application/x-www-form-urlencoded";
    let mut chains = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let reply = ask(&simnet, &line, &[form], b"{").await;
        assert_eq!((reply.status(), reply.body.len()), (200, 322));
        chains.insert(reply.body[0]);
    }
    assert!(chains.len() > 20, "{chains:?}");
    let reply = work(&simnet).await;
    let (prefix, header) = reply.body.split_at(36);
    assert_eq!(prefix[..4], header[222..226]);
    assert_eq!(prefix[4..], header[158..190]);
    assert_eq!(header[48..50], [0xf0, 0xf0]);
    let record = &header[50..86];
    assert_eq!(header[50..158], record.repeat(3));
    assert_eq!(record[..4], [0; 4]);
    let chain = ChainId::from_le_bytes(prefix[..4].try_into().unwrap());
    let tips = simnet.tips();
    let mut digest = Sha512_256::new();
    for adjacent in ChainGraph::d4k4().adjacents(chain) {
        digest.update(tips[adjacent].hash.as_bytes());
    }
    assert_eq!(record[4..], *digest.finalize());
    let post = ask(&simnet, &format!("POST {}", path("mining/work")), &[], b"").await;
    assert_eq!(post.status(), 405);
}

#[tokio::test]
async fn a_miner_finds_its_block_by_the_fields_that_it_knows() {
    let simnet = node(Config {
        proof_of_work: ProofOfWork::Required,
        start_difficulty: Difficulty::from_u128(50),
        ..sandbox()
    })
    .await;
    let searcher = Kernel::Portable.prove().unwrap();
    let mut found = 0;
    while found < 120 {
        let reply = work(&simnet).await;
        let work = chainweb::Work::decode(&reply.body).unwrap();
        let prepared = Prepared::new(work.header(), &work.target());
        let range = NonceRange::new(chainweb::Nonce::default(), 1_000_000);
        let nonce = prepared.search(&searcher, range).unwrap();
        let header = work.header().with_nonce(nonce);
        let answer = solved(&simnet, header.as_bytes()).await;
        assert_eq!((answer.status(), answer.body.len()), (200, 0));
        found += 1;
        let chain = work.chain();
        let tip = simnet.tips()[&chain];
        assert_eq!(tip.height, header.height());
        let body = json!({ "upper": [tip.hash.to_string()] });
        let at = format!("?minheight={0}&maxheight={0}", tip.height);
        let line = format!("POST {}{at}", path(&format!("chain/{chain}/header/branch")));
        let page = ask(&simnet, &line, &[JSON, OBJECT], body.to_string().as_bytes()).await;
        let page = page.json();
        assert_eq!((&page["limit"], &page["next"]), (&json!(1), &Value::Null));
        let block = &page["items"][0];
        let known = json!({
            "parent": header.parent().to_string(),
            "payloadHash": header.payload_hash().to_string(),
            "creationTime": header.creation_time().as_micros(),
            "nonce": nonce.get().to_string(),
            "hash": tip.hash.to_string(),
        });
        for (field, value) in known.as_object().unwrap() {
            assert_eq!(&block[field], value, "{field}");
        }
        // The stored header has the real records: four, in place of the hash.
        let end = format!("chain/{chain}/header/{}", tip.hash);
        let line = format!("GET {}", path(&end));
        let octets = ask(&simnet, &line, &["Accept: application/octet-stream"], b"").await;
        assert_eq!(octets.body.len(), 322 + 32);
        let stored = BlockHeader::decode(&octets.body).unwrap();
        assert!(stored.hash_is_valid());
        assert_eq!(ask(&simnet, &line, &[OBJECT], b"").await.json(), *block);
        let mut digest = Sha512_256::new();
        let adjacents = block["adjacents"].as_object().unwrap();
        for adjacent in ChainGraph::d4k4().adjacents(chain) {
            digest.update(hash_of(&adjacents[&adjacent.to_string()]).as_bytes());
        }
        assert_eq!(header.as_bytes()[54..86], *digest.finalize());
    }
    let tally = simnet.report().tally;
    assert_eq!((tally.accepted, tally.stale, tally.invalid), (120, 0, 0));
}

#[tokio::test]
async fn every_header_is_answered_with_200() {
    let simnet = node(Config {
        graph: ChainGraph::pair(),
        proof_of_work: ProofOfWork::Required,
        start_difficulty: Difficulty::from_u128(4),
        ..sandbox()
    })
    .await;
    let reply = work(&simnet).await;
    let header = &reply.body[36..];
    for wrong in [&header[..285], &[header, &[0]].concat(), &[]] {
        let answer = solved(&simnet, wrong).await;
        assert_eq!(answer.status(), 400);
        assert!(answer.text().starts_with("Decoding error"));
    }
    let mut unknown_chain = header.to_vec();
    unknown_chain[222] = 98;
    let answer = solved(&simnet, &unknown_chain).await;
    assert_eq!(
        (answer.status(), answer.text()),
        (500, "Something went wrong")
    );
    let work = chainweb::Work::decode(&reply.body).unwrap();
    let is_solution = |header: &chainweb::WorkHeader| pow::verify(header, &work.target());
    let nonces = || (0..1000).map(|n| work.header().with_nonce(chainweb::Nonce::new(n)));
    let bad = nonces().find(|header| !is_solution(header)).unwrap();
    let mut good = nonces().find(is_solution).unwrap().as_bytes().to_vec();
    let mut unknown_payload = good.clone();
    unknown_payload[190] ^= 1;
    let mut other_parent = good.clone();
    other_parent[16] ^= 1;
    let mut other_adjacents = good.clone();
    other_adjacents[130] ^= 1;
    for dropped in [
        bad.as_bytes(),
        &unknown_payload,
        &other_parent,
        &other_adjacents,
    ] {
        assert_eq!(solved(&simnet, dropped).await.status(), 200);
    }
    let tally = simnet.report().tally;
    assert_eq!(
        (tally.bad_pow, tally.unknown_payload, tally.stale),
        (1, 1, 2)
    );
    // Other fields are the node's own, whatever the solution has in their place.
    for own in [0..8, 48..126, 158..190, 226..278] {
        good[own].fill(0x77);
    }
    assert_eq!(solved(&simnet, &good).await.status(), 200);
    assert_eq!(simnet.report().tally.accepted, 1);
    assert_eq!(solved(&simnet, &good).await.status(), 200);
    assert_eq!(simnet.report().tally.accepted, 1);
}

#[tokio::test]
async fn a_request_for_work_fails_after_a_while_without_work() {
    let mut config = sandbox();
    config.graph = ChainGraph::singleton();
    config.limits.priming = Duration::from_hours(1);
    config.time_scale = 20.0;
    let simnet = node(config).await;
    let header = work(&simnet).await.body;
    assert_eq!(solved(&simnet, &header[36..]).await.status(), 200);
    let asked = Instant::now();
    let failed = work(&simnet).await;
    assert!(asked.elapsed() >= Duration::from_millis(100));
    assert_eq!(
        (failed.status(), failed.text()),
        (500, "Something went wrong")
    );
}

#[tokio::test]
async fn streams_have_no_limit_and_begin_without_work() {
    let mut config = sandbox();
    config.limits.priming = Duration::from_hours(1);
    config.limits.update_streams = 1;
    let simnet = node(config).await;
    simnet.mine_foreign(ChainId::new(97)).unwrap();
    let _first = updates(&simnet, 97).await;
    let _second = updates(&simnet, 97).await;
    let _other = updates(&simnet, 0).await;
    assert_eq!(simnet.open_streams(), 3);
    let mut unknown = Wire::send(&simnet, &updates_request(98)).await;
    let head = unknown.read_to("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
}

#[tokio::test]
async fn an_unknown_lower_bound_fails() {
    let simnet = node(sandbox()).await;
    let genesis = simnet.tips()[&ChainId::new(5)].hash.to_string();
    let unknown = BlockHash::new([1; 32]).to_string();
    let body = json!({ "upper": [genesis], "lower": [unknown] });
    let failed = branch(&simnet, 5, &body).await;
    assert_eq!(
        (failed.status(), failed.text()),
        (500, "Something went wrong")
    );
    let body = json!({ "upper": [unknown] });
    let missing = branch(&simnet, 5, &body).await;
    assert_eq!(
        (missing.status(), missing.json()["key"].clone()),
        (404, json!(unknown))
    );
    let blocks = ask(&simnet, &format!("GET {}", path("chain/5/block")), &[], b"").await;
    assert_eq!((blocks.status(), blocks.body.is_empty()), (404, true));
}

#[tokio::test]
async fn info_names_the_payload_providers() {
    let simnet = node(Config::of_network(Preset::EvmSandbox)).await;
    let reply = ask(&simnet, "GET /info", &[], b"").await;
    assert_eq!(reply.header("X-Chainweb-Node-Version"), Some("2.31.2"));
    let info = reply.json();
    assert_eq!(info["nodeVersion"], "evm-development");
    assert_eq!(info["nodePackageVersion"], "2.31.2");
    assert_eq!(info["nodeNumberOfChains"], 98);
    assert!(info["nodeServiceDate"].is_null() && info.get("nodeServiceDate").is_some());
    let providers = &info["nodePayloadProviders"];
    assert_eq!(providers.as_object().unwrap().len(), 98);
    for (chain, provider) in [
        ("19", json!({ "type": "pact" })),
        ("20", json!({ "type": "eth", "ethChainId": 1789 })),
        ("24", json!({ "type": "eth", "ethChainId": 1793 })),
        ("25", json!({ "type": "parked" })),
    ] {
        assert_eq!(providers[chain], provider, "chain {chain}");
    }
    let header = format!(
        "{}header?limit=1",
        "GET /chainweb/0.0/evm-development/chain/97/"
    );
    let page = ask(&simnet, &header, &[], b"").await.json();
    let bytes = URL_SAFE_NO_PAD
        .decode(page["items"][0].as_str().unwrap())
        .unwrap();
    let genesis = BlockHeader::decode(&bytes).unwrap();
    assert_eq!(genesis.work().version_code(), 0x0b);
}
