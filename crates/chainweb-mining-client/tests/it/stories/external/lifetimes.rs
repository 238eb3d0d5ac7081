//! When commands start and end, and that they leave nothing running.

use std::num::NonZeroUsize;
use std::time::Duration;

use chainweb::{ChainGraph, ChainId};

use super::super::setting::{PATIENCE, Setting, Story};
use super::{Folder, GRACE, SHORT, are_gone, lines, once};

/// Runs forever with a child in the background, and prints the ids of both.
const PLAIN: &str = "sleep 1000 & echo child $! >&2; echo leader $$ >&2; wait #";

/// The same, but ignores SIGTERM.
const STUBBORN: &str = "trap '' TERM; (trap '' TERM; while :; do sleep 0.05; done) & \
    echo child $! >&2; echo leader $$ >&2; while :; do sleep 0.05; done #";

/// Runs two processes, each with a child, on two chains where no block is found.
async fn with_command(command: &str, grace: Duration) -> Story {
    let mut story = Setting::hard().network().await;
    let mut config = once(command);
    config.timing.grace = grace;
    story.start_external(config);
    story.until_held_and_watched().await;
    story.until_processes("child", 2).await;
    story.until_processes("leader", 2).await;
    story
}

#[tokio::test]
async fn new_block_ends_the_command_on_its_chain_with_its_children() {
    for (command, grace) in [(PLAIN, GRACE), (STUBBORN, SHORT)] {
        let mut story = with_command(command, grace).await;
        let before = [story.processes("child"), story.processes("leader")].concat();
        // One command ends; the other keeps running.
        story.simnet.mine_foreign(ChainId::new(0)).unwrap();
        story
            .until_logged(&["external command ended", "reason=\"job lost\""], 1)
            .await;
        let gone = |_: &Story| {
            let gone = before.iter().filter(|process| are_gone(&[**process]));
            gone.count() == 2
        };
        story.until("one is gone", PATIENCE, gone).await;
        // Only now both chains can be extended.
        story.simnet.mine_foreign(ChainId::new(1)).unwrap();
        story.until_processes("leader", 4).await;
        story
            .until("both are gone", PATIENCE, |_| are_gone(&before))
            .await;
        let ended = story.ends_well().await;
        // An interrupted command is no failure.
        assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
    }
}

#[tokio::test]
async fn shutdown_leaves_nothing_running() {
    for (command, grace) in [(PLAIN, GRACE), (STUBBORN, SHORT)] {
        let story = with_command(command, grace).await;
        let processes = [story.processes("child"), story.processes("leader")].concat();
        assert!(!are_gone(&processes));
        let ended = story.ends_well().await;
        assert!(
            ended.took < Duration::from_secs(4),
            "{:?}\n{}",
            ended.took,
            ended.log
        );
        assert!(are_gone_soon(&processes).await, "{}", ended.log);
        assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
    }
}

