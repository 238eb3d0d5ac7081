//! Conversations with processes that are started once.

use chainweb::{ChainGraph, ChainId};

use super::super::setting::{PATIENCE, Setting};
use super::lines;

/// Tells the name of each job that it reads, which is the first value in its line.
const ECHO: &str = "echo leader $$ >&2; while read -r line; do echo \"heard $(echo \"$line\" | cut -d'\"' -f4)\" >&2; done";

#[tokio::test]
async fn one_process_is_told_of_job_after_job() {
    let mut story = Setting::hard().network().await;
    story.start_external(lines(ECHO));
    story.until_held_and_covered().await;
    let jobs = |story: &super::Story| story.log.count(&["line=heard 0"]);
    story
        .until("a job each", PATIENCE, |story| jobs(story) >= 2)
        .await;
    for told in [4, 6, 8] {
        for chain in [0, 1] {
            story.simnet.mine_foreign(ChainId::new(chain)).unwrap();
        }
        story
            .until("another job each", PATIENCE, |story| jobs(story) >= told)
            .await;
    }
    assert_eq!(story.processes("leader").len(), 2, "{}", story.log);
    let ended = story.ends_well().await;
    assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
}

#[tokio::test]
async fn a_process_that_never_reads_does_not_hold_up_the_others() {
    let folder = super::Folder::new();
    let mut story = Setting::new(ChainGraph::pair(), 1).network().await;
    // The first one to come does nothing; the other one answers with a nonce, and any is good here.
    let mut config = lines(
        "mkdir $FOLDER/first 2>&- && exec sleep 1000; while read -r line; do job=$(echo \"$line\" | cut -d'\"' -f4); \
         echo \"{\\\"job\\\":\\\"$job\\\",\\\"nonce\\\":\\\"0000000000000001\\\",\\\"hashes\\\":\\\"2\\\"}\"; done",
    );
    config.command.environment.push(folder.variable());
    config.timing.job_share = std::time::Duration::ZERO;
    config.timing.grace = super::SHORT;
    story.start_external(config);
    story
        .until("a block on each chain", PATIENCE, |story| {
            story.accepted() >= 2
        })
        .await;
    story.ends_well().await;
}

#[tokio::test]
async fn there_is_no_job_while_the_node_is_another() {
    let mut story = Setting::hard().network().await;
    story.start_external(lines(
        "while read -r line; do echo \"heard $line\" >&2; done",
    ));
    story.until_held_and_covered().await;
    let none = "line=heard {\"job\":null}";
    // Each is told at first that there is none.
    story
        .until("jobs", PATIENCE, |story| {
            story.log.count(&["line=heard {\"job\":\"0"]) >= 2
        })
        .await;
    let before = story.log.count(&[none]);
    assert!(before <= 2, "{}", story.log);
    story.fault(simnet::Endpoint::Work, simnet::Verdict::Hang);
    for chain in [0, 1] {
        story.simnet.mine_foreign(ChainId::new(chain)).unwrap();
    }
    story
        .until("both are idle", PATIENCE, |story| {
            story.log.count(&[none]) >= before + 2
        })
        .await;
    story.simnet.faults().clear();
    story
        .until("jobs again", PATIENCE, |story| {
            story.log.count(&["line=heard {\"job\":\"0"]) >= 4
        })
        .await;
    story.ends_well().await;
}
