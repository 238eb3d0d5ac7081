//! Solutions that the node does not accept, or accepts without an answer.

use std::time::Duration;

use simnet::{Endpoint, Rule, Times, Verdict};

use super::setting::{Ended, Setting};

fn status(code: u16, body: &'static str) -> Verdict {
    Verdict::Status(code, body.into())
}

/// Applies the verdict to one submission of a mining client, and waits until it mines again.
async fn one_solution(verdict: Verdict) -> Ended {
    let mut story = Setting::easy().begin().await;
    story.until_mining().await;
    let once = Rule::on(Endpoint::Solved, verdict).times(Times::First(1));
    story.simnet.faults().install(once);
    story.until_asked(Endpoint::Solved, 2).await;
    story.recovers().await;
    story.end().await
}

#[tokio::test]
async fn late_solution_is_counted_and_mining_continues() {
    let mut story = Setting::easy().begin().await;
    story.until_mining().await;
    story.fault(Endpoint::Solved, status(404, "No associated Payload"));
    story.until_logged(&["block too late"], 1).await;
    story.recovers().await;
    let ended = story.ends_well().await;
    assert!(ended.counters.solutions_stale >= 1);
    assert!(ended.log.count(&["block too late"]) >= 1, "{}", ended.log);
}

#[tokio::test]
async fn a_foreign_404_in_answer_to_a_solution_is_not_the_nodes() {
    let ended = one_solution(status(404, "<html>404 Not Found</html>")).await;
    let line = [
        "could not submit block",
        "something between this machine and the node",
    ];
    assert_eq!(ended.log.count(&line), 1, "{}", ended.log);
    assert_eq!(ended.log.count(&["does not serve"]), 0, "{}", ended.log);
}

#[tokio::test]
async fn ten_late_blocks_in_a_row_are_one_warning_with_the_likely_causes() {
    let mut story = Setting::easy().begin().await;
    story.until_mining().await;
    story.fault(Endpoint::Solved, status(404, "No associated Payload"));
    story.until_logged(&["block too late"], 21).await;
    let ended = story.end().await;
    let late = [
        "WARN",
        "blocks_late",
        "times=10",
        "lags",
        "proxy_buffering off",
    ];
    assert_eq!(ended.log.count(&late), 1, "{}", ended.log);
}

#[tokio::test]
async fn solution_rejected_as_invalid_is_counted_and_logged_with_its_bytes() {
    let ended = one_solution(status(400, "Invalid solved work: Invalid POW hash")).await;
    assert_eq!(ended.counters.solutions_rejected, 1);
    let lines = ended
        .log
        .lines(&["ERROR", "node rejected block", "header="]);
    let [line] = lines.as_slice() else {
        panic!("not logged once: {}", ended.log);
    };
    let (_, header) = line.split_once("header=").unwrap();
    let hex = header.trim_matches('"').split(['"', ' ']).next().unwrap();
    assert_eq!(hex.len(), 2 * 286, "{line}");
    assert_eq!(
        ended.counters.blocks.accepted,
        ended.report.own_in_cut.len() as u64
    );
}

#[tokio::test]
async fn solution_lost_in_transit_is_submitted_again() {
    let ended = one_solution(Verdict::Drop).await;
    ended.check();
    assert_eq!(
        ended.report.tally.accepted,
        ended.counters.solutions - ended.counters.solutions_stale
    );
}

#[tokio::test]
async fn failed_submissions_are_repeated_until_they_are_accepted() {
    for verdict in [
        status(500, "Something went wrong"),
        status(503, ""),
        status(404, ""),
        status(404, "<html>No associated Payload</html>"),
        status(400, "<html>Bad Request</html>"),
        status(200, "<html>Log in to this network</html>"),
        status(200, r#"{"ok":true}"#),
        Verdict::Drop,
        Verdict::Hang,
    ] {
        let mut setting = Setting::easy();
        setting.limits.solved = Duration::from_millis(500);
        let mut story = setting.begin().await;
        story.until_mining().await;
        let before = story.accepted();
        story.fault(Endpoint::Solved, verdict);
        story
            .until_logged(&["could not submit block", "attempts=2"], 1)
            .await;
        assert!(story.accepted() <= before + 2, "{}", story.log);
        story.recovers().await;
        let ended = story.ends_well().await;
        assert_eq!(ended.counters.solutions_stale, 0, "{}", ended.log);
        assert_eq!(
            ended.report.tally.accepted, ended.counters.solutions,
            "{}",
            ended.log
        );
    }
}

#[tokio::test]
async fn work_with_a_pending_submission_is_not_hashed_again() {
    let mut story = Setting::easy().begin().await;
    story.until_mining().await;
    story.fault(Endpoint::Solved, status(500, "Something went wrong"));
    let before = story.log.count(&["block found"]);
    // Each chain is solved once; then no job is left to hash.
    story.until_asked(Endpoint::Solved, 30).await;
    story.until_idle().await;
    let solved = story.log.count(&["block found"]) - before;
    assert!(solved <= 10, "{solved}\n{}", story.log);
    story.recovers().await;
    let ended = story.ends_well().await;
    assert_eq!(
        ended.report.tally.accepted, ended.counters.solutions,
        "{}",
        ended.log
    );
}

#[tokio::test]
async fn solution_accepted_without_an_answer_is_found_in_the_cut() {
    for verdict in [Verdict::LoseAnswer, Verdict::HangAnswer] {
        let mut setting = Setting::easy();
        setting.limits.solved = Duration::from_millis(500);
        let mut story = setting.begin().await;
        story.until_mining().await;
        story.fault(Endpoint::Solved, verdict);
        story.until_asked(Endpoint::Solved, 5).await;
        story.recovers().await;
        let ended = story.ends_well().await;
        let blocks = ended.counters.blocks;
        assert_eq!(blocks.displaced + blocks.orphaned, 0, "{}", ended.log);
    }
}

#[tokio::test]
async fn solution_with_a_truncated_answer_is_accepted() {
    let mut story = Setting::easy().begin().await;
    story.fault(Endpoint::Solved, Verdict::Truncate(0));
    story.until_mining().await;
    let ended = story.ends_well().await;
    assert_eq!(
        ended.log.count(&["could not submit block"]),
        0,
        "{}",
        ended.log
    );
}
