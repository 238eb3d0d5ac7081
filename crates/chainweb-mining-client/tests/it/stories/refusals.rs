//! A node that refuses to issue work.

use std::time::Duration;

use simnet::{Endpoint, Miner, Miners, Verdict};

use super::setting::{KEY, Setting};

fn status(code: u16, body: &'static str) -> Verdict {
    Verdict::Status(code, body.into())
}

#[tokio::test]
async fn refusal_of_an_unauthorized_miner_logs_what_was_sent_and_what_to_set() {
    let mut setting = Setting::easy();
    // The key is right, the account is not.
    setting.network.miners = Miners::Only(vec![Miner::with_public_key(KEY)]);
    let mut story = setting.begin().await;
    story.until_asked(Endpoint::Work, 3).await;
    let refusals = story.log.lines(&["node refuses to issue work", "403"]);
    let [line] = refusals.as_slice() else {
        panic!("not logged once: {}", story.log);
    };
    for words in [
        "403",
        r#"sent account "miner""#,
        KEY,
        "predicate keys-all",
        "must equal one of the node's configured miners exactly",
        "--public-key",
        "--account",
        &format!("--mining-public-key={KEY}"),
    ] {
        assert!(line.contains(words), "{words} is missing: {line}");
    }
    assert_eq!(story.hashes(), 0);
    // Nothing is mined for an account that the node does not accept.
    assert_eq!(story.log.count(&["mining for"]), 0, "{}", story.log);
    story.ends_well().await;
}

#[tokio::test]
async fn the_account_is_logged_once_when_the_node_issues_work() {
    let mut story = Setting::easy().begin().await;
    story.until_mining().await;
    let ended = story.ends_well().await;
    assert_eq!(
        ended
            .log
            .count(&["mining for", &format!("account=\"k:{KEY}\"")]),
        1,
        "{}",
        ended.log
    );
    assert_eq!(ended.log.count(&["no --public-key"]), 0, "{}", ended.log);
}

#[tokio::test]
async fn unauthorized_miner_mines_at_the_next_retry_after_the_node_is_reconfigured() {
    let mut setting = Setting::easy();
    setting.timing.misconfigured_retry = Duration::from_millis(500);
    let mut story = setting.network().await;
    story.fault(Endpoint::Work, status(403, "Unauthorized Miner: miner"));
    story.start_client();
    story.until_asked(Endpoint::Work, 2).await;
    story.recovers().await;
    assert_eq!(
        story.log.count(&["node issues work again"]),
        1,
        "{}",
        story.log
    );
    story.ends_well().await;
}

#[tokio::test]
async fn refused_work_is_requested_until_it_comes() {
    let mut setting = Setting::easy();
    setting.timing.retry_max = Duration::from_millis(200);
    let mut story = setting.begin().await;
    story.until_mining().await;
    for (code, body) in [
        (404, ""),
        (500, "Something went wrong"),
        (503, "Too many work requests"),
        (400, "Error in $: not enough input"),
        (405, ""),
        (302, ""),
    ] {
        story.fault(Endpoint::Work, status(code, body));
        story.until_asked(Endpoint::Work, 3).await;
        story.until_idle().await;
        story.recovers().await;
    }
    story.ends_well().await;
}

#[tokio::test]
async fn valid_work_is_hashed_while_the_node_refuses_more() {
    let mut story = Setting::hard().begin().await;
    story.until_held_and_watched().await;
    story.fault(Endpoint::Work, status(503, "Too many work requests"));
    story.simnet.end_streams();
    story.until_hashing().await;
    assert_eq!(story.retired(), 0, "{}", story.log);
    story.ends_well().await;
}

#[tokio::test]
async fn node_without_mining_is_retried_until_it_has_it() {
    let mut story = Setting::easy().network().await;
    for endpoint in [Endpoint::Work, Endpoint::Updates, Endpoint::Solved] {
        story.fault(endpoint, status(404, ""));
    }
    story.start_client();
    story.until_asked(Endpoint::Work, 3).await;
    let hint = ["--enable-mining-coordination"];
    assert!(story.log.count(&hint) > 0, "{}", story.log);
    story.recovers().await;
    story.ends_well().await;
}

#[tokio::test]
async fn refused_cut_does_not_stop_mining() {
    let mut story = Setting::easy().network().await;
    story.fault(Endpoint::Cut, status(500, ""));
    // Without streams the client polls the cut.
    story.fault(Endpoint::Updates, status(503, ""));
    story.start_client();
    story.until_asked(Endpoint::Cut, 2).await;
    story.until_mining().await;
    story.recovers().await;
    story.ends_well().await;
}
