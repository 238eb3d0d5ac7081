//! Late solutions: their jobs are no longer live.
//!
//! The first solution of a job is submitted, no matter why the job was retired: only the node
//! knows whether it can still become a block.

use super::pieces::{piece, stale};
use super::script::Script;

/// Whether the parent of a solved job is still the tip as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parent {
    Tip,
    Outdated,
}

/// Retires the job `0:1a`, then submits a solution of it, and another.
#[track_caller]
fn check(leaves: fn(&mut Script), parent: Parent) {
    let mut s = Script::mining(2);
    leaves(&mut s);
    assert!(!s.live().contains(&"0:1a".to_owned()), "{:?}", s.live());
    let counted = s.counters().solutions;
    let outcome = format!("{:?}", s.solved("0:1a"));
    assert!(outcome.contains("\"submit 0:1a to net\""), "{outcome}");
    let second = s.solution("0:1a", 8);
    s.solved_by(second).gives(&[]);
    assert_eq!(s.counters().solutions, counted + 1);
    assert_eq!(s.counters().solutions_rejected, 0);
    for second in 0..16 {
        // Another node of the same address may have answered.
        s.submitted(Err(stale()));
        if s.counters().solutions_stale > 0 {
            break;
        }
        s.at(21_000 + second * 1000).tick();
    }
    assert_eq!(s.counters().solutions_stale, 1);
    let is_suspect = s.is_identifying();
    assert_eq!(is_suspect, parent == Parent::Tip);
}

#[test]
fn a_solution_after_a_new_cut_is_submitted_once() {
    check(
        |s| {
            s.at(50).new_cut(0).gives(&["publish 1:1a", "work"]);
        },
        Parent::Outdated,
    );
}

#[test]
fn a_solution_of_a_job_not_in_the_cut_is_submitted_once() {
    check(
        |s| {
            s.at(50).lost(0).gives(&["cut"]);
            s.cut(&[(0, 1, 0), (1, 0, 0)])
                .gives(&["publish 1:1a", "work"]);
        },
        Parent::Outdated,
    );
}

#[test]
fn a_solution_of_a_preempted_job_is_submitted_once() {
    check(
        |s| {
            s.at(20_000).refreshed(0).gives(&["work on 0"]);
            s.work(piece(0, 1, 'b')).gives(&["publish 0:1b 1:1a"]);
        },
        Parent::Tip,
    );
}

#[test]
fn a_solution_of_an_expired_job_is_submitted_once() {
    check(
        |s| {
            s.at(120_000).tick();
            s.at(300_000).tick();
        },
        Parent::Tip,
    );
}
