//! How soon the client knows what happens, with the durations of the program. Run by hand and once
//! a week; each prints its figures.
#![expect(clippy::print_stderr, reason = "the figures are the result")]

use std::time::{Duration, Instant};

use chainweb::{ChainGraph, Difficulty};
use miner::telemetry::Standing;
use miner::telemetry::snapshot::Snapshot;
use miner::timing::Timing;
use node::Limits;
use simnet::Link;
use tokio::time::sleep;

use super::setting::{PATIENCE, Setting, Story};

/// The blocks of each client.
const BLOCKS: u32 = 60;
const DIFFICULTY: u64 = 1 << 40;

/// Three nodes, on which the client finds no block.
fn three_nodes() -> Setting {
    let mut setting = Setting::new(ChainGraph::petersen(), DIFFICULTY);
    setting.network.nodes = 3;
    setting.network.limits.payload_refresh = None;
    (setting.timing, setting.limits) = (Timing::default(), Limits::default());
    setting.timing.snapshot = Duration::from_millis(10);
    setting
}

/// Mines blocks at the third node, which reach the second after 0.1 s and the first 0.8 s later,
/// with a client that knows these nodes. Returns the mean time from a block to the end of the job
/// that it outdates.
async fn outdated_work(chosen: &[usize]) -> Duration {
    let mut setting = three_nodes();
    let delays = [(0, 900), (1, 100)];
    setting.network.node_propagation_delays = delays
        .map(|(node, delay)| (node, Duration::from_millis(delay)))
        .into();
    let mut story = setting.network().await;
    story.chosen = chosen.to_vec();
    story.start_client();
    let mut sum = Duration::ZERO;
    for _ in 0..BLOCKS {
        let tips = story.simnet.node(2).tips();
        let is_current = |state: &Snapshot| {
            let mut jobs = state.jobs.iter();
            let on = |chain| tips[&chain].height + 1;
            jobs.len() > 0 && jobs.all(|job| job.work.header().height() == on(job.chain()))
        };
        story
            .until_state("jobs on the last blocks", is_current)
            .await;
        let state = story.snapshot().unwrap();
        // The oldest: others may wait for its block.
        let job = state.jobs.iter().next_back().unwrap();
        let mined = Instant::now();
        story.simnet.node(2).mine_foreign(job.chain()).unwrap();
        story
            .until_state("the job ends", |state| {
                state.jobs.iter().all(|live| live.id != job.id)
            })
            .await;
        sum += mined.elapsed();
        story
            .until("all nodes have the block", PATIENCE, |story| {
                let nodes = story.simnet.nodes();
                nodes.iter().all(|node| node.tips() == nodes[2].tips())
            })
            .await;
    }
    story.end().await.check_solutions();
    sum / BLOCKS
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn with_a_slow_node_work_is_as_fresh_as_without() {
    let both = outdated_work(&[0, 1]).await;
    let faster = outdated_work(&[1]).await;
    let slower = outdated_work(&[0]).await;
    eprintln!("dead work after a block: {both:?} with both, {faster:?}, {slower:?}");
    let limit = faster + slower.saturating_sub(faster) / 10;
    assert!(
        both < limit,
        "{both:?} with both, {faster:?} and {slower:?} with one"
    );
}

/// A client on three nodes, on which others find two blocks a second. The first serves.
async fn watching() -> Story {
    let mut setting = three_nodes();
    let network = &mut setting.network;
    network.start_difficulty = Difficulty::from_u128(DIFFICULTY.into());
    network.foreign_hash_rate = 2.0 * DIFFICULTY as f64;
    network.foreign_nodes = [1, 2].into();
    network.block_delay = Duration::from_secs(5);
    network.propagation_delay = Duration::from_millis(5);
    let mut story = setting.begin().await;
    let are_good = |state: &Snapshot| {
        let mut nodes = state.nodes.iter();
        nodes.all(|node| node.standing == Standing::Ready) && of(state, 0)
    };
    story.until_state("all nodes are ready", are_good).await;
    // Enough blocks for a fork.
    sleep(Duration::from_secs(15)).await;
    story
}

/// Whether all jobs of the worker are of a node.
fn of(state: &Snapshot, node: usize) -> bool {
    state.jobs.iter().all(|job| job.node.0 == node)
}

/// Waits until the client knows the standing of a node, and returns how long that took.
async fn until_known(story: &mut Story, node: usize, standing: Standing) -> Duration {
    let begun = Instant::now();
    let is_known = |state: &Snapshot| state.nodes[node].standing == standing;
    story.until_state("the standing is known", is_known).await;
    begun.elapsed()
}

#[tokio::test]
#[ignore = "takes two minutes"]
async fn a_frozen_node_is_left_within_ten_seconds_and_not_returned_to() {
    let mut story = watching().await;
    story.simnet.node(0).set_link(Link::Frozen);
    let left = until_known(&mut story, 0, Standing::Behind).await;
    eprintln!("left after {left:?}");
    assert!(left <= Duration::from_secs(10), "{left:?}\n{}", story.log);
    // Longer than the time after which a preferred node serves again.
    for _ in 0..80 {
        sleep(Duration::from_secs(1)).await;
        let state = story.snapshot().unwrap();
        assert!(
            state.jobs.iter().all(|job| job.node.0 != 0),
            "{}",
            story.log
        );
    }
    story.end().await.check_solutions();
}

#[tokio::test]
#[ignore = "takes half a minute"]
async fn a_fork_is_reported_within_half_a_minute_and_never_mined_on() {
    let mut story = watching().await;
    story.simnet.node(1).fork(5).unwrap();
    let known = until_known(&mut story, 1, Standing::Forked).await;
    eprintln!("reported after {known:?}");
    assert!(known <= Duration::from_secs(30), "{known:?}\n{}", story.log);
    let address = story.simnet.node(1).address().to_string();
    let line = ["WARN", "no work from it is mined", &address, "forked"];
    story.until_logged(&line, 1).await;
    // The node that serves fails: the one on the fork does not take over.
    story.simnet.set_listening(false).await.unwrap();
    let mines_on_third = |state: &Snapshot| state.jobs.iter().len() > 0 && of(state, 2);
    story
        .until_state("the third node serves", mines_on_third)
        .await;
    let ended = story.end().await;
    ended.check_solutions();
}
