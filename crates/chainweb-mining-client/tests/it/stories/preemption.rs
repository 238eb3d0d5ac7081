//! The effect of updates on live jobs.

use std::time::{Duration, Instant};

use chainweb::ChainId;
use miner::Preemption;
use simnet::{Endpoint, Verdict};
use tokio::time::sleep;

use super::setting::{PATIENCE, Setting, Story};

/// Returns the chains of all jobs so far, oldest first. A thread stays on the job it started with,
/// so it hashes on the first.
fn chains_by_age(story: &Story) -> Vec<ChainId> {
    let mut chains = Vec::new();
    for line in story.log.lines(&["new job"]) {
        let (_, rest) = line.split_once("chain=").unwrap();
        let chain = rest.split(' ').next().unwrap().parse().unwrap();
        if !chains.contains(&chain) {
            chains.push(chain);
        }
    }
    chains
}

#[tokio::test]
async fn update_moves_the_worker_to_the_next_live_job_without_a_request() {
    let mut setting = Setting::hard();
    setting.limits.work = Duration::from_mins(1);
    setting.limits.cut = Duration::from_mins(1);
    let mut story = setting.begin().await;
    story.until_held_and_watched().await;
    // No answer can help from here on.
    story.fault(Endpoint::Work, Verdict::Hang);
    story.fault(Endpoint::Cut, Verdict::Hang);
    let before = story.simnet.requests();
    let chains = chains_by_age(&story);
    let [hashed, other] = chains.as_slice() else {
        panic!("not two jobs: {chains:?}")
    };
    story.simnet.mine_foreign(*hashed).unwrap();
    story.until_logged(&["job retired"], 1).await;
    story.until_hashing().await;
    // The other job was hashed: without it nothing is.
    story.simnet.mine_foreign(*other).unwrap();
    story.until_idle().await;
    assert_eq!(
        story.log.count(&["job retired", "reason=\"new_cut\""]),
        2,
        "{}",
        story.log
    );
    let after = story.simnet.requests();
    for (endpoint, more) in [
        (Endpoint::Info, 0),
        (Endpoint::Updates, 0),
        (Endpoint::Solved, 0),
        (Endpoint::Work, 1),
        // The chain that moved is adjacent to the other.
        (Endpoint::Cut, 1),
    ] {
        let asked = after.of(endpoint) - before.of(endpoint);
        assert_eq!(asked, more, "{endpoint:?}");
    }
    story.ends_well().await;
}

/// Returns the number of jobs on chain 0 that were preempted.
fn replaced(story: &Story) -> u64 {
    let why = ["job retired", "chain=0", "reason=\"preempted\""];
    story.log.count(&why) as u64
}

/// Returns a setting in which only the story refreshes payloads.
fn hard(preemption: Preemption) -> Setting {
    let mut setting = Setting::hard();
    setting.network.limits.payload_refresh = None;
    setting.preemption = preemption;
    setting
}

