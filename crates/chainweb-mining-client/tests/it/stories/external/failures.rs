//! Commands that do everything wrong. Each is told of once and tried again, and the client goes on.

use std::time::Duration;

use chainweb::ChainGraph;
use miner::worker::external::{Once, Protocol};

use super::super::setting::{Ended, PATIENCE, Setting};
use super::{Folder, SHORT, are_gone, config, lines, once};

/// Lets commands fail on work that nobody solves: it is told once, in these words, and they are tried again.
async fn fails(protocol: Protocol, command: &str, words: &[&str]) -> Ended {
    let mut story = Setting::hard().network().await;
    let mut config = config(command, protocol);
    config.timing.grace = SHORT;
    story.start_external(config);
    let told: Vec<&str> = [&["WARN", "the external command failed", "times=1"], words].concat();
    story.until_said(&told, 1).await;
    story
        .until_said(&["the external command failed again"], 5)
        .await;
    let ended = story.ends_well().await;
    assert_eq!(ended.log.count(&["WARN"]), 1, "{command}\n{}", ended.log);
    ended
}

async fn once_fails(command: &str, words: &[&str]) {
    // What follows is the target, which the command is not to see.
    fails(
        Protocol::Once(Once::default()),
        &format!("{command} #"),
        words,
    )
    .await;
}

#[tokio::test]
async fn a_command_that_ends_without_success_is_told_with_its_status_and_its_last_words() {
    let status = [
        "exit status 3",
        "stderr=\"warming up | no device\"",
        "again_in=10 ms",
    ];
    once_fails("echo warming up >&2; echo no device >&2; exit 3", &status).await;
    once_fails("kill -9 $$", &["ended by signal 9"]).await;
    once_fails("sh -c 'kill -TERM $$'; exit", &["exit status 143"]).await;
    // A shell of another kind says it in other words.
    once_fails(
        "/nonexistent/miner",
        &[
            "exit status 127: the command was not found",
            "/nonexistent/miner",
        ],
    )
    .await;
    once_fails(
        "/dev/null",
        &[
            "exit status 126: the command cannot be executed",
            "/dev/null",
        ],
    )
    .await;
    once_fails("(", &["exit status 2"]).await;
}

#[tokio::test]
async fn a_command_that_prints_no_nonce_is_told_with_what_it_printed() {
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
    // Not to read the work is no failure by itself.
    once_fails("exec <&-; sleep 0.05; echo nope", &["got \"nope\""]).await;
}

#[tokio::test]
async fn a_nonce_that_is_none_is_told_and_not_handed_in() {
    once_fails(
        "echo 0123456789abcdef",
        &["its nonce 0123456789abcdef does not solve the work"],
    )
    .await;
}

#[tokio::test]
async fn a_command_that_prints_without_end_is_ended() {
    once_fails(
        "yes",
        &[
            "more than 4096 bytes",
            "a nonce of 16 hex digits is expected",
        ],
    )
    .await;
    once_fails("trap '' TERM; yes $(seq 1000)", &["more than 4096 bytes"]).await;
    once_fails("head -c 1000000000 /dev/zero", &["more than 4096 bytes"]).await;
}

#[tokio::test]
async fn a_command_that_floods_its_standard_error_works_and_costs_some_lines_of_the_log() {
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
async fn a_command_that_runs_too_long_is_started_again_on_a_fresh_header() {
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
        ended.log.count(&["was ended", "reason=TimeLimit"]) >= 3,
        "{}",
        ended.log
    );
    assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
    // The same work, each time a microsecond later.
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
async fn a_process_that_ends_is_told_of_and_started_again() {
    fails(
        Protocol::Lines,
        "echo no device >&2; exit 4",
        &["exit status 4", "stderr=\"no device\""],
    )
    .await;
    fails(
        Protocol::Lines,
        "read -r job",
        &["failure=it ended, and is to run"],
    )
    .await;
    fails(Protocol::Lines, "/nonexistent/miner", &["exit status 127"]).await;
}

#[tokio::test]
async fn a_process_that_prints_garbage_without_end_is_ended() {
    let garbage = fails(
        Protocol::Lines,
        "head -c 1000000000 /dev/zero",
        &["more than 4096 bytes", "a line of JSON is expected"],
    );
    garbage.await;
    // The first of its lines is told too.
    let mut story = Setting::hard().network().await;
    let mut config = lines("yes");
    config.timing.grace = SHORT;
    story.start_external(config);
    story.until_said(&["WARN", "no message", "\"y\""], 1).await;
    story.until_said(&["WARN", "1001 lines in a row"], 1).await;
    let ended = story.ends_well().await;
    assert_eq!(ended.log.count(&["WARN"]), 2, "{}", ended.log);
}

#[tokio::test]
async fn bad_messages_are_told_once_and_passed_over() {
    let mut story = Setting::new(ChainGraph::pair(), 1).network().await;
    // The name of the job is the first value in its line; with this target every nonce is good.
    story.start_external(lines(
        "while read -r line; do echo hello; echo '{\"job\":\"1\",\"nonce\":\"0000000000000000\"}'; \
         job=$(echo \"$line\" | cut -d'\"' -f4); echo \"{\\\"job\\\":\\\"$job\\\",\\\"nonce\\\":\\\"0000000000000001\\\"}\"; done",
    ));
    story
        .until("three blocks", PATIENCE, |story| story.accepted() >= 3)
        .await;
    let ended = story.ends_well().await;
    assert_eq!(
        ended.log.count(&["WARN", "no message", "\"hello\""]),
        1,
        "{}",
        ended.log
    );
    assert_eq!(
        ended.log.count(&["WARN", "answered for the job \"1\""]),
        1,
        "{}",
        ended.log
    );
    assert_eq!(ended.log.count(&["WARN"]), 2, "{}", ended.log);
}

#[tokio::test]
async fn pauses_between_failures_become_longer() {
    let mut story = Setting::hard().network().await;
    let mut config = once("exit 1 #");
    config.processes = std::num::NonZeroUsize::MIN;
    story.start_external(config);
    for pause in ["10 ms", "20 ms", "40 ms", "80 ms", "100 ms"] {
        story
            .until_said(&["exit status 1", &format!("again_in={pause}")], 1)
            .await;
    }
    story
        .until("the longest again", Duration::from_secs(10), |story| {
            story.log.count(&["again_in=100 ms"]) >= 2
        })
        .await;
    story.ends_well().await;
}
