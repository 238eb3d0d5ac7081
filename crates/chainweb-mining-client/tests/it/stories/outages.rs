//! Nodes that are down for a while, return on another network, or are slow.

use std::time::{Duration, Instant};

use chainweb::{ChainGraph, ChainId};
use miner::timing::Timing;
use node::Limits;
use simnet::{Endpoint, Rule, Verdict};
use tokio::time::sleep;

use super::setting::{PATIENCE, RECOVERY, Setting, Story};

/// The time for which a node is down: longer than the longest pause between two attempts to
/// connect.
const DOWN: Duration = Duration::from_millis(500);
/// Long enough for pauses that double without a bound to exceed [`RECOVERY`].
const LONG_DOWN: Duration = Duration::from_millis(3300);

#[tokio::test]
async fn client_waits_for_a_node_that_is_down_at_start() {
    let mut story = Setting::easy().network().await;
    story.simnet.set_listening(false).await.unwrap();
    story.start_client();
    sleep(DOWN).await;
    let waits = ["node unreachable", "cannot connect"];
    assert_eq!(story.log.count(&waits), 1, "not logged once: {}", story.log);
    assert_eq!(story.hashes(), 0);
    story.simnet.set_listening(true).await.unwrap();
    story.until_mining().await;
    story.ends_well().await;
}

#[tokio::test]
async fn mining_resumes_when_the_node_returns() {
    let mut story = Setting::easy().begin().await;
    story.until_mining().await;
    story.simnet.set_listening(false).await.unwrap();
    sleep(LONG_DOWN).await;
    story.simnet.set_listening(true).await.unwrap();
    story.until_mining().await;
    let ended = story.ends_well().await;
    // Jobs solved while the node was down are in the cut as well.
    assert_eq!(
        ended.report.tally.accepted,
        ended.counters.solutions - ended.counters.solutions_stale
    );
}

#[tokio::test]
async fn valid_work_is_hashed_while_the_node_is_down() {
    let mut story = Setting::hard().begin().await;
    story.until_held_and_watched().await;
    story.simnet.set_listening(false).await.unwrap();
    sleep(DOWN).await;
    story.until_hashing().await;
    let asked = story.asked(Endpoint::Work);
    story.simnet.set_listening(true).await.unwrap();
    story
        .until("both jobs are confirmed", RECOVERY, |story| {
            story.asked(Endpoint::Work) >= asked + 2
        })
        .await;
    story.until_hashing().await;
    assert_eq!(
        story.retired(),
        0,
        "a job was retired although its work did not change"
    );
    story.ends_well().await;
}

#[tokio::test]
async fn solution_found_while_the_node_is_down_is_submitted_when_it_returns() {
    // A solution takes a good part of a second, so the node can go down before.
    let mut story = Setting::new(ChainGraph::petersen(), 4_000_000)
        .begin()
        .await;
    let solved = ["block found"];
    let found = loop {
        story
            .until("a job is held", PATIENCE, |story| {
                story.log.count(&["new job"]) > story.log.count(&solved)
            })
            .await;
        let before = story.log.count(&solved);
        let accepted = story.accepted();
        story.simnet.set_listening(false).await.unwrap();
        story
            .until("the job is solved, or was before", PATIENCE, |story| {
                story.log.count(&solved) > before
            })
            .await;
        let found = story.log.count(&solved);
        if story.accepted() == accepted {
            break found;
        }
        story.simnet.set_listening(true).await.unwrap();
    };
    story.until_logged(&["could not submit block"], 1).await;
    let asked = story.asked(Endpoint::Work);
    story.simnet.set_listening(true).await.unwrap();
    story
        .until(
            "the block is accepted, and mining resumes",
            RECOVERY,
            |story| story.accepted() >= found as u64 && story.asked(Endpoint::Work) > asked,
        )
        .await;
    let ended = story.ends_well().await;
    assert_eq!(ended.report.tally.accepted, ended.counters.solutions);
}

#[tokio::test]
async fn node_restarted_on_another_network_is_mined_on_under_its_name() {
    let mut story = Setting::easy().begin().await;
    story.until_mining().await;
    story
        .simnet
        .restart(Some("testnet04".to_owned()))
        .await
        .unwrap();
    story.until_mining().await;
    let line = ["node serves another network", "network=testnet04"];
    assert_eq!(story.log.count(&line), 1, "{}", story.log);
    let ended = story.end().await;
    ended.check_solutions();
    // The blocks of the former network can no longer be looked up.
    let blocks = ended.counters.blocks;
    assert!(blocks.accepted >= 3, "{blocks:?}\n{}", ended.log);
    assert_eq!(blocks.displaced + blocks.orphaned, 0, "{}", ended.log);
}

#[tokio::test]
async fn node_restarted_on_another_network_retires_all_jobs() {
    let mut story = Setting::hard().begin().await;
    story.until_held_and_watched().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    story
        .simnet
        .restart(Some("testnet04".to_owned()))
        .await
        .unwrap();
    story.until_idle().await;
    let why = ["job retired", "reason=\"network_changed\""];
    assert_eq!(story.log.count(&why), 2, "{}", story.log);
    story.simnet.faults().clear();
    story.until_hashing().await;
    story.ends_well().await;
}

