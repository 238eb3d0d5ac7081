//! Mining over the API, with real proof of work.

use std::time::Instant;

use chainweb::{ChainGraph, ChainId, Difficulty, Nonce, Work};
use pow::{Kernel, NonceRange, Prepared};
use serde_json::json;
use simnet::{ChainChoice, Config, CutEndpoint, Endpoint, Moment, Observer};

use crate::wire::{JSON, ask, miner, node, path, solved, updates, work};

#[tokio::test]
async fn a_miner_extends_all_chains() {
    let simnet = node(Config {
        graph: ChainGraph::petersen(),
        start_difficulty: Difficulty::from_u128(200),
        ..Config::default()
    })
    .await;
    let mut streams = Vec::new();
    for chain in 0..10 {
        streams.push(updates(&simnet, chain).await);
    }
    let searcher = Kernel::Portable.prove().unwrap();
    while simnet.tips().values().any(|tip| tip.height < 3) {
        let bytes = work(&simnet).await.body;
        assert_eq!(bytes.len(), 322);
        let work = Work::decode(&bytes).unwrap();
        assert_eq!(work.encode(), bytes);
        let prepared = Prepared::new(work.header(), &work.target());
        let range = NonceRange::new(Nonce::default(), 1_000_000);
        let nonce = prepared.search(&searcher, range).unwrap();
        let solution = work.header().with_nonce(nonce);
        assert_eq!(solved(&simnet, solution.as_bytes()).await.status(), 200);
        let tip = simnet.tips()[&work.chain()];
        assert_eq!(Some(tip.hash), solution.block_hash());
    }
    let report = simnet.report();
    let blocks: u64 = simnet.tips().values().map(|tip| tip.height).sum();
    assert_eq!(report.tally.accepted, blocks);
    assert_eq!(report.own_in_cut.len() as u64, blocks);
    assert_eq!(simnet.requests().of(Endpoint::Solved), blocks);
    assert_eq!(simnet.requests().of(Endpoint::Work), blocks);
    for mut stream in streams {
        stream.read_to("event:New Cut\n\n").await;
    }
}

#[tokio::test]
async fn a_request_for_work_waits_until_work_is_available() {
    let simnet = node(Config {
        graph: ChainGraph::singleton(),
        start_difficulty: Difficulty::from_u128(1),
        ..Config::default()
    })
    .await;
    let first = Work::decode(&work(&simnet).await.body).unwrap();
    assert_eq!(
        solved(&simnet, first.header().as_bytes()).await.status(),
        200
    );
    // The chain has no work yet; the request waits for it.
    let second = Work::decode(&work(&simnet).await.body).unwrap();
    assert_eq!(Some(second.header().parent()), first.header().block_hash());
}

#[tokio::test]
async fn foreign_miners_extend_the_chains() {
    let simnet = node(Config {
        graph: ChainGraph::triangle(),
        start_difficulty: Difficulty::from_u128(1000),
        foreign_hash_rate: 1e6,
        ..Config::default()
    })
    .await;
    let mut stream = updates(&simnet, 0).await;
    for _ in 0..3 {
        stream.read_to("event:New Cut\n\n").await;
    }
    assert!(simnet.report().tally.foreign_blocks >= 3);
}

#[tokio::test]
async fn the_nodes_clock_can_be_off() {
    const DAY: i64 = 86_400;
    let honest = node(Config::default()).await;
    let skewed = node(Config {
        clock_offset_micros: DAY * 1_000_000,
        ..Config::default()
    })
    .await;
    let mut times = Vec::new();
    for simnet in [&honest, &skewed] {
        let reply = work(simnet).await;
        let server_time: i64 = reply.header("X-Server-Timestamp").unwrap().parse().unwrap();
        let time = Work::decode(&reply.body).unwrap().header().creation_time();
        assert!((server_time - time.as_micros() / 1_000_000).abs() <= 1);
        times.push(server_time);
    }
    assert!(
        (DAY..DAY + 30).contains(&(times[1] - times[0])),
        "{times:?}"
    );
}

#[tokio::test]
async fn the_wanted_chain_is_a_hint() {
    let simnet = node(Config::default()).await;
    let chain_for = async |wanted: &str| {
        let line = format!("GET {}", path(&format!("mining/work?chain={wanted}")));
        let body = crate::wire::miner();
        let reply = ask(&simnet, &line, &[crate::wire::JSON], &body).await;
        Work::decode(&reply.body).unwrap().chain()
    };
    for chain in [3, 17, 8] {
        assert_eq!(chain_for(&chain.to_string()).await, ChainId::new(chain));
    }
    // Chain 99 does not exist: the node chooses another one.
    assert!(simnet.tips().contains_key(&chain_for("99").await));
    let cut = ask(&simnet, &format!("GET {}", path("cut")), &[], b"").await;
    assert_eq!(cut.json()["height"], json!(0));
}

#[tokio::test]
async fn a_node_can_ignore_the_wanted_chain_and_serve_no_cut() {
    let simnet = node(Config {
        chain_choice: ChainChoice::Random,
        cut_endpoint: CutEndpoint::Missing,
        ..Config::default()
    })
    .await;
    let line = format!("GET {}", path("mining/work?chain=3"));
    let mut chains = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let reply = ask(&simnet, &line, &[crate::wire::JSON], &crate::wire::miner()).await;
        chains.insert(Work::decode(&reply.body).unwrap().chain());
    }
    assert!(chains.len() > 5, "{chains:?}");
    let cut = ask(&simnet, &format!("GET {}", path("cut")), &[], b"").await;
    assert_eq!((cut.status(), cut.body.is_empty()), (404, true));
}

#[tokio::test]
async fn an_observer_gets_the_moments_of_all_requests_in_order() {
    let (observer, mut observations) = Observer::channel(16);
    let before = Instant::now();
    let simnet = node(Config {
        graph: ChainGraph::pair(),
        start_difficulty: Difficulty::from_u128(1),
        observer: Some(observer),
        ..Config::default()
    })
    .await;
    let line = format!("GET {}?chain=1", path("mining/work"));
    let work = Work::decode(&ask(&simnet, &line, &[JSON], &miner()).await.body).unwrap();
    solved(&simnet, work.header().as_bytes()).await;
    let chain = Some(ChainId::new(1));
    let mut last = before;
    for (endpoint, moment) in [
        (Endpoint::Work, Moment::Arrived),
        (Endpoint::Work, Moment::Handled),
        (Endpoint::Solved, Moment::Arrived),
        (Endpoint::Solved, Moment::Handled),
    ] {
        let seen = observations.try_recv().unwrap();
        assert_eq!((seen.node, seen.chain), (0, chain));
        assert_eq!((seen.endpoint, seen.moment), (endpoint, moment));
        assert!(seen.at >= last, "{seen:?} is before {last:?}");
        last = seen.at;
    }
    assert!(observations.try_recv().is_err(), "no more requests");
}
