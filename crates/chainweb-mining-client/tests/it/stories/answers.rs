//! Answers with a success status and a senseless body, and answers that never come.

use std::time::Duration;

use chainweb::{ChainGraph, ChainId, CreationTime, Genesis, PayloadHash, Target};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use simnet::{Endpoint, Rule, Verdict};

use super::setting::{Setting, Story};

/// Returns a story whose client retries soon, so that many bad answers pass in a short time.
async fn hasty() -> Story {
    let mut setting = Setting::easy();
    setting.timing.retry_max = Duration::from_millis(100);
    setting.network().await
}

/// Starts a client whose requests get each of these answers in turn and no other. Checks that it
/// neither hashes nor submits, then removes the fault.
async fn never_used(endpoint: Endpoint, answers: Vec<Verdict>) -> Story {
    let mut story = hasty().await;
    let mut started = false;
    for verdict in answers {
        story.simnet.faults().clear();
        story.simnet.faults().install(Rule::on(endpoint, verdict));
        if !started {
            story.start_client();
            started = true;
        }
        // The second request follows the handling of the first answer.
        story.until_asked(endpoint, 2).await;
    }
    assert_eq!(story.hashes(), 0, "{}", story.log);
    assert_eq!(story.asked(Endpoint::Solved), 0, "{}", story.log);
    story.recovers().await;
    story
}

fn replaced(body: impl Into<Vec<u8>>) -> Verdict {
    Verdict::Replace(body.into().into())
}

#[tokio::test]
async fn garbage_from_info_is_never_used() {
    let bodies = [
        "",
        "<html>It works!</html>",
        "{}",
        "[]",
        r#"{"nodeVersion": 7}"#,
        r#"{"nodeVersion": ""}"#,
        r#"{"nodeVersion": "../cut"}"#,
        r#"{"nodeVersion": "development"#,
    ];
    let mut answers: Vec<_> = bodies.into_iter().map(replaced).collect();
    answers.push(replaced(vec![b' '; 10 << 20]));
    answers.push(Verdict::Truncate(20));
    let story = never_used(Endpoint::Info, answers).await;
    let hint = ["could not read /info", "the node's /info is malformed"];
    assert!(story.log.count(&hint) > 0, "{}", story.log);
    story.ends_well().await;
}

#[tokio::test]
async fn info_with_malformed_fields_does_not_prevent_mining() {
    let mut story = hasty().await;
    let body = r#"{"nodeVersion": "development", "nodeChains": 7, "nodeGraphHistory": "none"}"#;
    story.fault(Endpoint::Info, replaced(body));
    story.start_client();
    story.until_mining().await;
    story.ends_well().await;
}

#[tokio::test]
async fn malformed_work_is_never_hashed() {
    let mut random = vec![0; 322];
    StdRng::seed_from_u64(1).fill_bytes(&mut random);
    let answers = vec![
        replaced(vec![]),
        replaced(vec![0; 35]),
        replaced(vec![0; 321]),
        replaced(random),
        replaced(vec![0; 10 << 20]),
        replaced(work_of_target_0()),
        Verdict::Truncate(100),
        Verdict::End,
    ];
    let story = never_used(Endpoint::Work, answers).await;
    let why = [
        "could not fetch work",
        "the node's answer of 0 bytes is not work",
    ];
    assert_eq!(story.log.count(&why), 1, "not logged once: {}", story.log);
    story.ends_well().await;
}

fn work_of_target_0() -> Vec<u8> {
    let genesis = Genesis {
        version_code: 2,
        graph: ChainGraph::petersen(),
        time: CreationTime::from_micros(0),
        target: Target::from_le_bytes([0; 32]),
    };
    let header = genesis.header(ChainId::new(0), PayloadHash::new([0; 32]));
    let mut work = vec![0; 36];
    work.extend_from_slice(header.work().as_bytes());
    assert_eq!(work.len(), 322);
    work
}

#[tokio::test]
async fn work_in_pieces_is_mined() {
    let mut story = hasty().await;
    story.fault(Endpoint::Work, Verdict::Split(100));
    story.start_client();
    story.until_mining().await;
    story.ends_well().await;
}

#[tokio::test]
async fn work_request_that_hangs_times_out_and_is_sent_again() {
    let mut setting = Setting::easy();
    setting.limits.work = Duration::from_millis(500);
    let mut story = setting.begin().await;
    story.until_mining().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    story.until_asked(Endpoint::Work, 3).await;
    story.until_idle().await;
    story.recovers().await;
    story.ends_well().await;
}

#[tokio::test]
async fn info_request_that_hangs_times_out_and_is_sent_again() {
    let mut setting = Setting::easy();
    setting.limits.info = Duration::from_millis(500);
    let mut story = setting.network().await;
    story.fault(Endpoint::Info, Verdict::Hang);
    story.start_client();
    story.until_asked(Endpoint::Info, 2).await;
    story.recovers().await;
    story.ends_well().await;
}

#[tokio::test]
async fn lost_work_requests_are_sent_again() {
    let mut story = Setting::easy().begin().await;
    story.until_mining().await;
    for verdict in [Verdict::Drop, Verdict::LoseAnswer] {
        story.fault(Endpoint::Work, verdict);
        story.until_asked(Endpoint::Work, 3).await;
        story.recovers().await;
    }
    story.ends_well().await;
}

#[tokio::test]
async fn a_node_clock_that_is_off_is_one_warning_about_what_the_network_refuses() {
    for (offset_seconds, words) in [
        (8, ["clock is ahead", "in the future"]),
        (-8, ["clock is behind", "if a parent block is newer"]),
    ] {
        let mut setting = Setting::easy();
        setting.network.clock_offset_micros = offset_seconds * 1_000_000;
        let mut story = setting.begin().await;
        let line = [
            "WARN",
            "clock_skew",
            "the network will refuse these blocks",
            words[0],
            words[1],
        ];
        story.until_logged(&line, 1).await;
        story.until_mining().await;
        let ended = story.end().await;
        assert_eq!(ended.log.count(&["clock_skew"]), 1, "{}", ended.log);
    }
}
