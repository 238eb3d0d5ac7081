//! Shutting down: nothing new, nothing lost.

use super::pieces::{broken, busy, connect, piece, timeout};
use super::script::{Script, config};
use crate::telemetry::counters::BlockCounts;

#[test]
fn nothing_is_left_to_do_where_nothing_is_solved() {
    let mut s = Script::mining(2);
    assert!(!s.is_finished());
    s.stop().gives(&["publish"]);
    assert!(s.is_finished());
    assert_eq!(s.counters().jobs_retired.unsolved(), 0);
    s.at(500_000).tick().gives(&[]);
}

#[test]
fn a_silent_node_does_not_delay_the_end() {
    let mut s = Script::new(&config(2));
    s.tick().gives(&["identify"]);
    s.stop().gives(&[]);
    assert!(s.is_finished());
    s.identified("net", 2).gives(&[]);
    assert!(s.is_finished());
}

#[test]
fn work_after_the_stop_is_ignored() {
    let mut s = Script::mining(2);
    s.new_cut(0).gives(&["publish 1:1a", "work"]);
    s.stop().gives(&["publish"]);
    s.work(piece(0, 2, 'a')).gives(&[]);
    assert!(s.is_finished());
}

#[test]
fn open_submissions_are_completed_and_looked_up() {
    let mut s = Script::mining(1);
    let solution = s.solution("0:1a", 7);
    let hash = solution
        .header()
        .block_hash()
        .expect("its adjacents are recorded");
    s.solved_by(solution);
    s.at(10).stop().gives(&[]);
    assert!(!s.is_finished());
    s.at(20).submitted(Err(timeout())).gives(&[]);
    s.at(120).tick().gives(&["submit 0:1a to net"]);
    s.at(130).submitted(Ok(())).gives(&[]);
    assert!(!s.is_finished());
    assert_eq!(s.wakeup_ms(), Some(230));
    s.at(230).tick().gives(&["cut"]);
    s.at(240).cut(&[(0, 0, 0)]).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(340), "soon: there is no time to lose");
    s.at(340).tick().gives(&["cut"]);
    s.at(350).cut_with(0, 1, hash).gives(&[]);
    assert!(s.is_finished());
    assert_eq!(s.counters().blocks.accepted, 1);
}

#[test]
fn a_solution_after_the_stop_is_submitted_until_answered() {
    let mut s = Script::mining(1);
    s.at(10).stop().gives(&["publish"]);
    s.at(11).solved("0:1a").gives(&["submit 0:1a to net"]);
    assert!(!s.is_finished());
    s.at(20).submitted(Err(busy())).gives(&[]);
    s.at(120).tick().gives(&["submit 0:1a to net"]);
    assert!(!s.is_finished());
}

#[test]
fn every_block_gets_a_final_lookup() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.submitted(Ok(()));
    s.work(piece(1, 1, 'a'));
    s.at(100).stop().gives(&["publish", "cut"]);
    assert!(!s.is_finished());
    s.cut(&[(0, 3, 0)]).gives(&["blocks 1..=1 of 0 below 3"]);
    assert!(!s.is_finished());
    s.ancestors(&[(1, super::pieces::block(0, 1, 9))])
        .gives(&[]);
    assert!(s.is_finished());
    assert_eq!(s.counters().blocks.displaced, 1);
}

#[test]
fn final_lookups_end_without_an_answer() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.submitted(Ok(()));
    s.work_fails(&connect()).gives(&["identify"]);
    // Its identity no longer matters.
    s.at(100).stop().gives(&["cut"]);
    s.at(110).cut_fails(&broken()).gives(&[]);
    assert!(s.is_finished());
    assert_eq!(
        s.counters().blocks,
        BlockCounts {
            pending: 1,
            ..BlockCounts::default()
        }
    );
}

#[test]
fn a_missing_block_is_looked_up_five_times() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.submitted(Ok(()));
    s.work(piece(1, 1, 'a'));
    s.at(0).stop().gives(&["publish", "cut"]);
    for look in 1..5 {
        s.cut(&[(0, 0, 0)]).gives(&[]);
        assert!(!s.is_finished());
        s.at(100 * look).tick().gives(&["cut"]);
    }
    s.cut(&[(0, 0, 0)]).gives(&[]);
    assert!(s.is_finished());
    assert_eq!(s.counters().blocks.pending, 1);
}
