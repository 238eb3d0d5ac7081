//! Nodes down, refusing, restarted, or back with another network.

use std::time::Duration;

use node::{Lost, Refusal, UpdateEvent};

use super::pieces::{block, broken, busy, connect, not_served, piece, timeout, unauthorized};
use super::script::{Script, config};

/// All streams of the node are reopened before anything else.
fn reopened(rest: &[&'static str]) -> Vec<&'static str> {
    let mut actions = vec![
        "unsubscribe",
        "listen to net/0",
        "listen to net/1",
        "listen to net/2",
        "listen to net/3",
    ];
    actions.extend(rest);
    actions
}

#[test]
fn a_node_down_at_the_start_is_asked_until_it_answers() {
    let mut s = Script::new(&config(1));
    s.tick().gives(&["identify"]);
    let mut now = 0;
    for pause in [100, 200, 400, 800, 1000, 1000] {
        s.at(now).identify_fails(&connect()).gives(&[]);
        now += pause;
        assert_eq!(s.wakeup_ms(), Some(u128::from(now)));
        s.at(now).tick().gives(&["identify"]);
    }
    s.identified("net", 1).gives(&["listen to net/0", "work"]);
}

#[test]
fn a_refused_miner_key_is_tried_again_after_growing_pauses() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 1);
    s.opened(0).gives(&[]);
    let mut now = 10;
    for pause in [100, 1000, 5000, 30_000, 30_000] {
        s.at(now).work_fails(&unauthorized()).gives(&[]);
        now += pause;
        assert_eq!(s.wakeup_ms(), Some(u128::from(now)));
        s.at(now).tick().gives(&["work"]);
    }
}

#[test]
fn a_sign_of_life_ends_the_pause_after_a_refused_miner_key() {
    let signs: [fn(&mut Script); 4] = [
        |s| s.new_cut(0).gives(&["work"]),
        |s| s.refreshed(0).gives(&["work"]),
        |s| s.opened(0).gives(&["work"]),
        |s| {
            s.lost(0).gives(&["identify"]);
            s.identified("net", 1).gives(&["work"]);
        },
    ];
    for sign in signs {
        let mut s = Script::new(&config(1));
        s.tick();
        s.identified("net", 1);
        s.opened(0).gives(&[]);
        let mut now = 10;
        for pause in [100, 1000, 5000] {
            s.at(now).work_fails(&unauthorized()).gives(&[]);
            now += pause;
            s.at(now).tick().gives(&["work"]);
        }
        s.at(now).work_fails(&unauthorized()).gives(&[]);
        sign(s.at(now + 2000));
    }
    // Many events are no reason for more than ten requests a second.
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 1);
    s.opened(0).gives(&[]);
    s.at(10).work_fails(&unauthorized()).gives(&[]);
    s.at(20).new_cut(0).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(110));
}

#[test]
fn a_missing_path_leads_to_info_and_keeps_the_jobs() {
    let mut s = Script::mining(2);
    s.new_cut(0).gives(&["publish 1:1a", "work"]);
    s.at(10).work_fails(&not_served()).gives(&["identify"]);
    s.at(20).identified("net", 4).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(110));
    s.at(110).tick().gives(&["work"]);
    assert_eq!(s.live(), ["1:1a"]);
}

#[test]
fn work_is_fetched_again_after_a_possible_restart() {
    let mut s = Script::mining(2);
    s.at(10).new_cut(0).gives(&["publish 1:1a", "work"]);
    s.at(20).work_fails(&broken()).gives(&["identify"]);
    s.at(30).identify_fails(&connect()).gives(&[]);
    s.at(130).tick().gives(&["identify"]);
    // The payload may still be known: the worker stays on the job. But nothing is certain any more.
    s.at(140)
        .identified("net", 4)
        .gives(&reopened(&["work", "cut"]));
    s.at(150)
        .work(piece(2, 1, 'a'))
        .gives(&["publish 2:1a 1:1a", "work on 1"]);
    s.at(160)
        .work(piece(1, 1, 'b'))
        .gives(&["publish 1:1b 2:1a"]);
    s.at(170).cut(&[(1, 0, 0), (2, 0, 0)]).gives(&[]);
}

