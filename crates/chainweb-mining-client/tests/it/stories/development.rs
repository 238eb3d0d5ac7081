//! Workers that do not hash, on networks without and with proof of work.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use chainweb::ChainGraph;
use miner::units::HashRate;
use miner::worker::Worker;
use miner::worker::constant_delay::ConstantDelay;
use miner::worker::simulation::Simulation;
use simnet::{Endpoint, ProofOfWork, Verdict};

use super::setting::{PATIENCE, Setting, Story};
use crate::seed;

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// The expected number of hashes for a block: too many to solve one by chance.
const HASHES: u32 = 50_000;

/// Returns a setting of ten chains without proof of work, where a megahash a second makes a block
/// every 50 ms.
fn free() -> Setting {
    let mut setting = Setting::new(ChainGraph::petersen(), HASHES.into());
    setting.network.proof_of_work = ProofOfWork::Disabled;
    setting
}

fn simulation(threads: NonZeroUsize) -> Worker {
    Worker::Simulation(Simulation {
        rate: HashRate(1e6),
        threads,
        seed: seed(),
    })
}

fn beat(block_time: Duration, blocks: NonZeroUsize) -> Worker {
    Worker::ConstantDelay(ConstantDelay { block_time, blocks })
}

/// Waits until this number of blocks is in the cut. Returns the time that took.
async fn until_blocks(story: &mut Story, count: u64) -> Duration {
    let begun = Instant::now();
    story
        .until("blocks in the cut", PATIENCE, |story| {
            story.accepted() >= count
        })
        .await;
    begun.elapsed()
}

#[tokio::test]
async fn simulated_blocks_do_not_exceed_their_rate() {
    let mut story = free().network().await;
    story.start_client_with(simulation(TWO));
    let took = until_blocks(&mut story, 40).await;
    let expected = took.as_secs_f64() * 1e6 / f64::from(HASHES);
    let made = story.log.count(&["submitting block without proof of work"]) as f64;
    assert!(
        made <= expected + 5.0 * expected.sqrt(),
        "{made} blocks in {took:?}\n{}",
        story.log
    );
    let ended = story.ends_well().await;
    assert_eq!(ended.counters.solutions_submitted, ended.counters.solutions);
    assert_eq!(ended.log.count(&["block found"]), 0, "{}", ended.log);
}

#[tokio::test]
async fn more_threads_than_live_jobs_simulate() {
    let mut story = free().network().await;
    // They have two jobs.
    story.start_client_with(simulation(NonZeroUsize::new(5).unwrap()));
    until_blocks(&mut story, 20).await;
    story.ends_well().await;
}

#[tokio::test]
async fn beats_follow_the_number_of_chains_although_jobs_are_retired() {
    let mut setting = free();
    // Foreign blocks retire each job about once a beat.
    setting.network.foreign_hash_rate = 5e6;
    let mut story = setting.network().await;
    // A block every 100 ms on ten chains.
    story.start_client_with(beat(Duration::from_secs(1), NonZeroUsize::MIN));
    let took = until_blocks(&mut story, 15).await;
    let made = story.log.count(&["submitting block without proof of work"]);
    let beats = took.as_millis() / 100;
    assert!(
        made as u128 <= beats + 1,
        "{made} blocks in {beats} beats\n{}",
        story.log
    );
    assert!(story.retired() >= 5, "{}", story.log);
    story.ends_well().await;
}

#[tokio::test]
async fn a_beat_makes_as_many_blocks_as_configured_even_on_one_chain() {
    let mut setting = Setting::new(ChainGraph::singleton(), HASHES.into());
    setting.network.proof_of_work = ProofOfWork::Disabled;
    let mut story = setting.network().await;
    story.start_client_with(beat(Duration::from_millis(200), TWO));
    until_blocks(&mut story, 6).await;
    story.ends_well().await;
}

#[tokio::test]
async fn a_node_that_requires_proof_of_work_is_logged_once_and_is_not_flooded() {
    for worker in [simulation(TWO), beat(Duration::from_millis(10), TWO)] {
        let mut setting = free();
        setting.network.proof_of_work = ProofOfWork::Required;
        let retry = setting.timing.misconfigured_retry;
        let mut story = setting.network().await;
        let begun = Instant::now();
        story.start_client_with(worker);
        // The client keeps trying.
        story.until_asked(Endpoint::Solved, 6).await;
        let tries = begun.elapsed().div_duration_f64(retry) + 1.0;
        let asked = story.asked(Endpoint::Solved);
        assert!(
            asked as f64 <= 2.0 * tries,
            "{asked} submissions in {tries} tries\n{}",
            story.log
        );
        story
            .until_logged(&["node rejected block without proof of work"], 6)
            .await;
        let errors = story.log.lines(&["ERROR"]);
        let [line] = errors.as_slice() else {
            panic!("not logged once: {}", story.log);
        };
        for words in [
            "node requires proof of work",
            "simulation",
            "constant-delay",
            "--disable-pow",
            "Invalid POW hash",
        ] {
            assert!(line.contains(words), "{words} is missing: {line}");
        }
        let ended = story.end().await;
        assert_eq!(ended.report.tally.accepted, 0);
        assert_eq!(ended.counters.solutions_submitted, 0);
    }
}

#[tokio::test]
async fn mining_resumes_when_the_node_no_longer_requires_proof_of_work() {
    let mut story = free().network().await;
    let refusal = "Invalid solved work: Invalid POW hash";
    story.fault(Endpoint::Solved, Verdict::Status(400, refusal.into()));
    story.start_client_with(simulation(TWO));
    story
        .until_logged(&["node requires proof of work"], 1)
        .await;
    story.simnet.faults().clear();
    story
        .until_logged(&["node accepts blocks without proof of work now"], 1)
        .await;
    until_blocks(&mut story, 10).await;
    story.end().await;
}
