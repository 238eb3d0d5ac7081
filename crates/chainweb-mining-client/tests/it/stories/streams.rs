//! Update streams that fail. The client learns of new blocks in another way.

use std::time::{Duration, Instant};

use chainweb::ChainId;
use simnet::{Endpoint, Rule, Verdict};

use super::setting::{PATIENCE, RECOVERY, Setting, Story};

const CUT_MOVED: &str = "reason=\"not_in_cut\"";

/// Mines a foreign block on both chains of a client that gets no new work: it must retire its jobs.
async fn new_blocks_are_noticed(story: &mut Story) {
    for chain in [0, 1] {
        story.simnet.mine_foreign(ChainId::new(chain)).unwrap();
    }
    story.until_idle().await;
    assert_eq!(story.retired(), 2, "{}", story.log);
}

fn refused() -> Verdict {
    let words = "No more update streams available currently. Retry later.";
    Verdict::Status(503, words.into())
}

#[tokio::test]
async fn refused_streams_are_replaced_by_polling_the_cut() {
    let mut story = Setting::hard().network().await;
    story.fault(Endpoint::Updates, refused());
    story.start_client();
    for chain in ["chain=0", "chain=1"] {
        story
            .until_logged(&["new job", chain, "watched=false"], 1)
            .await;
    }
    story.fault(Endpoint::Work, Verdict::Hang);
    new_blocks_are_noticed(&mut story).await;
    assert_eq!(
        story.log.count(&["job retired", CUT_MOVED]),
        2,
        "{}",
        story.log
    );
    // Streams are used again once the node accepts them.
    story.simnet.faults().clear();
    story
        .until("both chains have streams", RECOVERY, |story| {
            story.simnet.open_streams() == 2
        })
        .await;
    story.until_hashing().await;
    story.ends_well().await;
}

/// Mines without streams, then with them. Checks that one line names the remedy.
async fn says_why_no_stream_opens(verdict: Verdict, words: [&str; 2]) {
    let mut setting = Setting::easy();
    setting.limits.updates_idle = Duration::from_secs(1);
    let mut story = setting.network().await;
    story.fault(Endpoint::Updates, verdict);
    story.start_client();
    let line = ["WARN", "updates_refused", words[0], words[1]];
    story.until_logged(&line, 1).await;
    story.until_asked(Endpoint::Updates, 20).await;
    story.until_mining().await;
    // Repeated every half minute.
    assert!(story.log.count(&["updates_refused"]) < 4, "{}", story.log);
    story.simnet.faults().clear();
    let line = ["INFO", "requests_recovered", "request=\"updates\""];
    story.until_logged(&line, 1).await;
    story.ends_well().await;
}

#[tokio::test]
async fn streams_that_are_not_served_are_a_warning_with_the_remedy() {
    let missing = Verdict::Status(404, "".into());
    says_why_no_stream_opens(missing, ["(404)", "--enable-mining-coordination"]).await;
    let foreign = Verdict::Status(403, "<html>Forbidden</html>".into());
    says_why_no_stream_opens(foreign, ["403", "/chainweb/"]).await;
}

#[tokio::test]
async fn streams_that_a_proxy_holds_back_are_a_warning_with_the_setting_of_nginx() {
    let words = ["no response", "proxy_buffering off"];
    says_why_no_stream_opens(Verdict::Hang, words).await;
}

#[tokio::test]
async fn refused_streams_do_not_stop_mining() {
    let mut setting = Setting::easy();
    setting.network.foreign_hash_rate = 2_000_000.0;
    let mut story = setting.network().await;
    story.fault(Endpoint::Updates, refused());
    story.start_client();
    story.until_mining().await;
    story.until_asked(Endpoint::Updates, 20).await;
    story.recovers().await;
    story.ends_well().await;
}

#[tokio::test]
async fn new_block_in_half_an_event_is_noticed() {
    let mut story = Setting::hard().begin().await;
    story.until_held_and_watched().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    story.fault(Endpoint::Event, Verdict::Truncate(7));
    new_blocks_are_noticed(&mut story).await;
    // Streams are opened again, and report new blocks.
    story.simnet.faults().clear();
    story.until_hashing().await;
    story.until_watched().await;
    story.simnet.mine_foreign(ChainId::new(0)).unwrap();
    story
        .until_logged(&["job retired", "reason=\"new_cut\""], 1)
        .await;
    story.ends_well().await;
}

#[tokio::test]
async fn new_block_between_two_streams_is_noticed() {
    let mut story = Setting::hard().begin().await;
    story.until_held_and_watched().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    // No stream can be opened any more, so the next blocks are not reported.
    story.fault(Endpoint::Updates, Verdict::Hang);
    story.simnet.end_streams();
    story
        .until("the streams have ended", PATIENCE, |story| {
            story.simnet.open_streams() == 0
        })
        .await;
    new_blocks_are_noticed(&mut story).await;
    assert_eq!(
        story.log.count(&["job retired", CUT_MOVED]),
        2,
        "{}",
        story.log
    );
    story.ends_well().await;
}