#[test]
fn the_loss_of_the_last_stream_may_mean_a_restart() {
    let mut s = Script::mining(1);
    s.lost(1).gives(&[]);
    s.lost(2).gives(&[]);
    s.lost(3).gives(&[]);
    s.at(10).lost(0).gives(&["identify"]);
    s.at(20).identified("net", 4).gives(&["work on 0", "cut"]);
    // Streams that fail to open are no news.
    s.lost(0).gives(&[]);
    s.at(30).work(piece(0, 1, 'a')).gives(&[]);
    s.at(30).cut(&[(0, 0, 0)]).gives(&[]);
    assert_eq!(s.live(), ["0:1a"]);
}

#[test]
fn a_failed_cut_request_is_repeated() {
    let mut s = Script::mining(1);
    s.lost(0).gives(&["cut"]);
    s.at(10).cut_fails(&timeout()).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(110));
    s.at(110).tick().gives(&["cut"]);
    s.at(120).cut_fails(&busy()).gives(&[]);
    s.at(320).tick().gives(&["cut"]);
    assert_eq!(s.live(), ["0:1a"], "it is mined all the same");
}

#[test]
fn another_network_ends_everything_of_the_former_one() {
    let mut s = Script::mining(2);
    let former = s.subscription();
    s.at(5)
        .solved("1:1a")
        .gives(&["submit 1:1a to net", "publish 0:1a", "work"]);
    s.at(10).submitted(Err(timeout())).gives(&[]);
    s.at(20).work_fails(&connect()).gives(&["identify"]);
    s.at(30).identified("other", 2).gives(&[
        "publish",
        "unsubscribe",
        "listen to other/0",
        "listen to other/1",
    ]);
    assert_eq!(s.counters().jobs_retired.unsolved(), 1);
    assert_eq!(s.counters().blocks.unknown, 1, "its node will not tell");
    // Nothing is submitted to another network.
    s.at(120).tick().gives(&["work"]);
    s.at(130).solved("0:1a").gives(&[]);
    assert_eq!(s.counters().solutions_stale, 1);
    s.at(140)
        .work(piece(0, 9, 'a'))
        .gives(&["publish 0:9a", "work", "cut"]);
    // Late events of the former streams are not about this network.
    let updates = s.counters().updates_received;
    s.update_of(former, 0, UpdateEvent::NewCut).gives(&[]);
    assert_eq!(s.counters().updates_received, updates);
    s.new_cut(0).gives(&["publish"]);
}

#[test]
fn late_answers_of_a_former_network_are_ignored() {
    let mut s = Script::mining(2);
    s.at(5)
        .solved("1:1a")
        .gives(&["submit 1:1a to net", "publish 0:1a", "work"]);
    s.lost(0).gives(&["cut"]);
    s.at(10).submitted(Err(broken())).gives(&["identify"]);
    s.at(110).tick().gives(&["submit 1:1a to net"]);
    s.at(120).identified("other", 4);
    s.at(130).work(piece(3, 1, 'a')).gives(&["work"]);
    s.at(140).cut(&[(0, 0, 0)]).gives(&[]);
    s.at(150).submitted(Ok(())).gives(&[]);
    assert_eq!(s.counters().blocks.unknown, 1);
    s.at(10_000).tick().gives(&[]);
}

#[test]
fn a_cut_of_a_former_network_finds_no_blocks() {
    let mut s = Script::mining(1);
    s.lost(0).gives(&["cut"]);
    s.new_cut(0).gives(&["publish", "work"]);
    s.work_fails(&broken()).gives(&["identify"]);
    s.identified("other", 1);
    s.at(100).tick().gives(&["work"]);
    s.work(piece(0, 1, 'z'));
    s.solved("0:1z");
    s.submitted(Ok(()));
    // A lookup of the block is due, but this answer was requested from the former network.
    s.at(3000).cut(&[(0, 1, 9)]).gives(&[]);
    assert_eq!(s.counters().blocks.pending, 1);
}

