//! The end, asked for at any moment.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use simnet::{Endpoint, Verdict};
use tokio::time::sleep;

use super::setting::{Setting, Story};
use crate::seed;

/// What a machine that does other things as well may add to the grace.
const SLACK: Duration = Duration::from_secs(4);

/// The client's limits are those of a real one: waiting for any of them takes longer than the grace.
async fn network(grace: Duration) -> Story {
    let mut setting = Setting::easy();
    setting.timing.grace = grace;
    setting.limits = node::Limits::default();
    setting.network().await
}

#[tokio::test]
async fn stop_at_any_moment_hands_in_what_is_solved() {
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
        assert_eq!(counters.blocks.orphaned, 0, "{}", ended.log);
    }
    assert!(solved > 0, "no moment was late enough");
}

#[tokio::test]
async fn stop_is_not_held_up_by_a_node_that_never_answers() {
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
async fn stop_is_not_held_up_by_a_node_that_is_away() {
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
async fn stop_without_anything_in_hand_takes_no_grace() {
    let grace = Duration::from_mins(1);
    let mut story = network(grace).await;
    story.simnet.set_listening(false).await.unwrap();
    story.start_client();
    story.until_said(&["node unreachable"], 1).await;
    let ended = story.ends_well().await;
    assert!(ended.took < SLACK, "{:?}\n{}", ended.took, ended.log);
}

#[tokio::test]
async fn solution_on_its_way_at_the_stop_is_waited_for() {
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
async fn solution_in_hand_at_the_stop_is_handed_in_when_the_node_can_take_it() {
    let mut story = network(Duration::from_secs(10)).await;
    story.fault(Endpoint::Solved, Verdict::Drop);
    story.start_client();
    story.until_said(&["could not submit block"], 1).await;
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
