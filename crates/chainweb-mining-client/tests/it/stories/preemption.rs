//! What an update does to the jobs in hand.

use std::time::{Duration, Instant};

use chainweb::ChainId;
use miner::coordinator::Preemption;
use simnet::{Endpoint, Verdict};
use tokio::time::sleep;

use super::setting::{PATIENCE, Setting, Story};

/// The chains that there were jobs on, the first one first: a thread stays on the job that it has begun with.
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
    story.until_held_and_covered().await;
    // No answer can help from here on.
    story.fault(Endpoint::Work, Verdict::Hang);
    story.fault(Endpoint::Cut, Verdict::Hang);
    let before = story.simnet.requests();
    let chains = chains_by_age(&story);
    let [hashed, other] = chains.as_slice() else {
        panic!("two jobs are held: {chains:?}")
    };
    story.simnet.mine_foreign(*hashed).unwrap();
    story.until_said(&["job retired"], 1).await;
    story.until_hashing().await;
    // It was the other job that was hashed: without it nothing is.
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
        // The chain that moved is a neighbour of the other.
        (Endpoint::Cut, 1),
    ] {
        let asked = after.of(endpoint) - before.of(endpoint);
        assert_eq!(asked, more, "{endpoint:?}");
    }
    story.ends_well().await;
}

/// How often a job was replaced by newer work on chain 0.
fn replaced(story: &Story) -> u64 {
    let why = ["job retired", "chain=0", "reason=\"preempted\""];
    story.log.count(&why) as u64
}

/// A setting in which payloads are renewed by the story alone.
fn hard(preemption: Preemption) -> Setting {
    let mut setting = Setting::hard();
    setting.network.limits.payload_refresh = None;
    setting.preemption = preemption;
    setting
}

/// Renews the payload of chain 0 all the while, for four intervals, in which the job is replaced once at most.
async fn replaces_once_in(interval: Duration, setting: Setting) {
    let mut story = setting.begin().await;
    story.until_held_and_covered().await;
    let asked = story.asked(Endpoint::Work);
    let begun = Instant::now();
    while begun.elapsed() < 4 * interval {
        story.simnet.refresh(ChainId::new(0)).unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    story
        .until("all that was asked for has come", PATIENCE, |story| {
            // A payload can be renewed while the answer that has it is on its way.
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
        "chain 1 has nothing to do with it\n{}",
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
async fn immediate_replaces_a_job_for_each_newer_payload() {
    let mut story = hard(Preemption::Immediate).begin().await;
    story.until_held_and_covered().await;
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
async fn delayed_replaces_a_job_so_long_after_the_first_newer_payload() {
    let delay = Duration::from_millis(400);
    let mut story = hard(Preemption::Delayed(delay)).begin().await;
    story.until_held_and_covered().await;
    let (asked, events) = (story.asked(Endpoint::Work), story.asked(Endpoint::Event));
    let renewed = Instant::now();
    story.simnet.refresh(ChainId::new(0)).unwrap();
    story
        .until("the job is replaced", PATIENCE, |story| {
            replaced(story) == 1
        })
        .await;
    assert!(renewed.elapsed() >= delay, "{}", story.log);
    // Of several the first counts: the answer brings the last.
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
async fn conditional_replaces_nothing_before_its_interval() {
    let mut story = hard(Preemption::default()).begin().await;
    story.until_held_and_covered().await;
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
async fn work_goes_stale_and_mining_goes_on_among_foreign_miners() {
    let mut setting = Setting::easy();
    setting.network.foreign_hash_rate = 4_000_000.0;
    let mut story = setting.begin().await;
    for _ in 0..10 {
        story.until_mining().await;
    }
    // A fast machine has solved most jobs before a foreign block comes.
    story
        .until("a job is retired", PATIENCE, |story| story.retired() > 0)
        .await;
    let ended = story.ends_well().await;
    let (tally, counters) = (ended.report.tally, &ended.counters);
    assert!(counters.jobs_retired.unsolved() > 0, "{counters:?}");
    assert!(tally.foreign_blocks > 0, "{tally:?}");
    // Each solution was handed in once, and each is accounted for.
    assert_eq!(
        tally.accepted + tally.stale + tally.unknown_payload,
        counters.solutions
    );
    assert_eq!(tally.accepted + tally.stale, counters.solutions_submitted);
    assert_eq!(tally.unknown_payload, counters.solutions_stale);
    assert_eq!(tally.stale, counters.blocks.orphaned);
}

#[tokio::test]
async fn reorganised_neighbour_ends_the_job_beside_it() {
    let mut story = Setting::hard().network().await;
    let chains = [ChainId::new(0), ChainId::new(1)];
    for chain in chains {
        story.simnet.mine_foreign(chain).unwrap();
    }
    story.start_client();
    story.until_held_and_covered().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    // Of this only the stream of its own chain tells.
    story.simnet.reorganise(chains[0]).unwrap();
    story.until_idle().await;
    assert_eq!(story.retired(), 2, "{}", story.log);
    story.simnet.faults().clear();
    story.until_hashing().await;
    story.ends_well().await;
}
