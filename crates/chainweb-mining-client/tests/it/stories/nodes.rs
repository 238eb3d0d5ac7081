//! Several nodes of one network, some of which fail.
//!
//! At the end the nodes need not agree: a block of the last moment may be on its way between them.

use std::time::Duration;

use chainweb::{ChainId, Difficulty};
use simnet::{Endpoint, Link, Payloads, Verdict};
use tokio::time::sleep;

use super::setting::{PATIENCE, Setting, Story};

/// Three nodes, on which blocks come as in [`Setting::easy`], and other miners at the last two.
fn three_nodes() -> Setting {
    let mut setting = Setting::easy();
    setting.network.nodes = 3;
    setting.network.propagation_delay = Duration::from_millis(5);
    setting.network.foreign_hash_rate = 200_000.0;
    setting.network.foreign_nodes = [1, 2].into();
    setting
}

impl Story {
    /// Waits until the client mines on another node than the first.
    async fn until_left(&mut self, reason: &str) {
        self.until_logged(&["mining on another node", reason], 1)
            .await;
        self.until_mining().await;
    }
}

#[tokio::test]
async fn a_node_that_goes_away_is_replaced_at_once() {
    let mut story = three_nodes().begin().await;
    story.until_mining().await;
    story
        .simnet
        .node(0)
        .restart_after(Duration::from_secs(3))
        .await
        .unwrap();
    story.until_left("unreachable").await;
    story.end().await.check_solutions();
}

#[tokio::test]
async fn a_node_that_hangs_is_replaced_though_its_requests_may_take_longer() {
    let mut setting = three_nodes();
    setting.limits.work = PATIENCE;
    setting.limits.cut = PATIENCE;
    setting.limits.solved = PATIENCE;
    setting.limits.info = PATIENCE;
    let mut story = setting.begin().await;
    story.until_mining().await;
    for endpoint in [Endpoint::Work, Endpoint::Cut, Endpoint::Solved] {
        story.fault(endpoint, Verdict::Hang);
    }
    story.until_left("unreachable").await;
    story.simnet.faults().clear();
    story.end().await.check_solutions();
}

#[tokio::test]
async fn a_node_without_work_is_replaced() {
    let mut story = three_nodes().begin().await;
    story.until_mining().await;
    story.fault(Endpoint::Work, Verdict::Status(503, "busy".into()));
    story.until_left("no_work").await;
    story.end().await.check_solutions();
}

#[tokio::test]
async fn a_node_whose_cut_stands_is_left_and_reported() {
    let mut story = three_nodes().begin().await;
    story.until_mining().await;
    story.simnet.node(0).set_link(Link::Frozen);
    story.until_left("behind").await;
    story
        .until_logged(&["no work from it is mined", "reason=\"behind\""], 1)
        .await;
    // It answers 200 to blocks that it drops.
    story.simnet.node(0).set_link(Link::Connected);
    story.until_logged(&["node is ready again"], 1).await;
    story.end().await.check_solutions();
}

#[tokio::test]
async fn a_node_on_a_fork_is_never_mined_on() {
    let mut story = three_nodes().network().await;
    for chain in (0..10).cycle().take(60).map(ChainId::new) {
        story.simnet.node(1).mine_foreign(chain).ok();
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_millis(100)).await;
    story.simnet.node(1).fork(5).unwrap();
    story.start_client();
    let address = story.simnet.node(1).address().to_string();
    story
        .until_logged(&["no work from it is mined", &address, "forked"], 1)
        .await;
    story.until_mining().await;
    let ended = story.end().await;
    assert_eq!(ended.counters.nodes[1].jobs, 0, "{}", ended.log);
    ended.check_solutions();
}

#[tokio::test]
async fn blocks_reach_the_network_by_another_node_that_holds_the_payload() {
    let mut setting = three_nodes();
    setting.network.payloads = Payloads::Same;
    setting.network.start_difficulty = Difficulty::from_u128(60_000);
    let mut story = setting.begin().await;
    story.until_mining().await;
    // The issuer takes no block from now on, and everything else goes on.
    story.fault(Endpoint::Solved, Verdict::Drop);
    // Not each of them: a block may be found before another node is asked for its work.
    story.until_logged(&["could not submit block"], 20).await;
    story.simnet.faults().clear();
    let ended = story.end().await;
    assert!(ended.counters.twins_taken > 0, "{}", ended.log);
    ended.check_solutions();
}

#[tokio::test]
async fn a_submit_only_node_takes_blocks_for_an_issuer_that_takes_none() {
    let mut setting = three_nodes();
    setting.network.start_difficulty = Difficulty::from_u128(60_000);
    setting.submit_only = 2;
    let mut story = setting.begin().await;
    story.until_mining().await;
    story.fault(Endpoint::Solved, Verdict::Drop);
    story.until_logged(&["could not submit block"], 20).await;
    story.simnet.faults().clear();
    // Without the issuer there is no work: the others only insure.
    story.simnet.node(0).set_listening(false).await.unwrap();
    story
        .until_logged(&["node does not answer in time"], 1)
        .await;
    let ended = story.end().await;
    let counters = &ended.counters;
    assert!(counters.twins_taken > 0, "{}", ended.log);
    let jobs: Vec<u64> = counters.nodes.iter().map(|node| node.jobs).collect();
    assert!(jobs[0] > 0 && jobs[1..] == [0, 0], "{jobs:?}");
    assert_eq!(ended.log.count(&["mining on another node"]), 0);
    ended.check_solutions();
}

#[tokio::test]
async fn clocks_an_hour_apart_are_reported_for_each_node() {
    let hour_micros = 3_600_000_000;
    let mut setting = three_nodes();
    setting.network.foreign_hash_rate = 0.0;
    setting.network.node_clock_offsets_micros = [(1, hour_micros), (2, -hour_micros)].into();
    let mut story = setting.begin().await;
    for (node, side) in [(1, "ahead"), (2, "behind")] {
        let address = story.simnet.node(node).address().to_string();
        let message = format!("node clock is {side}");
        story.until_logged(&[&message, &address], 1).await;
    }
    let of_first = story.simnet.node(0).address().to_string();
    assert_eq!(story.log.count(&["node clock is", &of_first]), 0);
    story.until_mining().await;
    story.end().await.check_solutions();
}

#[tokio::test]
async fn all_nodes_gone_and_back_are_mined_on_again() {
    let mut story = three_nodes().begin().await;
    story.until_mining().await;
    for node in 0..3 {
        story.simnet.node(node).set_listening(false).await.unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    for node in 0..3 {
        story.simnet.node(node).set_listening(true).await.unwrap();
    }
    let taken = story.accepted();
    story
        .until("three more blocks", PATIENCE, |story| {
            story.accepted() >= taken + 3
        })
        .await;
    story.end().await.check_solutions();
}