#[test]
fn a_branch_of_a_former_network_finds_no_blocks() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.submitted(Ok(()));
    s.work_fails(&busy());
    s.at(2000).tick().gives(&["work", "cut"]);
    s.cut(&[(0, 7, 0)]).gives(&["blocks 1..=1 of 0 below 7"]);
    s.work_fails(&broken()).gives(&["identify"]);
    s.identified("other", 1);
    s.at(2200).tick().gives(&["work"]);
    s.work(piece(0, 1, 'z'));
    s.solved("0:1z");
    s.submitted(Ok(()));
    // The former network's answer arrives while a block of the same chain and height is tracked.
    s.at(2300).ancestors(&[(1, block(0, 1, 9))]).gives(&[]);
    assert_eq!(s.counters().blocks.displaced, 0);
    assert_eq!(s.counters().blocks.orphaned, 0);
}

#[test]
fn new_chains_of_a_known_network_are_subscribed_to() {
    let mut s = Script::mining(1);
    s.lost(0).gives(&["cut"]);
    s.cut_fails(&not_served()).gives(&["identify"]);
    s.identified("net", 6)
        .gives(&["listen to net/4", "listen to net/5"]);
    assert_eq!(s.live(), ["0:1a"]);
    // The worker learns the number with its next job.
    assert_eq!(s.chains(), Some(4));
    s.new_cut(0).gives(&["publish", "work"]);
    assert_eq!(s.chains(), Some(6));
}

#[test]
fn the_second_node_issues_work_once_the_first_fails() {
    let mut s = Script::of_two_nodes();
    s.tick().gives(&["identify", "identify @1"]);
    s.on(1)
        .identified("net", 1)
        .gives(&["listen to net/0 @1", "cut @1"]);
    // The first is waited for.
    let lost = s.at(10).on(0).identify_fails(&connect());
    lost.gives(&["work @1"]);
    s.on(1).work(piece(0, 1, 'b')).gives(&["publish 0:1b"]);
    // A solution goes to its own node, also when the first is back.
    s.at(120).tick().gives(&["identify"]);
    s.on(0)
        .identified("net", 1)
        .gives(&["listen to net/0", "cut"]);
    s.at(130)
        .solved("0:1b")
        .gives(&["submit 0:1b to net @1", "publish", "work @1"]);
}

#[test]
fn a_stream_without_a_connection_means_a_restart() {
    let mut s = Script::mining(1);
    s.at(10).lost(1).gives(&[]);
    let lost = |error| UpdateEvent::Lost(Lost::Failed(error));
    s.update(1, lost(busy())).gives(&[]);
    s.update(1, lost(connect())).gives(&["identify"]);
    s.at(20)
        .identified("net", 4)
        .gives(&reopened(&["work on 0", "cut"]));
}

#[test]
fn a_node_lost_during_info_may_have_restarted() {
    let mut s = Script::mining(1);
    s.new_cut(0);
    s.work_fails(&not_served()).gives(&["identify"]);
    s.identify_fails(&broken()).gives(&[]);
    s.at(100).tick().gives(&["identify"]);
    s.identified("net", 4).gives(&reopened(&["work"]));
    // A job from before would be fetched again.
    s.at(110)
        .work(piece(0, 2, 'a'))
        .gives(&["publish 0:2a", "cut"]);
    s.cut_fails(&not_served()).gives(&["identify"]);
    s.identify_fails(&broken()).gives(&[]);
    s.at(210).tick().gives(&["identify"]);
    s.identified("net", 4).gives(&["work on 0", "cut"]);
}

#[test]
fn a_wakeup_in_the_past_is_not_lost() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identify_fails(&connect()).gives(&[]);
    // The caller is late, and must not wait for ever.
    s.at(5_000);
    assert_eq!(s.wakeup_ms(), Some(Duration::from_millis(100).as_millis()));
}

