//! Update streams through a forwarder that stops delivering and keeps the connections open, as a
//! tunnel does whose other end is gone. A client with a direct connection is the comparison.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use chainweb::{ChainGraph, ChainId};
use miner::timing::Timing;
use miner::units::HashRate;
use miner::worker::Worker;
use miner::worker::simulation::Simulation;
use node::Limits;
use simnet::{Endpoint, ProofOfWork};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::setting::{PATIENCE, Setting, Story};
use crate::seed;

/// The connections on which nothing more is delivered.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    None,
    Streams,
    All,
}

/// A forwarder between client and node.
struct Forwarder {
    held: watch::Sender<Held>,
    _connections: JoinSet<()>,
}

impl Forwarder {
    /// Puts a forwarder between the node and a client not yet started.
    async fn before(story: &mut Story) -> Self {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(anywhere).await.unwrap();
        story.balancer = Some(listener.local_addr().unwrap());
        let (node, (held, is_held)) = (story.simnet.address(), watch::channel(Held::None));
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(forward(client, node, is_held.clone()));
            }
        });
        Self {
            held,
            _connections: connections,
        }
    }

    fn hold(&self, held: Held) {
        self.held.send_replace(held);
    }
}

async fn forward(client: TcpStream, node: SocketAddr, held: watch::Receiver<Held>) {
    let (from_client, to_client) = client.into_split();
    let (from_node, to_node) = TcpStream::connect(node).await.unwrap().into_split();
    let (streams, is_stream) = watch::channel(false);
    tokio::select! {
        () = copy(from_client, to_node, held.clone(), |bytes| {
            let text = String::from_utf8_lossy(bytes);
            if text.contains("/mining/updates") {
                streams.send_replace(true);
            }
            *is_stream.borrow()
        }) => {}
        () = copy(from_node, to_client, held, |_| *is_stream.borrow()) => {}
    }
}

/// Copies bytes while the connection is not held.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut held: watch::Receiver<Held>,
    is_stream: impl Fn(&[u8]) -> bool,
) {
    let mut bytes = vec![0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        let is_stream = is_stream(&bytes[..length]);
        let released = held.wait_for(|held| match held {
            Held::None => true,
            Held::Streams => !is_stream,
            Held::All => false,
        });
        if released.await.is_err() {
            return;
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

const SILENT: [&str; 2] = ["WARN", "update streams are open but silent"];

fn impatient(mut setting: Setting) -> Setting {
    setting.timing.silence_min = Duration::from_secs(1);
    setting
}

/// Waits until both chains have a job on this height, and only jobs on it are hashed.
async fn new_blocks_are_hashed(story: &mut Story, height: u64) {
    for chain in [0, 1] {
        story.simnet.mine_foreign(ChainId::new(chain)).unwrap();
    }
    let height = format!("height={height}");
    for chain in ["chain=0", "chain=1"] {
        story.until_logged(&["new job", chain, &height], 1).await;
    }
    story.until_hashing().await;
}

#[tokio::test]
async fn jobs_follow_their_chains_though_the_streams_are_held() {
    let mut story = impatient(Setting::hard()).network().await;
    let forwarder = Forwarder::before(&mut story).await;
    story.start_client();
    story.until_held_and_watched().await;
    forwarder.hold(Held::Streams);
    new_blocks_are_hashed(&mut story, 2).await;
    story.until_logged(&SILENT, 1).await;
    for height in 3..=5 {
        new_blocks_are_hashed(&mut story, height).await;
    }
    for height in 1..=4 {
        let height = format!("height={height}");
        let retired = ["job retired", &height, "reason=\"not_in_cut\""];
        assert_eq!(story.log.count(&retired), 2, "{height}\n{}", story.log);
    }
    forwarder.hold(Held::None);
    let mut height = 6;
    while story.log.count(&["update streams report blocks again"]) == 0 {
        assert!(height < 50, "{}", story.log);
        new_blocks_are_hashed(&mut story, height).await;
        height += 1;
    }
    let ended = story.ends_well().await;
    assert_eq!(ended.log.count(&SILENT), 1, "{}", ended.log);
}

#[tokio::test]
async fn node_with_held_connections_is_reported_before_its_requests_time_out() {
    let mut setting = impatient(Setting::hard());
    setting.timing.late_cut = Duration::from_secs(1);
    setting.limits.cut = Duration::from_hours(1);
    let mut story = setting.network().await;
    let forwarder = Forwarder::before(&mut story).await;
    story.start_client();
    story.until_held_and_watched().await;
    forwarder.hold(Held::All);
    story
        .until_logged(&["WARN", "could not fetch the cut"], 1)
        .await;
    forwarder.hold(Held::None);
    new_blocks_are_hashed(&mut story, 2).await;
    story.ends_well().await;
}

/// Mines against foreign miners, until six more blocks are accepted after the warning. Returns the
/// number of warnings.
async fn mines(is_held: bool) -> usize {
    let mut setting = impatient(Setting::easy());
    setting.network.foreign_hash_rate = 200_000.0;
    let mut story = setting.network().await;
    let forwarder = Forwarder::before(&mut story).await;
    if !is_held {
        story.balancer = None;
    }
    story.start_client();
    story.until_mining().await;
    forwarder.hold(Held::Streams);
    if is_held {
        story.until_logged(&SILENT, 1).await;
    }
    for _ in 0..2 {
        let wanted = story.accepted() + 3;
        story
            .until("three more blocks", PATIENCE, |story| {
                story.accepted() >= wanted
            })
            .await;
    }
    story.ends_well().await.log.count(&SILENT)
}

#[tokio::test]
async fn blocks_are_accepted_though_the_streams_are_held() {
    assert_eq!(mines(true).await, 1);
    assert_eq!(mines(false).await, 0);
}

/// How long [`held_streams_cost_few_blocks`] lasts.
const MEASURED: Duration = Duration::from_mins(4);

/// Makes half the blocks of a network of twenty chains and 30 seconds a block, with the durations
/// of the program. Returns a line with the result.
async fn measure(is_held: bool) -> String {
    let rate = 1e6;
    let mut setting = Setting::new(ChainGraph::twenty(), 3_000_000);
    setting.network.block_delay = Duration::from_secs(30);
    setting.network.proof_of_work = ProofOfWork::Disabled;
    setting.network.foreign_hash_rate = rate;
    (setting.timing, setting.limits) = (Timing::default(), Limits::default());
    let mut story = setting.network().await;
    let forwarder = Forwarder::before(&mut story).await;
    if !is_held {
        story.balancer = None;
    }
    story.start_client_with(Worker::Simulation(Simulation {
        rate: HashRate(rate),
        threads: NonZeroUsize::MIN.saturating_add(1),
        seed: seed(),
    }));
    story
        .until("a block", MEASURED, |story| story.accepted() > 0)
        .await;
    forwarder.hold(Held::Streams);
    sleep(MEASURED).await;
    let streams = story.asked(Endpoint::Updates);
    let ended = story.end().await;
    let (tally, log) = (ended.report.tally, ended.log);
    format!(
        "held={is_held} accepted={} stale={} orphaned={} foreign={} streams={streams} warnings={}",
        tally.accepted,
        tally.stale,
        tally.orphaned_later,
        tally.foreign_blocks,
        log.count(&SILENT),
    )
}

#[test]
#[ignore = "takes minutes, and its numbers are for people"]
#[expect(clippy::print_stderr, reason = "the numbers are the result")]
fn held_streams_cost_few_blocks() {
    let runs = [true, false].map(|is_held| {
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(measure(is_held))
        })
    });
    for run in runs {
        eprintln!("{}", run.join().unwrap());
    }
}
