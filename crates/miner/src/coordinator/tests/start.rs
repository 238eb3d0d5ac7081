//! From nothing to full slots, and how jobs become covered by update streams.

use super::pieces::piece;
use super::script::{Script, config};

#[test]
fn begins_with_what_the_node_serves_then_listens_then_fills_the_slots() {
    let mut s = Script::new(&config(2));
    s.at(0).tick().gives(&["identify"]);
    s.at(1).tick().gives(&[]);
    s.at(5)
        .identified("net", 2)
        .gives(&["listen to net/0", "listen to net/1", "work"]);
    s.at(10)
        .work(piece(0, 1, 'a'))
        .gives(&["publish 0:1a", "work", "cut"]);
    s.at(15)
        .work(piece(1, 1, 'a'))
        .gives(&["publish 1:1a 0:1a"]);
    assert_eq!(s.counters().jobs, 2);
    assert_eq!(s.counters().unwatched_jobs, 2);
}

#[test]
fn work_on_a_chain_that_the_node_did_not_name_is_taken_and_listened_to() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 0).gives(&["work"]);
    s.work(piece(7, 1, 'a'))
        .gives(&["listen to net/7", "publish 7:1a", "cut"]);
}

#[test]
fn a_job_becomes_covered_by_a_cut_that_is_asked_after_its_stream_opened() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 1);
    s.at(0)
        .work(piece(0, 1, 'a'))
        .gives(&["publish 0:1a", "cut"]);
    // Asked before the stream opened: it says nothing about what came between.
    s.at(10).opened(0).gives(&[]);
    s.at(20).cut(&[(0, 0, 0)]).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(1020));
    s.at(1020).tick().gives(&["cut"]);
    s.at(1030).cut(&[(0, 0, 0)]).gives(&[]);
    // Covered: nothing to be done until the work is old.
    assert_eq!(s.wakeup_ms(), Some(120_000));
    s.at(119_999).tick().gives(&[]);
}

#[test]
fn an_opening_stream_asks_for_the_cut_at_once() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 1);
    s.at(0)
        .work(piece(0, 1, 'a'))
        .gives(&["publish 0:1a", "cut"]);
    s.at(10).cut(&[(0, 0, 0)]).gives(&[]);
    s.at(20).opened(0).gives(&["cut"]);
}

#[test]
fn work_asked_for_before_its_stream_was_open_is_not_covered() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 1).gives(&["listen to net/0", "work"]);
    s.at(1).opened(0).gives(&[]);
    s.at(2)
        .work(piece(0, 1, 'a'))
        .gives(&["publish 0:1a", "cut"]);
}

#[test]
fn an_uncovered_job_is_compared_with_the_cut_once_a_second() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 1);
    s.at(0)
        .work(piece(0, 1, 'a'))
        .gives(&["publish 0:1a", "cut"]);
    for second in 0..5 {
        s.at(1000 * second + 5).cut(&[(0, 0, 0)]).gives(&[]);
        s.at(1000 * second + 1004).tick().gives(&[]);
        assert_eq!(s.wakeup_ms(), Some(u128::from(1000 * second + 1005)));
        s.at(1000 * second + 1005).tick().gives(&["cut"]);
    }
}

#[test]
fn a_job_whose_parent_is_no_longer_the_tip_is_retired_by_the_cut() {
    let mut s = Script::new(&config(2));
    s.tick();
    s.identified("net", 2);
    s.work(piece(0, 1, 'a'));
    s.work(piece(1, 1, 'a')).gives(&["publish 1:1a 0:1a"]);
    s.at(10).cut(&[(0, 0, 0), (1, 0, 0)]).gives(&[]);
    s.at(1010).tick().gives(&["cut"]);
    // Another block at the same height, and a higher one.
    s.at(1020)
        .cut(&[(0, 0, 1), (1, 0, 0)])
        .gives(&["publish 1:1a", "work"]);
    s.at(1030)
        .work(piece(0, 1, 'b'))
        .gives(&["publish 0:1b 1:1a"]);
    s.at(2020).tick().gives(&["cut"]);
    s.at(2030)
        .cut(&[(0, 1, 0), (1, 0, 0)])
        .gives(&["publish 1:1a", "work"]);
    assert_eq!(s.counters().jobs_retired.unsolved(), 2);
}

#[test]
fn a_cut_that_was_asked_for_before_the_job_came_is_not_held_against_it() {
    let mut s = Script::new(&config(2));
    s.tick();
    s.identified("net", 2);
    s.at(0)
        .work(piece(0, 1, 'a'))
        .gives(&["publish 0:1a", "work", "cut"]);
    s.at(10)
        .work(piece(1, 2, 'a'))
        .gives(&["publish 1:2a 0:1a"]);
    // Chain 1 was at height 0 when the cut was asked for, and has grown since.
    s.at(20).cut(&[(0, 0, 0), (1, 0, 0)]).gives(&[]);
    assert_eq!(s.live(), ["1:2a", "0:1a"]);
}
