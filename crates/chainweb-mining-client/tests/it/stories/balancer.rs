//! Two nodes at one address, behind a load balancer without sticky sessions.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use simnet::Simnet;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::setting::{Setting, Story};

/// The length of a header in bytes.
const HEADER: usize = 286;

/// Forwards connections. A connection with solutions leads to one node: to the first one, unless
/// its first solution was there before. Everything else goes to the second node.
async fn balance(listener: TcpListener, nodes: [SocketAddr; 2]) {
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(forward(client, nodes, Arc::clone(&seen)));
    }
}

async fn forward(client: TcpStream, nodes: [SocketAddr; 2], seen: Arc<Mutex<HashSet<Vec<u8>>>>) {
    let (mut requests, mut answers) = client.into_split();
    let first = TcpStream::connect(nodes[0]).await.unwrap().into_split();
    let second = TcpStream::connect(nodes[1]).await.unwrap().into_split();
    let (mut from_first, mut from_second) = (first.0, second.0);
    let mut to = [first.1, second.1];
    let requests = async {
        let mut of_solutions = None;
        let mut bytes = Vec::new();
        // The client sends no request before the answer to the last one.
        while let Ok(1..) = requests.read_buf(&mut bytes).await {
            let current = if bytes.starts_with(b"POST ") {
                let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
                match end.map(|end| &bytes[end + 4..]) {
                    Some(header) if header.len() >= HEADER => {
                        let is_new = seen.lock().unwrap().insert(header.to_vec());
                        *of_solutions.get_or_insert(usize::from(!is_new))
                    }
                    _ => continue,
                }
            } else {
                1
            };
            if to[current].write_all(&bytes).await.is_err() {
                break;
            }
            bytes.clear();
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

/// A second node, and a load balancer before both.
pub(super) struct Balancer {
    _other: Simnet,
    _balancer: JoinSet<()>,
}

impl Balancer {
    /// Leads the client of the story to both nodes. Work comes from the node of the story.
    pub(super) async fn before(story: &mut Story, network: simnet::Config) -> Self {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let other = Simnet::start(network, anywhere).await.unwrap();
        let listener = TcpListener::bind(anywhere).await.unwrap();
        story.balancer = Some(listener.local_addr().unwrap());
        let mut balancer = JoinSet::new();
        balancer.spawn(balance(listener, [other.address(), story.simnet.address()]));
        Self {
            _other: other,
            _balancer: balancer,
        }
    }
}

#[tokio::test]
async fn solutions_reach_the_node_of_their_work_behind_a_balancer_without_stickiness() {
    let mut story = Setting::easy().network().await;
    let _balancer = Balancer::before(&mut story, Setting::easy().network).await;
    story.start_client();
    let line = ["WARN", "several nodes answer at this address", "sticky"];
    story.until_logged(&line, 1).await;
    story.until_mining().await;
    let ended = story.end().await;
    assert!(ended.report.tally.accepted >= 4, "{}", ended.log);
    assert_eq!(ended.counters.solutions_stale, 0, "{}", ended.log);
    assert!(ended.log.count(&line) < 10, "{}", ended.log);
}
