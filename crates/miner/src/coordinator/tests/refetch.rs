//! Work grows old: the node discards its payload.

use super::pieces::{piece, timeout};
use super::script::Script;

#[test]
fn work_is_fetched_again_after_two_minutes_on_its_chain() {
    let mut s = Script::mining(1);
    assert_eq!(s.wakeup_ms(), Some(120_000));
    s.at(119_999).tick().gives(&[]);
    s.at(120_000).tick().gives(&["work on 0"]);
    s.at(120_005)
        .work(piece(0, 1, 'b'))
        .gives(&["publish 0:1b"]);
    assert_eq!(s.wakeup_ms(), Some(240_005));
}

#[test]
fn work_on_another_chain_replaces_the_oldest_due_job() {
    let mut s = Script::mining(2);
    s.at(120_000).tick().gives(&["work on 1"]);
    s.at(120_010)
        .work(piece(3, 1, 'a'))
        .gives(&["publish 3:1a 1:1a", "work on 1"]);
    s.at(120_020).work(piece(1, 1, 'a')).gives(&[]);
}

#[test]
fn a_job_expires_with_its_payload() {
    let mut s = Script::mining(1);
    s.at(120_000).tick().gives(&["work on 0"]);
    assert_eq!(s.wakeup_ms(), Some(300_000));
    s.at(299_999).tick().gives(&[]);
    s.at(300_000).tick().gives(&["publish"]);
    assert_eq!(s.wakeup_ms(), None, "all that is missing is an answer");
    s.at(300_010).work_fails(&timeout()).gives(&[]);
    s.at(300_110).tick().gives(&["work"]);
}

#[test]
fn a_job_stays_live_while_the_node_issues_its_work() {
    let mut s = Script::mining(1);
    for round in 1..5 {
        s.at(120_000 * round).tick().gives(&["work on 0"]);
        s.work(piece(0, 1, 'a')).gives(&[]);
    }
    s.at(600_000).tick().gives(&["work on 0"]);
    s.at(779_999).tick().gives(&[]);
    s.at(780_000).tick().gives(&["publish"]);
}

#[test]
fn a_payload_is_as_old_as_the_request_for_its_work() {
    let mut s = Script::mining(1);
    s.at(120_000).tick().gives(&["work on 0"]);
    // The answer was held up.
    s.at(290_000)
        .work(piece(0, 1, 'b'))
        .gives(&["publish 0:1b"]);
    s.at(410_000).tick().gives(&["work on 0"]);
    s.at(419_999).tick().gives(&[]);
    s.at(420_000).tick().gives(&["publish"]);
}
