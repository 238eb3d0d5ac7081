//! Nodes that stop, restart, and restart under another version.

use std::io::ErrorKind;

use chainweb::{ChainGraph, ChainId, Difficulty};
use simnet::Config;
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{ask, node, path, solved, updates, work};

fn easy() -> Config {
    Config {
        graph: ChainGraph::pair(),
        start_difficulty: Difficulty::from_u128(1),
        ..Config::default()
    }
}

#[tokio::test]
async fn a_node_that_is_down_refuses_connections_and_keeps_its_port() {
    let simnet = node(easy()).await;
    let stream = updates(&simnet, 0).await;
    simnet.set_listening(false).await.unwrap();
    assert!(stream.read_to_end().await.is_empty(), "no final chunk");
    let refused = TcpStream::connect(simnet.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let taken = TcpListener::bind(simnet.address()).await.err();
    simnet.set_listening(false).await.unwrap();
    simnet.set_listening(true).await.unwrap();
    assert!(taken.is_none_or(|error| error.kind() == ErrorKind::AddrInUse));
    assert_eq!(work(&simnet).await.status(), 200);
}

#[tokio::test]
async fn a_restarted_node_loses_payloads_but_not_blocks() {
    let simnet = node(easy()).await;
    let block = simnet.mine_foreign(ChainId::new(0)).unwrap();
    let bytes = work(&simnet).await.body;
    let stream = updates(&simnet, 1).await;
    simnet.restart(None).await.unwrap();
    assert!(stream.read_to_end().await.is_empty(), "no final chunk");
    assert_eq!(simnet.open_streams(), 0);
    assert_eq!(solved(&simnet, &bytes[36..]).await.status(), 404);
    assert_eq!(simnet.tips()[&ChainId::new(0)].hash, block);
    assert_eq!(work(&simnet).await.status(), 200);
}

#[tokio::test]
async fn a_node_may_come_back_under_another_version() {
    let simnet = node(easy()).await;
    simnet
        .restart(Some("fast-development".to_owned()))
        .await
        .unwrap();
    let info = ask(&simnet, "GET /info", &[], b"").await.json();
    assert_eq!(info["nodeVersion"], "fast-development");
    assert_eq!(work(&simnet).await.status(), 404);
    let line = "GET /chainweb/0.0/fast-development/cut";
    let cut = ask(&simnet, line, &[], b"").await;
    assert_eq!(cut.json()["instance"], "fast-development");
    let old = ask(&simnet, &format!("GET {}", path("cut")), &[], b"").await;
    assert_eq!((old.status(), old.text()), (404, ""));
}

#[tokio::test]
async fn a_network_runs_until_shutdown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let connected = async {
        let stream = TcpStream::connect(address).await.unwrap();
        stop.send(()).unwrap();
        stream
    };
    let shutdown = async { stopped.await.unwrap() };
    let (ran, stream) = tokio::join!(simnet::run(easy(), listener, shutdown), connected);
    ran.unwrap();
    drop(stream);
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn an_impossible_network_is_refused() {
    let impossible = [
        Config {
            time_scale: 0.0,
            ..easy()
        },
        Config {
            foreign_hash_rate: f64::NAN,
            ..easy()
        },
        Config {
            block_delay: std::time::Duration::ZERO,
            ..easy()
        },
        Config {
            version: "a/b".to_owned(),
            ..easy()
        },
    ];
    let messages = [
        "the time scale must be a number above 0, not 0",
        "the foreign hash rate must be 0 or more hashes per second, not NaN",
        "the block delay must be at least a microsecond",
        "the network's name may contain only letters, digits, '-', '_' and '.', not \"a/b\"",
    ];
    for (config, message) in impossible.into_iter().zip(messages) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = simnet::Simnet::start_on(config, listener).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), message);
    }
}