#[tokio::test]
async fn new_block_missed_by_one_stream_is_noticed() {
    let mut story = Setting::hard().begin().await;
    story.until_held_and_watched().await;
    // The stream ends instead of reporting the block, and the next one starts after it.
    let zero = ChainId::new(0);
    let ends = Rule::on(Endpoint::Event, Verdict::End).chain(zero);
    story.simnet.faults().install(ends);
    story.simnet.mine_foreign(zero).unwrap();
    story
        .until("the job is retired", RECOVERY, |story| {
            story.log.count(&["job retired", "chain=0", CUT_MOVED]) == 1
        })
        .await;
    assert_eq!(story.retired(), 1, "{}", story.log);
    story.ends_well().await;
}

#[tokio::test]
async fn streams_that_end_at_once_do_not_stop_mining() {
    let mut story = Setting::easy().network().await;
    story.fault(Endpoint::Updates, Verdict::End);
    story.start_client();
    story.until_mining().await;
    // Ten chains, and pauses that grow: the node is not flooded.
    story.until_asked(Endpoint::Updates, 40).await;
    story.recovers().await;
    story.ends_well().await;
}

#[tokio::test]
async fn ended_streams_are_opened_again() {
    let mut story = Setting::easy().begin().await;
    for _ in 0..3 {
        story
            .until("all streams are open", RECOVERY, |story| {
                story.simnet.open_streams() == 10
            })
            .await;
        story.simnet.end_streams();
        story.until_mining().await;
    }
    story.ends_well().await;
}

/// A silent open stream looks like that of a chain without new blocks. Until its idle limit the
/// client cannot distinguish the two.
#[tokio::test]
async fn new_block_on_a_silent_stream_is_noticed_at_its_idle_limit() {
    let mut setting = Setting::hard();
    setting.limits.updates_idle = Duration::from_secs(1);
    let mut story = setting.begin().await;
    story.until_held_and_watched().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    story.fault(Endpoint::Event, Verdict::Drop);
    new_blocks_are_noticed(&mut story).await;
    story.simnet.faults().clear();
    story.until_hashing().await;
    story.ends_well().await;
}

/// Work becomes old before the idle limit, and the work fetched in its place has another parent.
#[tokio::test]
async fn new_block_on_a_silent_stream_is_noticed_when_work_is_fetched_again() {
    let mut setting = Setting::hard();
    setting.timing.refetch_age = Duration::from_millis(400);
    let mut story = setting.begin().await;
    story.until_held_and_watched().await;
    story.fault(Endpoint::Event, Verdict::Drop);
    for chain in [0, 1] {
        story.simnet.mine_foreign(ChainId::new(chain)).unwrap();
    }
    for job in ["chain=0 height=2", "chain=1 height=2"] {
        story
            .until("newer work is hashed", RECOVERY, |story| {
                story.log.count(&["new job", job]) > 0
            })
            .await;
    }
    let why = ["job retired", "reason=\"superseded\""];
    assert_eq!(story.log.count(&why), 2, "{}", story.log);
    story.ends_well().await;
}

#[tokio::test]
async fn silent_streams_do_not_stop_mining() {
    let mut story = Setting::easy().begin().await;
    story
        .until("all streams are open", RECOVERY, |story| {
            story.simnet.open_streams() == 10
        })
        .await;
    story.fault(Endpoint::Event, Verdict::Drop);
    story.until_mining().await;
    story.until_mining().await;
    story.recovers().await;
    story.ends_well().await;
}

#[tokio::test]
async fn garbage_on_streams_does_not_stop_mining() {
    let mut setting = Setting::easy();
    setting.network.foreign_hash_rate = 2_000_000.0;
    let mut story = setting.begin().await;
    for body in [
        Verdict::Replace(vec![0xff; 5000].into()),
        Verdict::Replace("data: New Cut\n\n".into()),
        Verdict::Replace("event:Other\n\n".into()),
        Verdict::Corrupt,
        Verdict::Split(3),
    ] {
        story.fault(Endpoint::Event, body);
        story.until_mining().await;
        story.recovers().await;
    }
    story.ends_well().await;
}

#[tokio::test]
async fn update_in_two_pieces_retires_its_job() {
    let mut story = Setting::hard().begin().await;
    story.until_held_and_watched().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    story.fault(Endpoint::Cut, Verdict::Hang);
    story.fault(Endpoint::Event, Verdict::Split(9));
    new_blocks_are_noticed(&mut story).await;
    let why = ["job retired", "reason=\"new_cut\""];
    assert_eq!(story.log.count(&why), 2, "{}", story.log);
    story.ends_well().await;
}

/// A late update makes the client hash dead work until it arrives, and not longer.
#[tokio::test]
async fn late_update_retires_its_job_when_it_comes() {
    let mut story = Setting::hard().begin().await;
    story.until_held_and_watched().await;
    story.fault(Endpoint::Work, Verdict::Hang);
    let late = Duration::from_millis(500);
    story.fault(Endpoint::Event, Verdict::Delay(late));
    let moved = Instant::now();
    new_blocks_are_noticed(&mut story).await;
    assert!(moved.elapsed() >= late);
    story.ends_well().await;
}