/// Whether the processes are gone within a moment: init may take some time to reap orphans.
async fn are_gone_soon(processes: &[rustix::process::Pid]) -> bool {
    for _ in 0..1000 {
        if are_gone(processes) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

#[tokio::test]
async fn process_that_neither_reads_nor_ends_is_killed_at_shutdown() {
    let mut story = Setting::hard().network().await;
    let mut config = lines(STUBBORN);
    config.timing.grace = SHORT;
    story.start_external(config);
    story.until_processes("child", 2).await;
    let processes = story.until_processes("leader", 2).await;
    let processes = [story.processes("child"), processes].concat();
    let ended = story.ends_well().await;
    assert!(are_gone_soon(&processes).await, "{}", ended.log);
    assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
}

#[tokio::test]
async fn nonce_printed_after_sigterm_counts() {
    for status in [0, 143] {
        let mut story = Setting::new(ChainGraph::singleton(), 1).network().await;
        let mut config = once(&format!(
            "trap 'echo 00000000000000aa; exit {status}' TERM; echo leader $$ >&2; while :; do sleep 0.01; done #",
        ));
        config.processes = NonZeroUsize::MIN;
        story.start_external(config);
        story.until_watched().await;
        story.until_processes("leader", 1).await;
        story.simnet.mine_foreign(ChainId::new(0)).unwrap();
        // The node rejects this block; the client submits it all the same.
        story.until_logged(&["block found"], 1).await;
        let ended = story.end().await;
        assert_eq!(ended.counters.solutions_rejected, 0, "{}", ended.log);
        assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
    }
}

#[tokio::test]
async fn block_does_not_wait_for_the_end_of_its_command() {
    let folder = Folder::new();
    let mut story = Setting::new(ChainGraph::singleton(), 1).network().await;
    let mut config = once(
        "trap '' TERM; echo 00000000000000aa; while [ ! -e $FOLDER/end ]; do sleep 0.01; done #",
    );
    config.processes = NonZeroUsize::MIN;
    config.timing.grace = Duration::from_hours(1);
    config.command.environment.push(folder.variable());
    story.start_external(config);
    story
        .until("a block", PATIENCE, |story| story.accepted() >= 1)
        .await;
    std::fs::write(folder.0.join("end"), "").unwrap();
    let ended = story.ends_well().await;
    assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
}

#[tokio::test]
async fn processes_have_different_work_or_share_work_with_different_headers() {
    for (graph, works) in [(ChainGraph::pair(), 2), (ChainGraph::singleton(), 1)] {
        let folder = Folder::new();
        let mut story = Setting::new(graph, 1 << 60).network().await;
        let mut config = once(
            "cat > $FOLDER/$$.part; mv $FOLDER/$$.part $FOLDER/$$.work; echo leader $$ >&2; sleep 1000 #",
        );
        if works == 1 {
            config.timing.job_share = Duration::ZERO;
        }
        config.command.environment.push(folder.variable());
        story.start_external(config);
        story.until_processes("leader", 2).await;
        let mut headers = folder.read_all(".work");
        story.ends_well().await;
        assert_eq!(headers.len(), 2);
        assert!(headers[0] != headers[1]);
        for header in &mut headers {
            header[8..16].fill(0);
        }
        headers.dedup();
        assert_eq!(headers.len(), works);
    }
}

#[tokio::test]
async fn command_receives_header_arguments_and_target_and_its_nonce_is_submitted() {
    let folder = Folder::new();
    let mut story = Setting::new(ChainGraph::petersen(), 1).network().await;
    let mut config = once(
        "miner() { cat > $FOLDER/$$.header; echo \"$#:$1:$2\" > $FOLDER/$$.words; echo 0x00000000000000AB; }; miner",
    );
    config.command.arguments.push("it's one".to_owned());
    config.command.environment.push(folder.variable());
    story.start_external(config);
    story
        .until("two blocks", PATIENCE, |story| story.accepted() >= 2)
        .await;
    let ended = story.ends_well().await;
    let headers = folder.read_all(".header");
    assert!(headers.len() >= 2);
    for (header, words) in headers.iter().zip(folder.read_all(".words")) {
        assert_eq!(header.len(), 286);
        let target = const_hex::encode(&header[158..190]);
        assert_eq!(
            String::from_utf8(words).unwrap(),
            format!("2:it's one:{target}\n")
        );
    }
    assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
}

/// bigolchungus prints `<nonce> <hashes> <hashes per second>` without a newline.
#[tokio::test]
async fn answer_with_hashes_and_rate_counts_whether_or_not_the_command_ends() {
    for then in ["", "; exec sleep 1000"] {
        let mut story = Setting::new(ChainGraph::petersen(), 1).network().await;
        let command = format!("printf '00000000000000ab 16777216 2.5e8'{then} #");
        story.start_external(once(&command));
        story
            .until("two blocks", PATIENCE, |story| story.accepted() >= 2)
            .await;
        let ended = story.ends_well().await;
        assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
        let stopped = ended.log.lines(&["event=\"stopped\""]).remove(0);
        assert!(!stopped.contains(" hash_rate=NaN"), "{stopped}");
        assert!(!stopped.contains(" hash_rate=0.0 "), "{stopped}");
    }
}