#[tokio::test]
async fn jobs_are_replaced_after_a_restart_that_lost_their_payloads() {
    let mut story = Setting::hard().begin().await;
    story.until_held_and_watched().await;
    let works = story.log.count(&["new job"]);
    story.simnet.restart(None).await.unwrap();
    // The node could not accept solutions of the jobs from before.
    story
        .until("both jobs are fetched again", RECOVERY, |story| {
            story.log.count(&["new job"]) >= works + 2
        })
        .await;
    let why = ["job retired", "reason=\"refetched\""];
    assert_eq!(story.log.count(&why), 2, "{}", story.log);
    assert_eq!(story.retired(), 2, "{}", story.log);
    story.until_hashing().await;
    story.ends_well().await;
}

#[tokio::test]
async fn restart_is_noticed_without_update_streams() {
    let mut story = Setting::hard().network().await;
    let refused = Verdict::Status(503, "No more update streams available currently.".into());
    story.fault(Endpoint::Updates, refused);
    story.start_client();
    for chain in ["chain=0", "chain=1"] {
        story.until_logged(&["new job", chain], 1).await;
    }
    let jobs = story.log.count(&["new job"]);
    story.simnet.set_listening(false).await.unwrap();
    story.until_logged(&["WARN", "cannot connect"], 1).await;
    story.simnet.restart(None).await.unwrap();
    story
        .until("both jobs are fetched again", RECOVERY, |story| {
            story.log.count(&["new job"]) >= jobs + 2
        })
        .await;
    story.ends_well().await;
}

#[tokio::test]
async fn restarted_node_accepts_all_solutions_of_later_work() {
    let mut story = Setting::easy().begin().await;
    story.until_mining().await;
    for _ in 0..3 {
        story.simnet.restart(None).await.unwrap();
        story.until_mining().await;
    }
    // Work from before the last restart may be lost: a job in each slot, and answers in progress.
    for _ in 0..3 {
        story.until_mining().await;
    }
    // Solutions of it are submitted again for less than a second.
    let unknown = |story: &Story| story.simnet.report().tally.unknown_payload;
    let (mut lost, mut since) = (unknown(&story), Instant::now());
    story
        .until(
            "solutions of earlier work are given up",
            PATIENCE,
            |story| {
                if unknown(story) != lost {
                    (lost, since) = (unknown(story), Instant::now());
                }
                since.elapsed() > Duration::from_secs(1)
            },
        )
        .await;
    for _ in 0..5 {
        story.until_mining().await;
    }
    let ended = story.ends_well().await;
    assert_eq!(ended.report.tally.unknown_payload, lost, "{}", ended.log);
}

/// Waits for a block of work that arrives from now on, with every answer late.
async fn mines_late_work(story: &mut Story) {
    story
        .until_logged(&["new job"], story.log.count(&["new job"]) + 1)
        .await;
    let solved = story.log.count(&["block found"]) as u64;
    story
        .until("a block of late work is in the cut", PATIENCE, |story| {
            story.accepted() > solved
        })
        .await;
}

fn delay_everything(story: &Story, by: Duration) {
    let late = Verdict::Delay(by);
    story.simnet.faults().install(Rule::on_all(late.clone()));
    story.fault(Endpoint::Event, late);
}

#[tokio::test]
async fn mining_works_on_a_slow_node() {
    let mut story = Setting::easy().begin().await;
    story.until_mining().await;
    delay_everything(&story, Duration::from_millis(300));
    for _ in 0..3 {
        mines_late_work(&mut story).await;
    }
    story.recovers().await;
    story.ends_well().await;
}

#[tokio::test]
async fn mining_works_on_a_node_that_takes_three_seconds_for_each_answer() {
    let mut setting = Setting::easy();
    setting.timing = Timing::default();
    setting.limits = Limits::default();
    let mut story = setting.begin().await;
    story.until_mining().await;
    delay_everything(&story, Duration::from_secs(3));
    mines_late_work(&mut story).await;
    story.simnet.faults().clear();
    story.ends_well().await;
}

#[tokio::test]
async fn chain_that_moves_while_the_node_is_down_retires_its_job_on_return() {
    let mut story = Setting::hard().begin().await;
    story.until_held_and_watched().await;
    story.simnet.set_listening(false).await.unwrap();
    for chain in [0, 1] {
        story.simnet.mine_foreign(ChainId::new(chain)).unwrap();
    }
    story.fault(Endpoint::Work, Verdict::Hang);
    story.until_hashing().await;
    assert_eq!(
        story.retired(),
        0,
        "a job was retired before the node returned"
    );
    story.simnet.set_listening(true).await.unwrap();
    story.until_idle().await;
    assert_eq!(story.retired(), 2, "{}", story.log);
    story.simnet.faults().clear();
    story.until_hashing().await;
    story.ends_well().await;
}
