//! Shutdown at any moment.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use simnet::{Endpoint, Verdict};
use tokio::time::sleep;

use super::setting::{Setting, Story};
use crate::seed;

/// The time that a busy machine may add to the grace.
const SLACK: Duration = Duration::from_secs(4);

/// Starts a network whose client has the default time limits, each longer than the grace.
async fn network(grace: Duration) -> Story {
    let mut setting = Setting::easy();
    setting.timing.grace = grace;
    setting.limits = node::Limits::default();
    setting.network().await
}

#[tokio::test]
async fn stop_at_any_moment_submits_all_solutions() {
    let mut rng = StdRng::seed_from_u64(seed());
    let mut solved = 0;
    for _ in 0..12 {
        let mut story = network(Duration::from_secs(10)).await;
        story.start_client();
        sleep(Duration::from_micros(rng.random_range(0..120_000))).await;
        let ended = story.ends_well().await;
        let (tally, counters) = (ended.report.tally, &ended.counters);
        assert!(
            ended.took < Duration::from_secs(10),
            "{:?}\n{}",
            ended.took,
            ended.log
        );
        assert_eq!(
            (tally.accepted, tally.unknown_payload, tally.stale),
            (counters.solutions, 0, 0),
            "{}",
            ended.log
        );
        solved += counters.solutions;
        let blocks = counters.blocks;
        assert_eq!(blocks.displaced + blocks.orphaned, 0, "{}", ended.log);
    }
    assert!(solved > 0, "no moment was late enough");
}

#[tokio::test]
async fn node_that_never_answers_does_not_delay_the_stop() {
    let grace = Duration::from_millis(500);
    for endpoint in [
        Endpoint::Info,
        Endpoint::Work,
        Endpoint::Updates,
        Endpoint::Cut,
        Endpoint::Solved,
    ] {
        let mut story = network(grace).await;
        story.fault(endpoint, Verdict::Hang);
        story.start_client();
        story.until_asked(endpoint, 1).await;
        let ended = story.end().await;
        assert!(
            ended.took < grace + SLACK,
            "{endpoint:?}: {:?}\n{}",
            ended.took,
            ended.log
        );
        assert_eq!(ended.counters.solutions_rejected, 0);
    }
}

#[tokio::test]
async fn node_that_is_down_does_not_delay_the_stop() {
    let grace = Duration::from_millis(500);
    let mut story = network(grace).await;
    story.start_client();
    story.until_mining().await;
    story.simnet.set_listening(false).await.unwrap();
    let ended = story.end().await;
    assert!(
        ended.took < grace + SLACK,
        "{:?}\n{}",
        ended.took,
        ended.log
    );
}

#[tokio::test]
async fn stop_without_solutions_needs_no_grace() {
    let grace = Duration::from_mins(1);
    let mut story = network(grace).await;
    story.simnet.set_listening(false).await.unwrap();
    story.start_client();
    story.until_logged(&["node unreachable"], 1).await;
    let ended = story.ends_well().await;
    assert!(ended.took < SLACK, "{:?}\n{}", ended.took, ended.log);
}

#[tokio::test]
async fn stop_waits_for_the_answer_to_a_submission() {
    let mut story = network(Duration::from_secs(10)).await;
    story.fault(Endpoint::Solved, Verdict::Delay(Duration::from_millis(500)));
    story.start_client();
    story.until_asked(Endpoint::Solved, 1).await;
    story.stop();
    let ended = story.ends_well().await;
    assert!(ended.report.tally.accepted >= 1, "{}", ended.log);
    assert_eq!(
        ended.report.tally.accepted,
        ended.counters.solutions_submitted
    );
}

#[tokio::test]
async fn solution_at_the_stop_is_submitted_once_the_node_accepts_it() {
    let mut story = network(Duration::from_secs(10)).await;
    story.fault(Endpoint::Solved, Verdict::Drop);
    story.start_client();
    story.until_logged(&["could not submit block"], 1).await;
    story.stop();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(story.accepted(), 0);
    story.simnet.faults().clear();
    let ended = story.ends_well().await;
    assert!(ended.report.tally.accepted >= 1, "{}", ended.log);
    assert_eq!(
        ended.report.tally.accepted, ended.counters.solutions_submitted,
        "{}",
        ended.log
    );
}
