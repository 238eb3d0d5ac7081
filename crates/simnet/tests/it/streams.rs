//! Update streams: bytes, end, number, and start.

use std::time::{Duration, Instant};

use chainweb::{ChainGraph, ChainId, CreationTime, WorkHeader};
use simnet::{Config, Endpoint, ProofOfWork};

use crate::wire::{
    Wire, ask, eventually, node, path, request, solved, updates, updates_request, work,
};

const ZERO: ChainId = ChainId::new(0);
const NEW_CUT: &str = "F\r\nevent:New Cut\n\n\r\n";
const REFRESHED_BLOCK: &str = "17\r\nevent:Refreshed Block\n\n\r\n";

fn quiet(graph: ChainGraph) -> Config {
    let mut config = Config {
        graph,
        proof_of_work: ProofOfWork::Disabled,
        ..Config::default()
    };
    config.limits.payload_refresh = None;
    config
}

#[tokio::test]
async fn events_consist_of_a_name() {
    let simnet = node(quiet(ChainGraph::pair())).await;
    let mut stream = updates(&simnet, 0).await;
    simnet.refresh(ZERO).unwrap();
    assert_eq!(stream.read_to("\n\n\r\n").await, REFRESHED_BLOCK);
    simnet.mine_foreign(ZERO).unwrap();
    assert_eq!(stream.read_to("\n\n\r\n").await, NEW_CUT);
    assert_eq!(simnet.requests().of(Endpoint::Updates), 1);
}

#[tokio::test]
async fn a_stream_has_only_events_of_its_chain() {
    let simnet = node(quiet(ChainGraph::pair())).await;
    let mut zero = updates(&simnet, 0).await;
    let mut one = updates(&simnet, 1).await;
    simnet.mine_foreign(ZERO).unwrap();
    zero.read_to(NEW_CUT).await;
    simnet.refresh(ChainId::new(1)).unwrap();
    assert_eq!(one.read_to("\n\n\r\n").await, REFRESHED_BLOCK);
}

#[tokio::test]
async fn every_method_opens_a_stream() {
    let simnet = node(quiet(ChainGraph::pair())).await;
    for method in ["POST", "PUT"] {
        let line = format!("{method} {}", path("mining/updates"));
        let bytes = request(&line, &["Accept: image/png"], &[0; 4]);
        let mut wire = Wire::send(&simnet, &bytes).await;
        let head = wire.read_to("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_stream_ends_after_its_lifetime_and_leaves_the_connection_usable() {
    let mut config = quiet(ChainGraph::pair());
    config.time_scale = 1000.0;
    let simnet = node(config).await;
    let opened = Instant::now();
    let mut stream = updates(&simnet, 0).await;
    assert_eq!(stream.read_to("\r\n\r\n").await, "0\r\n\r\n");
    assert!(opened.elapsed() >= Duration::from_millis(216));
    stream.write(&updates_request(1)).await;
    let head = stream.read_to("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
}

#[tokio::test]
async fn one_stream_less_than_the_limit_can_be_open() {
    let mut config = quiet(ChainGraph::pair());
    config.limits.update_streams = 3;
    let simnet = node(config).await;
    let mut first = updates(&simnet, 0).await;
    let _second = updates(&simnet, 1).await;
    let line = format!("GET {}", path("mining/updates"));
    let refused = ask(&simnet, &line, &[], &[0; 4]).await;
    let message = "No more update streams available currently. Retry later.";
    assert_eq!((refused.status(), refused.text()), (503, message));
    assert_eq!(refused.header("Content-Type"), None);
    assert_eq!(simnet.open_streams(), 2);
    simnet.end_streams();
    assert_eq!(first.read_to("\r\n\r\n").await, "0\r\n\r\n");
    eventually(|| simnet.open_streams() == 0).await;
    updates(&simnet, 0).await;
}

#[tokio::test]
async fn a_closed_stream_keeps_its_slot_until_the_next_event() {
    let simnet = node(quiet(ChainGraph::pair())).await;
    drop(updates(&simnet, 0).await);
    let _other = updates(&simnet, 1).await;
    assert_eq!(simnet.open_streams(), 2);
    eventually(|| {
        simnet.refresh(ZERO).unwrap();
        simnet.open_streams() == 1
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_an_unknown_chain_never_begins() {
    let simnet = node(quiet(ChainGraph::pair())).await;
    let unknown = Wire::send(&simnet, &updates_request(99)).await;
    eventually(|| simnet.open_streams() == 1).await;
    let mut known = updates(&simnet, 0).await;
    simnet.mine_foreign(ZERO).unwrap();
    known.read_to(NEW_CUT).await;
    assert!(unknown.is_silent());
}

#[tokio::test]
async fn a_stream_begins_when_its_chain_has_work() {
    let simnet = node(quiet(ChainGraph::singleton())).await;
    // A block with a future time stalls the chain.
    let header = WorkHeader::decode(&work(&simnet).await.body[36..]).unwrap();
    let future = header.with_creation_time(CreationTime::from_micros(i64::MAX));
    assert_eq!(solved(&simnet, future.as_bytes()).await.status(), 200);
    assert_eq!(simnet.report().tally.invalid, 1);
    let mut stream = Wire::send(&simnet, &updates_request(0)).await;
    eventually(|| simnet.open_streams() == 1).await;
    assert!(stream.is_silent());
    simnet.mine_foreign(ZERO).unwrap();
    let head = stream.read_to("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    // Earlier events are not repeated.
    simnet.refresh(ZERO).unwrap();
    assert_eq!(stream.read_to("\n\n\r\n").await, REFRESHED_BLOCK);
}
