//! Long-running processes that receive jobs as lines of JSON.

use chainweb::{ChainGraph, ChainId};

use super::super::setting::{PATIENCE, Setting};
use super::lines;

/// Logs the name of each job that it reads, which is the first value in its line.
const ECHO: &str = "echo leader $$ >&2; while read -r line; do echo \"job $(echo \"$line\" | cut -d'\"' -f4)\" >&2; done";

#[tokio::test]
async fn one_process_receives_job_after_job() {
    let mut story = Setting::hard().network().await;
    story.start_external(lines(ECHO));
    story.until_held_and_watched().await;
    let jobs = |story: &super::Story| story.log.count(&["line=job 0"]);
    story
        .until("a job each", PATIENCE, |story| jobs(story) >= 2)
        .await;
    for count in [4, 6, 8] {
        for chain in [0, 1] {
            story.simnet.mine_foreign(ChainId::new(chain)).unwrap();
        }
        story
            .until("another job each", PATIENCE, |story| jobs(story) >= count)
            .await;
    }
    assert_eq!(story.processes("leader").len(), 2, "{}", story.log);
    let ended = story.ends_well().await;
    assert_eq!(ended.log.count(&["WARN"]), 0, "{}", ended.log);
}

#[tokio::test]
async fn process_that_never_reads_does_not_block_the_others() {
    let folder = super::Folder::new();
    let mut story = Setting::new(ChainGraph::pair(), 1).network().await;
    // The first process does nothing. The other one answers with a nonce; any nonce is good here.
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
async fn processes_have_no_job_while_the_node_has_no_work() {
    let mut story = Setting::hard().network().await;
    story.start_external(lines("while read -r line; do echo \"job $line\" >&2; done"));
    story.until_held_and_watched().await;
    let none = "line=job {\"job\":null}";
    // Each process may first receive that there is no job.
    story
        .until("jobs", PATIENCE, |story| {
            story.log.count(&["line=job {\"job\":\"0"]) >= 2
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
            story.log.count(&["line=job {\"job\":\"0"]) >= 4
        })
        .await;
    story.ends_well().await;
}
