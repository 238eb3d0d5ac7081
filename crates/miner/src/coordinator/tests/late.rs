//! Solutions of jobs that are not live any more, as devices find them.
//!
//! However a job has left, its first solution is handed in: only the node knows whether it may still become a block.

use super::pieces::{piece, stale};
use super::script::Script;

/// Whether the place of a solved job is still free as far as is known, so that a solution is handed in again if there is
/// no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Free,
    Lost,
}

/// Has the job `0:1a` leave, then a device comes up with a solution of it, and with another.
#[track_caller]
fn check(leaves: fn(&mut Script), place: Place) {
    let mut s = Script::mining(2);
    leaves(&mut s);
    assert!(!s.live().contains(&"0:1a".to_owned()), "{:?}", s.live());
    let counted = s.counters().solutions;
    let handed_in = format!("{:?}", s.solved("0:1a"));
    assert!(handed_in.contains("\"submit 0:1a to net\""), "{handed_in}");
    let second = s.solution("0:1a", 8);
    s.solved_by(second).gives(&[]);
    assert_eq!(s.counters().solutions, counted + 1);
    assert_eq!(s.counters().solutions_rejected, 0);
    s.submitted(Err(stale()));
    assert_eq!(s.counters().solutions_stale, 1);
    let asks = s.is_asked_what_it_is();
    assert_eq!(asks, place == Place::Free, "only a free place is a riddle");
}

#[test]
fn a_solution_of_a_job_whose_chain_has_moved_is_handed_in_once() {
    check(
        |s| {
            s.at(50).new_cut(0).gives(&["publish 1:1a", "work"]);
        },
        Place::Lost,
    );
}

#[test]
fn a_solution_of_a_job_that_the_cut_has_passed_is_handed_in_once() {
    check(
        |s| {
            s.at(50).lost(0).gives(&["cut"]);
            s.cut(&[(0, 1, 0), (1, 0, 0)])
                .gives(&["publish 1:1a", "work"]);
        },
        Place::Lost,
    );
}

#[test]
fn a_solution_of_a_job_that_newer_work_has_replaced_is_handed_in_once() {
    check(
        |s| {
            s.at(20_000).refreshed(0).gives(&["work on 0"]);
            s.work(piece(0, 1, 'b')).gives(&["publish 0:1b 1:1a"]);
        },
        Place::Free,
    );
}

#[test]
fn a_solution_of_a_job_that_has_expired_is_handed_in_once() {
    check(
        |s| {
            s.at(120_000).tick();
            s.at(300_000).tick();
        },
        Place::Free,
    );
}
