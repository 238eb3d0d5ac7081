//! Two nodes at one address, behind a load balancer without sticky sessions.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use simnet::Simnet;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::setting::Setting;

/// Forwards connections. Solutions go to the nodes in turn, by connection, everything else to the
/// second one.
async fn balance(listener: TcpListener, nodes: [SocketAddr; 2]) {
    let turn = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(forward(client, nodes, Arc::clone(&turn)));
    }
}

async fn forward(client: TcpStream, nodes: [SocketAddr; 2], turn: Arc<AtomicUsize>) {
    let (mut requests, mut answers) = client.into_split();
    let first = TcpStream::connect(nodes[0]).await.unwrap().into_split();
    let second = TcpStream::connect(nodes[1]).await.unwrap().into_split();
    let (mut from_first, mut from_second) = (first.0, second.0);
    let mut to = [first.1, second.1];
    let requests = async {
        let (mut current, mut of_solutions) = (1, None);
        let mut bytes = vec![0; 4096];
        while let Ok(length @ 1..) = requests.read(&mut bytes).await {
            let start = String::from_utf8_lossy(&bytes[..length]);
            // The client sends no request before the answer to the last one.
            if start.starts_with("POST ") && start.contains("/mining/solved ") {
                let next = || turn.fetch_add(1, Ordering::SeqCst) % 2;
                current = *of_solutions.get_or_insert_with(next);
            } else if start.starts_with("GET ") || start.starts_with("POST ") {
                current = 1;
            }
            if to[current].write_all(&bytes[..length]).await.is_err() {
                break;
            }
        }
    };
    let responses = async {
        let (mut one, mut two) = (vec![0; 4096], vec![0; 4096]);
        loop {
            let bytes = tokio::select! {
                Ok(length @ 1..) = from_first.read(&mut one) => &one[..length],
                Ok(length @ 1..) = from_second.read(&mut two) => &two[..length],
                else => break,
            };
            if answers.write_all(bytes).await.is_err() {
                break;
            }
        }
        io::Result::Ok(())
    };
    tokio::select! {
        () = requests => {}
        _ = responses => {}
    }
}

#[tokio::test]
async fn solutions_reach_the_node_of_their_work_behind_a_balancer_without_stickiness() {
    let mut story = Setting::easy().network().await;
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let other = Simnet::start(Setting::easy().network, anywhere)
        .await
        .unwrap();
    let listener = TcpListener::bind(anywhere).await.unwrap();
    story.balancer = Some(listener.local_addr().unwrap());
    let mut balancer = JoinSet::new();
    balancer.spawn(balance(listener, [other.address(), story.simnet.address()]));
    story.start_client();
    let line = ["WARN", "several nodes answer at this address", "sticky"];
    story.until_logged(&line, 1).await;
    story.until_mining().await;
    let ended = story.end().await;
    assert!(ended.report.tally.accepted >= 4, "{}", ended.log);
    assert_eq!(ended.counters.solutions_stale, 0, "{}", ended.log);
    assert!(ended.log.count(&line) < 10, "{}", ended.log);
}
