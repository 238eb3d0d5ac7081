//! Two nodes at one address, behind a load balancer without sticky sessions.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chainweb::Difficulty;
use simnet::{Payloads, Simnet};
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::setting::{Ended, PATIENCE, Setting, Story};

/// The length of a header in bytes.
const HEADER: usize = 286;
/// Words of the warning.
const STICKY: [&str; 3] = ["WARN", "several nodes answer at this address", "sticky"];

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
    story.until_logged(&STICKY, 1).await;
    story.until_mining().await;
    let ended = story.end().await;
    assert!(ended.report.tally.accepted >= 4, "{}", ended.log);
    assert_eq!(ended.counters.solutions_stale, 0, "{}", ended.log);
    assert!(ended.log.count(&STICKY) < 10, "{}", ended.log);
}

/// What a balancer leads to the nodes in turn.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Connections,
    Requests,
}

/// Returns the length of the first request, once all of it has arrived.
fn request(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length:"));
    let length = length.map_or(0, |length| length.trim().parse().unwrap());
    (bytes.len() >= end + length).then_some(end + length)
}

/// Leads connections or requests to two nodes in turn.
async fn take_turns(listener: TcpListener, nodes: [SocketAddr; 2], turn: Turn) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(lead(client, nodes, turn, Arc::clone(&next)));
    }
}

async fn lead(client: TcpStream, nodes: [SocketAddr; 2], turn: Turn, next: Arc<AtomicUsize>) {
    let in_turn = || nodes[next.fetch_add(1, Ordering::Relaxed) % nodes.len()];
    let (mut from_client, mut to_client) = client.into_split();
    let mut node = in_turn();
    let mut bytes = Vec::new();
    loop {
        let length = loop {
            if let Some(length) = request(&bytes) {
                break length;
            }
            let Ok(1..) = from_client.read_buf(&mut bytes).await else {
                return;
            };
        };
        let Ok(server) = TcpStream::connect(node).await else {
            return;
        };
        let (mut from_server, mut to_server) = server.into_split();
        let sent = bytes.drain(..length).collect::<Vec<_>>();
        if to_server.write_all(&sent).await.is_err() {
            return;
        }
        // Until the next request, all that comes is the answer.
        let mut answer = vec![0; 4096];
        loop {
            tokio::select! {
                read = from_client.read_buf(&mut bytes) => match read {
                    Ok(1..) => break,
                    _ => return,
                },
                read = from_server.read(&mut answer) => match read {
                    Ok(length @ 1..) => if to_client.write_all(&answer[..length]).await.is_err() {
                        return;
                    },
                    _ => return,
                },
            }
        }
        if let Turn::Requests = turn {
            node = in_turn();
        }
    }
}

/// Mines behind a balancer that leads connections or requests to two nodes of a network in turn,
/// which share payloads or not. Checks that each block reaches the node of its work.
async fn mines_behind(turn: Turn, payloads: Payloads) -> Ended {
    let mut setting = Setting::easy();
    let network = &mut setting.network;
    (network.nodes, network.payloads) = (2, payloads);
    network.start_difficulty = Difficulty::from_u128(60_000);
    // A block takes no time from node to node: no work is outdated when it is issued.
    network.propagation_delay = Duration::ZERO;
    let limits = &mut setting.limits;
    for limit in [&mut limits.work, &mut limits.solved, &mut limits.cut] {
        *limit = PATIENCE;
    }
    let mut story = setting.network().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    story.balancer = Some(listener.local_addr().unwrap());
    let nodes = [0, 1].map(|node| story.simnet.node(node).address());
    let mut balancer = JoinSet::new();
    balancer.spawn(take_turns(listener, nodes, turn));
    story.start_client();
    story
        .until("a hundred blocks", PATIENCE, |story| {
            story.accepted() >= 100
        })
        .await;
    let ended = story.end().await;
    let (counters, log) = (&ended.counters, &ended.log);
    assert_eq!(
        counters.solutions_stale, 0,
        "{turn:?} {payloads:?}: {counters:?}\n{log}"
    );
    ended.check_solutions();
    ended
}

#[tokio::test]
async fn connections_to_two_nodes_in_turn_lose_no_block() {
    let ended = mines_behind(Turn::Connections, Payloads::Own).await;
    // All requests may have used connections to one node.
    let unknown = ended.log.count(&["mining/solved", "status=404"]);
    let is_warned = ended.log.count(&STICKY) > 0;
    assert!(is_warned || unknown < 64, "{}", ended.log);
    mines_behind(Turn::Connections, Payloads::Same).await;
}

#[tokio::test]
async fn requests_to_two_nodes_in_turn_lose_no_block() {
    let ended = mines_behind(Turn::Requests, Payloads::Own).await;
    assert!(ended.log.count(&STICKY) > 0, "{}", ended.log);
    mines_behind(Turn::Requests, Payloads::Same).await;
}
