//! Broken commands: each is reported once and restarted, and the client keeps running.

use std::time::Duration;

use chainweb::ChainGraph;
use miner::worker::external::{Once, Protocol};

use super::super::setting::{Ended, PATIENCE, Setting};
use super::{Folder, SHORT, are_gone, config, lines, once};

/// Runs a command that fails. The failure is logged once as a warning with these words, and the
/// command is restarted.
async fn fails(protocol: Protocol, command: &str, words: &[&str]) -> Ended {
    let mut story = Setting::hard().network().await;
    let mut config = config(command, protocol);
    config.timing.grace = SHORT;
    story.start_external(config);
    let logged: Vec<&str> = [&["WARN", "external command failed", "times=1"], words].concat();
    story.until_logged(&logged, 1).await;
    story
        .until_logged(&["external command failed again"], 5)
        .await;
    let ended = story.ends_well().await;
    assert_eq!(ended.log.count(&["WARN"]), 1, "{command}\n{}", ended.log);
    ended
}

async fn once_fails(command: &str, words: &[&str]) {
    // Hides the target, which follows the command.
    fails(
        Protocol::Once(Once::default()),
        &format!("{command} #"),
        words,
    )
    .await;
}

#[tokio::test]
async fn failed_command_is_logged_with_its_status_and_stderr() {
    let status = [
        "exit status: 3",
        "stderr=\"warming up | no device\"",
        "retry_in_seconds=0.01",
    ];
    once_fails("echo warming up >&2; echo no device >&2; exit 3", &status).await;
    once_fails("kill -9 $$", &["signal: 9 (SIGKILL)"]).await;
    once_fails("sh -c 'kill -TERM $$'; exit", &["exit status: 143"]).await;
    // The message on standard error depends on the shell.
    once_fails(
        "/nonexistent/miner",
        &[
            "exit status: 127 (the command was not found)",
            "/nonexistent/miner",
        ],
    )
    .await;
    once_fails(
        "/dev/null",
        &[
            "exit status: 126 (the command cannot be executed)",
            "/dev/null",
        ],
    )
    .await;
    once_fails("(", &["exit status: 2"]).await;
}

#[tokio::test]
async fn output_that_is_not_a_nonce_is_quoted_in_the_log() {
    once_fails(
        "true",
        &["expected a nonce of 16 hex digits", "got nothing"],
    )
    .await;
    once_fails(
        "echo searching; echo 0000000000000000",
        &["got \"searching | 0000000000000000\""],
    )
    .await;
    once_fails("echo 00ff", &["got \"00ff\""]).await;
    // A command need not read its input.
    once_fails("exec <&-; sleep 0.05; echo nope", &["got \"nope\""]).await;
}

#[tokio::test]
async fn wrong_nonce_is_logged_and_not_submitted() {
    once_fails(
        "echo 0123456789abcdef",
        &["nonce 0123456789abcdef does not solve the work"],
    )
    .await;
}

#[tokio::test]
async fn good_nonce_counts_and_the_exit_status_is_logged() {
    let mut story = Setting::new(ChainGraph::petersen(), 1).network().await;
    story.start_external(once("echo no device >&2; echo 00000000000000aa; exit 3 #"));
    story
        .until("two blocks", PATIENCE, |story| story.accepted() >= 2)
        .await;
    story
        .until_logged(
            &["WARN", "exit status: 3", "stderr=\"no device\"", "times=1"],
            1,
        )
        .await;
    let ended = story.ends_well().await;
    assert_eq!(ended.log.count(&["WARN"]), 1, "{}", ended.log);
}

#[tokio::test]
async fn command_that_prints_without_end_is_ended() {
    once_fails(
        "yes",
        &["more than 4096 bytes", "expected a nonce of 16 hex digits"],
    )
    .await;
    once_fails("trap '' TERM; yes $(seq 1000)", &["more than 4096 bytes"]).await;
    once_fails("head -c 1000000000 /dev/zero", &["more than 4096 bytes"]).await;
}

#[tokio::test]
async fn flood_on_stderr_is_limited_in_the_log() {
    let mut story = Setting::new(ChainGraph::petersen(), 1).network().await;
    story.start_external(once("head -c 20000000 /dev/zero | tr '\\0' '\\n' >&2; yes no | head -n 100000 >&2; echo 0000000000000000 #"));
    story
        .until("two blocks", PATIENCE, |story| story.accepted() >= 2)
        .await;
    let ended = story.ends_well().await;
    let lines = ended.log.count(&["line=no"]);
    assert!((1..5000).contains(&lines), "{lines}");
}

