//! Several nodes of one network, on addresses of their own.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use chainweb::{BlockHash, ChainGraph, ChainId, Work};
use simnet::{
    Config, Endpoint, Incident, IncidentKind, Link, Node, Payloads, ProofOfWork, Rule, Simnet,
    Verdict,
};
use tokio::net::TcpStream;

use crate::wire::{ask, eventually, node, path, solved, updates, work};

const ZERO: ChainId = ChainId::new(0);

/// Three nodes of one chain, on which any nonce is a solution.
fn three() -> Config {
    let mut config = Config {
        graph: ChainGraph::singleton(),
        nodes: 3,
        propagation_delay: Duration::from_millis(1),
        proof_of_work: ProofOfWork::Disabled,
        ..Config::default()
    };
    config.limits.payload_refresh = None;
    config
}

async fn header(node: &Node) -> Vec<u8> {
    work(node).await.body[36..].to_vec()
}

async fn cut(node: &Node) -> String {
    let reply = ask(node, &format!("GET {}", path("cut")), &[], b"").await;
    reply.json()["hashes"]["0"]["hash"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn tip(node: &Node) -> BlockHash {
    node.tips()[&ZERO].hash
}

#[tokio::test]
async fn a_block_of_one_node_reaches_the_cuts_and_streams_of_the_others() {
    let simnet = node(three()).await;
    let addresses: std::collections::BTreeSet<_> =
        simnet.nodes().iter().map(|node| node.address()).collect();
    assert_eq!(addresses.len(), 3);
    let mut stream = updates(simnet.node(2), 0).await;
    let solution = header(simnet.node(1)).await;
    assert_eq!(solved(simnet.node(1), &solution).await.status(), 200);
    let block = tip(simnet.node(1));
    stream.read_to("event:New Cut\n\n").await;
    eventually(|| simnet.nodes().iter().all(|node| tip(node) == block)).await;
    for node in simnet.nodes() {
        assert_eq!(cut(node).await, block.to_string());
    }
    assert_eq!(simnet.report().own_in_cut.len(), 1);
    let asked = |node: usize| simnet.node(node).requests().of(Endpoint::Solved);
    assert_eq!([asked(0), asked(1), asked(2)], [0, 1, 0]);
}

#[tokio::test]
async fn a_block_on_its_way_is_unknown_to_the_other_node() {
    let simnet = node(Config {
        propagation_delay: Duration::from_hours(1),
        ..three()
    })
    .await;
    let before = cut(simnet.node(1)).await;
    let block = simnet.mine_foreign(ZERO).unwrap();
    assert_eq!(cut(simnet.node(0)).await, block.to_string());
    assert_eq!(cut(simnet.node(1)).await, before);
    let line = format!("GET {}", path(&format!("chain/0/header/{block}")));
    assert_eq!(ask(simnet.node(0), &line, &[], b"").await.status(), 200);
    assert_eq!(ask(simnet.node(1), &line, &[], b"").await.status(), 404);
}

#[tokio::test]
async fn a_node_takes_the_work_of_another_only_if_it_issued_it_too() {
    for (payloads, status, text) in [
        (Payloads::Same, 200, ""),
        (Payloads::Own, 404, "No associated Payload"),
    ] {
        let simnet = node(Config {
            payloads,
            propagation_delay: Duration::from_hours(1),
            ..three()
        })
        .await;
        let solution = header(simnet.node(0)).await;
        let unknown = solved(simnet.node(1), &solution).await;
        assert_eq!(
            (unknown.status(), unknown.text()),
            (404, "No associated Payload")
        );
        header(simnet.node(1)).await;
        let reply = solved(simnet.node(1), &solution).await;
        assert_eq!(
            (reply.status(), reply.text()),
            (status, text),
            "{payloads:?}"
        );
    }
}

#[tokio::test]
async fn a_frozen_node_answers_and_catches_up_when_it_is_over() {
    let simnet = node(three()).await;
    let frozen = simnet.node(1);
    assert_eq!(frozen.set_link(Link::Frozen), Link::Connected);
    let before = cut(frozen).await;
    let block = simnet.mine_foreign(ZERO).unwrap();
    eventually(|| tip(simnet.node(2)) == block).await;
    assert_eq!(cut(frozen).await, before);
    let solution = header(frozen).await;
    assert_eq!(solved(frozen, &solution).await.status(), 200);
    assert_eq!(cut(frozen).await, before);
    assert_eq!(simnet.report().tally.frozen, 1);
    assert_eq!(frozen.set_link(Link::Connected), Link::Frozen);
    eventually(|| tip(frozen) == block).await;
}

#[tokio::test]
async fn a_partitioned_node_mines_a_fork_that_is_healed() {
    let simnet = node(three()).await;
    let alone = simnet.node(2);
    alone.set_link(Link::Partitioned);
    let solution = header(alone).await;
    assert_eq!(solved(alone, &solution).await.status(), 200);
    let ours = tip(alone);
    simnet.mine_foreign(ZERO).unwrap();
    let won = simnet.mine_foreign(ZERO).unwrap();
    eventually(|| tip(simnet.node(1)) == won).await;
    assert_eq!(tip(alone), ours);
    alone.set_link(Link::Connected);
    eventually(|| tip(alone) == won).await;
    let report = simnet.report();
    assert_eq!(
        (report.tally.orphaned_later, report.own_in_cut.len()),
        (1, 0)
    );
    // The orphan's branch can be read below the tip that replaced it.
    let line = format!("POST {}", path("chain/0/hash/branch"));
    let body = format!(r#"{{"upper":["{ours}"]}}"#);
    let page = ask(alone, &line, &[crate::wire::JSON], body.as_bytes()).await;
    assert_eq!(page.json()["items"].as_array().unwrap().len(), 2);
    eventually(|| simnet.node(0).tips()[&ZERO].hash == won).await;
}

#[tokio::test]
async fn a_restarted_node_is_away_for_a_while_and_catches_up() {
    let simnet = node(three()).await;
    let restarted = simnet.node(1);
    let solution = header(restarted).await;
    let stream = updates(restarted, 0).await;
    let pause = Duration::from_millis(300);
    let (done, block) = tokio::join!(restarted.restart_after(pause), async {
        assert!(stream.read_to_end().await.is_empty(), "no final chunk");
        let refused = TcpStream::connect(restarted.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        simnet.mine_foreign(ZERO).unwrap()
    });
    done.unwrap();
    eventually(|| tip(restarted) == block).await;
    assert_eq!(solved(restarted, &solution).await.status(), 404);
    assert_eq!(work(restarted).await.status(), 200);
}

#[tokio::test]
async fn faults_can_be_of_one_node() {
    let busy = Verdict::Status(503, Bytes::new());
    let simnet = node(Config {
        faults: vec![Rule::on(Endpoint::Work, busy.clone()).node(1)],
        ..three()
    })
    .await;
    assert_eq!(work(simnet.node(0)).await.status(), 200);
    assert_eq!(work(simnet.node(1)).await.status(), 503);
    simnet.node(2).faults().install(Rule::on_all(busy));
    assert_eq!(work(simnet.node(2)).await.status(), 503);
    assert_eq!(work(simnet.node(0)).await.status(), 200);
    simnet.node(0).set_listening(false).await.unwrap();
    TcpStream::connect(simnet.node(0).address())
        .await
        .unwrap_err();
    TcpStream::connect(simnet.node(1).address()).await.unwrap();
}

#[tokio::test]
async fn each_node_has_its_clock() {
    let simnet = node(Config {
        node_clock_offsets_micros: [(1, 3_600_000_000)].into(),
        ..three()
    })
    .await;
    let mut times = Vec::new();
    for node in &simnet.nodes()[..2] {
        let reply = work(node).await;
        let server_time: i64 = reply.header("X-Server-Timestamp").unwrap().parse().unwrap();
        let time = Work::decode(&reply.body).unwrap().header().creation_time();
        assert!((server_time - time.as_micros() / 1_000_000).abs() <= 1);
        times.push(server_time);
    }
    assert!((3600..3630).contains(&(times[1] - times[0])), "{times:?}");
}

#[tokio::test]
async fn incidents_happen_at_their_time() {
    let incident = |node, kind, lasting| Incident {
        node,
        kind,
        after: Duration::from_millis(1),
        lasting,
    };
    let simnet = node(Config {
        incidents: vec![
            incident(0, IncidentKind::Freeze, Some(Duration::from_millis(20))),
            incident(1, IncidentKind::Close, None),
            incident(2, IncidentKind::Partition, None),
        ],
        ..three()
    })
    .await;
    // The end of the fault connects the node again.
    simnet.node(0).set_link(Link::Frozen);
    eventually(|| simnet.node(2).link() == Link::Partitioned).await;
    while TcpStream::connect(simnet.node(1).address()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    eventually(|| simnet.node(0).link() == Link::Connected).await;
}

#[tokio::test]
async fn nodes_listen_on_consecutive_ports() {
    // Another program may take a port in between.
    for _ in 0..20 {
        let free = simnet::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 1).await;
        let address = free.unwrap().remove(0).local_addr().unwrap();
        if let Ok(listeners) = simnet::bind(address, 3).await {
            let ports = listeners
                .iter()
                .map(|node| node.local_addr().unwrap().port());
            let port = address.port();
            assert!(ports.eq([port, port + 1, port + 2]));
            return;
        }
    }
    panic!("no three consecutive ports are free");
}

#[tokio::test]
async fn a_network_checks_its_nodes() {
    let clock = [(3, 1)].into();
    let faults = vec![Rule::on_all(Verdict::Hang).node(7)];
    for (config, message) in [
        (
            Config {
                nodes: 0,
                ..three()
            },
            "the number of nodes must be between 1 and 64, not 0",
        ),
        (
            Config {
                nodes: 65,
                ..three()
            },
            "the number of nodes must be between 1 and 64, not 65",
        ),
        (
            Config {
                node_clock_offsets_micros: clock,
                ..three()
            },
            "there is no node 3: the last one is node 2",
        ),
        (
            Config { faults, ..three() },
            "there is no node 7: the last one is node 2",
        ),
    ] {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let error = Simnet::start(config, anywhere).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), message);
    }
    let last = SocketAddr::from((Ipv4Addr::LOCALHOST, 65535));
    let error = simnet::bind(last, 2).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains("65535"), "{message}");
}
