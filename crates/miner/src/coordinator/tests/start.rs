//! From nothing to full slots, and how jobs become watched.

use super::pieces::piece;
use super::script::{Script, config};

#[test]
fn identifies_then_subscribes_then_fills_the_slots() {
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
fn work_on_an_unlisted_chain_is_mined_and_watched() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 0).gives(&["work"]);
    s.work(piece(7, 1, 'a'))
        .gives(&["listen to net/7", "publish 7:1a", "cut"]);
}

#[test]
fn a_cut_requested_after_the_stream_opened_confirms_a_job() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 1);
    s.at(0)
        .work(piece(0, 1, 'a'))
        .gives(&["publish 0:1a", "cut"]);
    // Requested before the stream opened: changes in between may be missing.
    s.at(10).opened(0).gives(&[]);
    s.at(20).cut(&[(0, 0, 0)]).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(1020));
    s.at(1020).tick().gives(&["cut"]);
    s.at(1030).cut(&[(0, 0, 0)]).gives(&[]);
    // Current: nothing to do until the work is old.
    assert_eq!(s.wakeup_ms(), Some(120_000));
    s.at(119_999).tick().gives(&[]);
}

#[test]
fn an_opened_stream_requests_the_cut_at_once() {
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
fn work_requested_before_its_stream_opened_is_unwatched() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identified("net", 1).gives(&["listen to net/0", "work"]);
    s.at(1).opened(0).gives(&[]);
    s.at(2)
        .work(piece(0, 1, 'a'))
        .gives(&["publish 0:1a", "cut"]);
}

#[test]
fn an_unwatched_job_is_compared_with_the_cut_once_a_second() {
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
fn a_cut_requested_before_a_job_arrived_does_not_retire_it() {
    let mut s = Script::new(&config(2));
    s.tick();
    s.identified("net", 2);
    s.at(0)
        .work(piece(0, 1, 'a'))
        .gives(&["publish 0:1a", "work", "cut"]);
    s.at(10)
        .work(piece(1, 2, 'a'))
        .gives(&["publish 1:2a 0:1a"]);
    // Chain 1 was at height 0 when the cut was requested, and has grown since.
    s.at(20).cut(&[(0, 0, 0), (1, 0, 0)]).gives(&[]);
    assert_eq!(s.live(), ["1:2a", "0:1a"]);
}