/// Refreshes the payload of chain 0 all the time for four intervals. Checks that the job is
/// replaced at most once in each.
async fn replaces_once_in(interval: Duration, setting: Setting) {
    let mut story = setting.begin().await;
    story.until_held_and_watched().await;
    let asked = story.asked(Endpoint::Work);
    let begun = Instant::now();
    while begun.elapsed() < 4 * interval {
        story.simnet.refresh(ChainId::new(0)).unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    story
        .until("all requested work has arrived", PATIENCE, |story| {
            // A payload can be refreshed while the answer with it is in progress.
            let same = story.log.count(&["node issued the same work again"]) as u64;
            replaced(story) > 0 && story.asked(Endpoint::Work) == asked + replaced(story) + same
        })
        .await;
    let intervals = begun.elapsed().as_millis() / interval.as_millis();
    let replaced = replaced(&story);
    assert!(
        u128::from(replaced) <= intervals + 1,
        "{replaced} in {intervals}\n{}",
        story.log
    );
    assert_eq!(
        story.retired() as u64,
        replaced,
        "a job on chain 1 was retired\n{}",
        story.log
    );
    story.ends_well().await;
}

#[tokio::test]
async fn conditional_replaces_a_job_once_in_its_interval() {
    let min_interval = Duration::from_millis(250);
    let setting = hard(Preemption::Conditional { min_interval });
    replaces_once_in(min_interval, setting).await;
}

#[tokio::test]
async fn batch_complete_replaces_a_job_once_in_a_batch() {
    let batch = Duration::from_millis(250);
    let setting = hard(Preemption::BatchComplete { batch });
    replaces_once_in(batch, setting).await;
}

#[tokio::test]
async fn immediate_replaces_a_job_after_each_refresh() {
    let mut story = hard(Preemption::Immediate).begin().await;
    story.until_held_and_watched().await;
    let asked = story.asked(Endpoint::Work);
    for times in 1..=5 {
        story.simnet.refresh(ChainId::new(0)).unwrap();
        story
            .until("the job is replaced", PATIENCE, |story| {
                replaced(story) == times
            })
            .await;
    }
    assert_eq!(story.asked(Endpoint::Work), asked + 5);
    let ended = story.ends_well().await;
    let refreshes = ended.counters.refreshes;
    assert_eq!((refreshes.received, refreshes.preempted), (5, 5));
}

#[tokio::test]
async fn delayed_replaces_a_job_after_the_delay_from_the_first_refresh() {
    let delay = Duration::from_millis(400);
    let mut story = hard(Preemption::Delayed(delay)).begin().await;
    story.until_held_and_watched().await;
    let (asked, events) = (story.asked(Endpoint::Work), story.asked(Endpoint::Event));
    let refreshed = Instant::now();
    story.simnet.refresh(ChainId::new(0)).unwrap();
    story
        .until("the job is replaced", PATIENCE, |story| {
            replaced(story) == 1
        })
        .await;
    assert!(refreshed.elapsed() >= delay, "{}", story.log);
    // The delay starts at the first of several refreshes; the answer contains the last.
    for _ in 0..5 {
        story.simnet.refresh(ChainId::new(0)).unwrap();
    }
    story
        .until("the job is replaced again", PATIENCE, |story| {
            story.asked(Endpoint::Event) == events + 6 && replaced(story) == 2
        })
        .await;
    assert_eq!(story.asked(Endpoint::Work), asked + 2);
    story.ends_well().await;
}

#[tokio::test]
async fn conditional_replaces_no_job_before_its_interval() {
    let mut story = hard(Preemption::default()).begin().await;
    story.until_held_and_watched().await;
    let (before, events) = (story.simnet.requests(), story.asked(Endpoint::Event));
    for _ in 0..20 {
        story.simnet.refresh(ChainId::new(0)).unwrap();
    }
    story
        .until("the events are sent", PATIENCE, |story| {
            story.asked(Endpoint::Event) >= events + 20
        })
        .await;
    story.until_hashing().await;
    assert_eq!(story.retired(), 0, "{}", story.log);
    assert_eq!(
        story.simnet.requests().of(Endpoint::Work),
        before.of(Endpoint::Work)
    );
    story.ends_well().await;
}

#[tokio::test]
async fn mining_continues_among_foreign_miners_that_make_work_stale() {
    let mut setting = Setting::easy();
    setting.network.foreign_hash_rate = 4_000_000.0;
    let mut story = setting.begin().await;
    for _ in 0..10 {
        story.until_mining().await;
    }
    // A fast machine solves most jobs before a foreign block comes.
    story
        .until("a job is retired", PATIENCE, |story| story.retired() > 0)
        .await;
    let ended = story.ends_well().await;
    let (tally, counters) = (ended.report.tally, &ended.counters);
    assert!(counters.jobs_retired.unsolved() > 0, "{counters:?}");
    assert!(tally.foreign_blocks > 0, "{tally:?}");
    // Each solution was submitted once, and each is accounted for.
    assert_eq!(
        tally.accepted + tally.stale + tally.unknown_payload,
        counters.solutions
    );
    assert_eq!(tally.accepted + tally.stale, counters.solutions_submitted);
    assert_eq!(tally.unknown_payload, counters.solutions_stale);
    let blocks = counters.blocks;
    assert_eq!(tally.stale, blocks.displaced + blocks.orphaned);
}

#[tokio::test]
async fn reorganised_adjacent_chain_retires_the_job() {
    let mut story = Setting::hard().network().await;
    let chains = [ChainId::new(0), ChainId::new(1)];
    for chain in chains {
        story.simnet.mine_foreign(chain).unwrap();
    }
    story.start_client();
    story.until_held_and_watched().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    // Only the update stream of the reorganised chain reports this.
    story.simnet.reorganise(chains[0]).unwrap();
    story.until_idle().await;
    assert_eq!(story.retired(), 2, "{}", story.log);
    story.simnet.faults().clear();
    story.until_hashing().await;
    story.ends_well().await;
}
