//! Several nodes at one address.

use std::net::SocketAddr;

use chainweb::ChainId;
use simnet::{Config, Endpoint, Release, Simnet};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Examined, KEY, PATIENCE, examined, network};

/// Leads connections to the nodes in turn.
async fn balance(nodes: [SocketAddr; 2]) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        for node in nodes.into_iter().cycle() {
            let (mut client, _) = listener.accept().await.unwrap();
            connections.spawn(async move {
                let mut server = TcpStream::connect(node).await.unwrap();
                drop(copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });
    (address, tasks)
}

async fn behind_a_balancer(nodes: [&Simnet; 2]) -> Examined {
    let (address, _balancer) = balance(nodes.map(Simnet::address)).await;
    let seen = examined(&address, &["-k", KEY], PATIENCE).await;
    for node in nodes {
        assert_eq!(node.requests().of(Endpoint::Solved), 0);
    }
    seen
}

const ADVICE: &str = "make the load balancer sticky";

#[tokio::test]
async fn nodes_that_agree_are_no_reason_for_a_warning() {
    let one = network(Config::default()).await;
    one.mine_foreign(ChainId::new(0)).unwrap();
    let seen = behind_a_balancer([&one, &one]).await;
    seen.is_well("");
    let figure = &seen.check("one-node")["figure"];
    assert_eq!(figure, "8 answers on new connections agree");
}

#[tokio::test]
async fn nodes_of_different_releases_are_reported() {
    let old = Config {
        release: Release::Kadena2_31,
        ..Config::default()
    };
    let nodes = [network(Config::default()).await, network(old).await];
    let seen = behind_a_balancer([&nodes[0], &nodes[1]]).await;
    seen.check_texts("one-node", "chainweb-node 2.31", ADVICE);
    assert_eq!(seen.check("one-node")["state"], "warn");
}

#[tokio::test]
async fn nodes_of_different_heights_or_blocks_are_reported() {
    let nodes = [
        network(Config::default()).await,
        network(Config::default()).await,
    ];
    nodes[0].mine_foreign(ChainId::new(3)).unwrap();
    let seen = behind_a_balancer([&nodes[0], &nodes[1]]).await;
    seen.check_texts("one-node", "height", ADVICE);
    assert_eq!(seen.check("one-node")["state"], "warn");
    // The same heights, but other blocks.
    nodes[1].mine_foreign(ChainId::new(3)).unwrap();
    let seen = behind_a_balancer([&nodes[0], &nodes[1]]).await;
    seen.check_texts("one-node", "has blocks", ADVICE);
}