#[tokio::test]
async fn command_over_the_time_limit_is_restarted_on_a_fresh_header() {
    let folder = Folder::new();
    let mut story = Setting::new(ChainGraph::singleton(), 1 << 60)
        .network()
        .await;
    let protocol = Protocol::Once(Once {
        time_limit: Some(SHORT),
        ..Once::default()
    });
    let mut config = config(
        "cat > $FOLDER/$$.part; mv $FOLDER/$$.part $FOLDER/$$.work; echo started $$ >&2; sleep 1000 #",
        protocol,
    );
    config.command.environment.push(folder.variable());
    config.processes = std::num::NonZeroUsize::MIN;
    story.start_external(config);
    let started = story.until_processes("started", 4).await;
    assert!(are_gone(&started[..3]), "{}", story.log);
    let ended = story.ends_well().await;
    assert!(
        ended
            .log
            .count(&["external command ended", "reason=\"time limit\""])
            >= 3,
        "{}",
        ended.log
    );
    assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
    // The same work with a creation time that is a microsecond later each time.
    let mut headers = folder.read_all(".work");
    headers.sort_by_key(|header| u64::from_le_bytes(header[8..16].try_into().unwrap()));
    let time = |header: &[u8]| u64::from_le_bytes(header[8..16].try_into().unwrap());
    let first = time(&headers[0]);
    for (micros, header) in (0..).zip(&headers) {
        assert_eq!(time(header), first + micros);
        assert_eq!(header[16..], headers[0][16..]);
    }
}

#[tokio::test]
async fn process_that_ends_is_reported_and_restarted() {
    fails(
        Protocol::Lines,
        "echo no device >&2; exit 4",
        &["exit status: 4", "stderr=\"no device\""],
    )
    .await;
    fails(
        Protocol::Lines,
        "read -r job",
        &["failure=exited before its standard input was closed"],
    )
    .await;
    fails(Protocol::Lines, "/nonexistent/miner", &["exit status: 127"]).await;
}

#[tokio::test]
async fn process_that_prints_garbage_without_end_is_ended() {
    let garbage = fails(
        Protocol::Lines,
        "head -c 1000000000 /dev/zero",
        &["more than 4096 bytes", "expected a line of JSON"],
    );
    garbage.await;
    // The first bad line is also logged.
    let mut story = Setting::hard().network().await;
    let mut config = lines("yes");
    config.timing.grace = SHORT;
    story.start_external(config);
    story
        .until_logged(&["WARN", "not a message", "\"y\""], 1)
        .await;
    story
        .until_logged(&["WARN", "more than 1000 lines in a row"], 1)
        .await;
    let ended = story.ends_well().await;
    assert_eq!(ended.log.count(&["WARN"]), 2, "{}", ended.log);
}

#[tokio::test]
async fn bad_messages_are_logged_once_and_skipped() {
    let mut story = Setting::new(ChainGraph::pair(), 1).network().await;
    // The name of the job is the first value in its line; every nonce meets this target.
    story.start_external(lines(
        "while read -r line; do echo hello; echo '{\"job\":\"1\",\"nonce\":\"0000000000000000\"}'; \
         job=$(echo \"$line\" | cut -d'\"' -f4); echo \"{\\\"job\\\":\\\"$job\\\",\\\"nonce\\\":\\\"0000000000000001\\\"}\"; done",
    ));
    story
        .until("three blocks", PATIENCE, |story| story.accepted() >= 3)
        .await;
    let ended = story.ends_well().await;
    assert_eq!(
        ended.log.count(&["WARN", "not a message", "\"hello\""]),
        1,
        "{}",
        ended.log
    );
    assert_eq!(
        ended.log.count(&["WARN", "answered for job \"1\""]),
        1,
        "{}",
        ended.log
    );
    assert_eq!(ended.log.count(&["WARN"]), 2, "{}", ended.log);
}

#[tokio::test]
async fn pauses_between_failures_grow() {
    let mut story = Setting::hard().network().await;
    let mut config = once("exit 1 #");
    config.processes = std::num::NonZeroUsize::MIN;
    story.start_external(config);
    for pause in ["0.01", "0.02", "0.04", "0.08", "0.1"] {
        story
            .until_logged(&["exit status: 1", &format!("retry_in_seconds={pause}")], 1)
            .await;
    }
    story
        .until(
            "the longest pause again",
            Duration::from_secs(10),
            |story| story.log.count(&["retry_in_seconds=0.1"]) >= 2,
        )
        .await;
    story.ends_well().await;
}
