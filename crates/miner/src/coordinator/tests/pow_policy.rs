//! A worker without proof of work.

use chainweb::{CreationTime, Nonce, Target};

use super::pieces::{Piece, busy, invalid_pow, piece};
use super::script::Script;
use crate::job::Solution;

/// Work that next to no nonce solves.
fn hard(chain: u32, payload: char) -> Piece {
    let target = Target::from_be_hex(&format!("{:064x}", 1)).expect("64 digits");
    Piece {
        target,
        ..piece(chain, 2, payload)
    }
}

/// Both of two slots hold hard work.
fn returning() -> Script {
    let mut s = Script::returning(2);
    for chain in [0, 1] {
        s.new_cut(chain);
        s.work(hard(chain, 'a'));
    }
    assert_eq!(s.live(), ["1:2a", "0:2a"]);
    s
}

#[test]
fn unsolved_work_is_submitted_unchanged_and_once() {
    let mut s = returning();
    let work = s.job("0:2a").work.header().clone();
    let solution = Solution::unsolved(s.job("0:2a"));
    assert_eq!(solution.header(), work);
    s.at(90)
        .returned("0:2a")
        .gives(&["submit 0:2a to net", "publish 1:2a", "work"]);
    s.returned("0:2a").gives(&[]);
    s.submitted(Ok(())).gives(&[]);
    let counters = s.counters();
    assert_eq!((counters.solutions, counters.solutions_submitted), (1, 1));
    assert_eq!(counters.solutions_rejected, 0);
}

#[test]
fn creation_times_are_checked_without_a_proof_too() {
    let mut s = returning();
    let mut early = Solution::unsolved(s.job("0:2a"));
    early.nonce = Nonce::new(5);
    early.creation_time = CreationTime::from_micros(early.creation_time.as_micros() - 1);
    s.solved_by(early).gives(&[]);
    assert_eq!(s.counters().solutions_rejected, 1);
    assert_eq!(s.counters().solutions, 0);
}

#[test]
fn a_node_with_proof_of_work_gets_no_requests_for_a_while() {
    let mut s = returning();
    s.at(10)
        .returned("0:2a")
        .gives(&["submit 0:2a to net", "publish 1:2a", "work"]);
    s.at(20).submitted(Err(invalid_pow())).gives(&["publish"]);
    assert_eq!(s.counters().solutions_rejected, 1);
    // Solutions and work that were on their way lead to nothing.
    s.returned("1:2a").gives(&[]);
    s.work(hard(2, 'a')).gives(&[]);
    s.new_cut(3).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(30_020));
    s.at(30_019).tick().gives(&[]);
    s.at(30_020).tick().gives(&["work"]);
    s.work(hard(2, 'b')).gives(&["publish 2:2b", "work"]);
    // And again, as long as it checks.
    s.returned("2:2b").gives(&["submit 2:2b to net", "publish"]);
    s.at(30_050).submitted(Err(invalid_pow())).gives(&[]);
    s.work_fails(&busy()).gives(&[]);
    s.at(60_049).tick().gives(&[]);
    s.at(60_050).tick().gives(&["work"]);
    assert_eq!(s.counters().solutions, 2);
    assert_eq!(s.counters().solutions_rejected, 2);
}

#[test]
fn a_restarted_node_is_tried_again_at_once() {
    let mut s = returning();
    s.returned("0:2a");
    s.work(hard(2, 'a'));
    s.submitted(Err(invalid_pow())).gives(&["publish"]);
    for chain in [0, 1, 2] {
        s.lost(chain);
    }
    s.at(5000).lost(3).gives(&["identify"]);
    s.identified("net", 4).gives(&["work"]);
    s.work(hard(2, 'b')).gives(&["publish 2:2b", "work", "cut"]);
    s.returned("2:2b").gives(&["submit 2:2b to net", "publish"]);
    s.submitted(Ok(())).gives(&[]);
    // Once it accepts a block, it is a node like any other.
    s.work(hard(3, 'b')).gives(&["publish 3:2b", "work"]);
}

#[test]
fn a_refused_proof_does_not_stop_a_worker_with_proof() {
    let mut s = Script::mining(2);
    s.solved("0:1a");
    s.submitted(Err(invalid_pow())).gives(&[]);
    assert_eq!(s.live(), ["1:1a"]);
}