#[test]
fn suspect_streams_are_reopened_and_watch_nothing_before() {
    let mut s = Script::mining(1);
    let former = s.subscription();
    s.at(10).new_cut(0).gives(&["publish", "work"]);
    s.work_fails(&broken()).gives(&["identify"]);
    s.identified("net", 4).gives(&reopened(&[]));
    s.at(110).tick().gives(&["work"]);
    s.work(piece(0, 2, 'a')).gives(&["publish 0:2a", "cut"]);
    s.at(120).cut(&[(0, 1, 0)]).gives(&[]);
    s.at(1120).tick().gives(&["cut"]);
    s.at(1130).cut(&[(0, 1, 0)]).gives(&[]);
    // Late events of the former streams are ignored; the new one watches from now on.
    s.update_of(former, 0, UpdateEvent::NewCut).gives(&[]);
    s.at(1200).opened(0).gives(&["cut"]);
    s.at(1210).cut(&[(0, 1, 0)]).gives(&[]);
    s.at(60_000).tick().gives(&[]);
    s.new_cut(0).gives(&["publish", "work"]);
}

#[test]
fn streams_closed_or_opened_since_a_restart_are_kept() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 1).gives(&["listen to net/0", "work"]);
    s.opened(0).gives(&[]);
    // The only stream ends in the normal course.
    for _ in 0..2 {
        s.lost(0).gives(&["identify"]);
        s.opened(0).gives(&[]);
        s.identified("net", 1).gives(&[]);
    }
    s.lost(0).gives(&["identify"]);
    s.identified("net", 1).gives(&[]);
}

#[test]
fn answers_that_are_lost_again_and_again_reopen_the_streams_once_in_a_while() {
    let mut s = Script::mining(1);
    s.new_cut(0).gives(&["publish", "work"]);
    let (mut opened, mut last) = (Vec::new(), s.subscription());
    for ms in (0..60_000).step_by(100) {
        s.at(ms).tick();
        if s.is_work_requested() {
            s.work_fails(&broken());
        }
        if s.is_identifying() {
            s.identified("net", 4);
        }
        if s.subscription() != last {
            last = s.subscription();
            opened.push(ms);
            for chain in 0..4 {
                s.opened(chain);
            }
        }
    }
    assert_eq!(opened, [0, 15_000, 30_000, 45_000]);
}

#[test]
fn streams_that_wait_to_be_reopened_watch_nothing() {
    let mut s = Script::mining(1);
    s.new_cut(0).gives(&["publish", "work"]);
    s.work_fails(&broken()).gives(&["identify"]);
    s.identified("net", 4).gives(&reopened(&[]));
    for chain in 0..4 {
        s.opened(chain).gives(&[]);
    }
    s.at(1000).tick().gives(&["work"]);
    s.work_fails(&broken()).gives(&["identify"]);
    s.at(1010).identified("net", 4).gives(&[]);
    s.at(1200).tick().gives(&["work"]);
    s.work(piece(0, 2, 'a')).gives(&["publish 0:2a", "cut"]);
    s.cut(&[(0, 1, 0)]).gives(&[]);
    s.at(2200).tick().gives(&["cut"]);
    s.cut(&[(0, 1, 0)]).gives(&[]);
    // The request that becomes due goes out with the streams.
    s.at(15_000).tick().gives(&reopened(&["cut"]));
    s.cut(&[(0, 1, 0)]).gives(&[]);
}

#[test]
fn a_proxy_that_answers_in_place_of_a_node_is_no_answer_of_it() {
    let mut s = Script::of_two_nodes();
    s.tick();
    for node in 0..2 {
        s.on(node).identified("net", 1);
    }
    let gateway = Refusal::Status {
        path: "/cut".to_owned(),
        status: 502,
        text: String::new(),
    };
    let outcome = s.at(10).on(0).cut_fails(&gateway.into());
    outcome.gives(&["work @1"]);
}

#[test]
fn requests_of_several_nodes_are_looked_at_after_half_of_their_limit_and_at_its_end() {
    let mut s = Script::of_two_nodes();
    s.tick().gives(&["identify", "identify @1"]);
    assert_eq!(s.wakeup_ms(), Some(1000));
    s.at(1000).tick();
    assert_eq!(s.wakeup_ms(), Some(2000));
}
