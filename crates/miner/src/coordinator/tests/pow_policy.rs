//! A worker without proof of work, and nodes that refuse a worker's proofs.

use std::time::Duration;

use chainweb::{CreationTime, Nonce, Target};

use super::pieces::{Piece, busy, invalid_pow, piece};
use super::script::Script;
use crate::job::Solution;
use crate::telemetry::Event;
use crate::telemetry::event::{BlockEvent, NodeEvent};

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

/// As those of a network with another proof of work do.
#[test]
fn a_node_that_refuses_verified_proofs_gets_no_requests_for_a_while() {
    let mut s = Script::mining(2);
    s.solved("0:1a");
    s.submitted(Err(invalid_pow())).gives(&[]);
    s.work(piece(2, 1, 'a'));
    assert_eq!(s.live(), ["2:1a", "1:1a"]);
    s.reports();
    s.at(20).solved("1:1a");
    s.submitted(Err(invalid_pow())).gives(&["publish"]);
    let (refusals, blocks) = reported(&mut s);
    let retry_in = Duration::from_secs(30);
    let error = invalid_pow().to_string();
    assert_eq!(refusals, [NodeEvent::ProofsRefused { error, retry_in }]);
    assert!(
        matches!(blocks[..], [.., BlockEvent::Rejected { .. }]),
        "{blocks:?}"
    );
    // Solutions and work that were on their way lead to nothing.
    s.solved("2:1a").gives(&[]);
    s.work(piece(3, 1, 'b')).gives(&[]);
    s.new_cut(3).gives(&[]);
    s.at(30_019).tick();
    assert_eq!(s.live(), [""; 0]);
    for round in 0..3 {
        let at = 30_020 + round * 30_100;
        s.at(at).tick();
        s.work(piece(4, 2 + round, 'a'));
        s.at(at + 100);
        s.solved(&format!("4:{}a", 2 + round));
        s.reports();
        s.submitted(Err(invalid_pow()));
        // It is reported once.
        assert_eq!(
            reported(&mut s),
            (vec![], vec![BlockEvent::RejectedLikeAll])
        );
        s.work_fails(&busy());
    }
    assert_eq!(s.counters().solutions_rejected, 5);
    // Once it accepts a block, it is a node like any other.
    s.at(200_000).tick();
    s.work(piece(5, 2, 'a'));
    s.solved("5:2a");
    s.reports();
    s.submitted(Ok(()));
    assert_eq!(reported(&mut s).0, [NodeEvent::ProofsAccepted]);
}

#[test]
fn refused_proofs_that_are_not_in_a_row_are_no_other_rules() {
    let mut s = Script::mining(2);
    let answers = [Err(invalid_pow()), Ok(()), Err(invalid_pow()), Ok(())];
    for (chain, answer) in (0..).zip(answers) {
        s.solved(&format!("{chain}:1a"));
        s.submitted(answer);
        s.work(piece(chain + 2, 1, 'a'));
        assert_eq!(s.live().len(), 2);
    }
    let is_refused = |event: &NodeEvent| matches!(event, NodeEvent::ProofsRefused { .. });
    assert!(!reported(&mut s).0.iter().any(is_refused));
}

/// The events about the node and its blocks since the last call.
fn reported(s: &mut Script) -> (Vec<NodeEvent>, Vec<BlockEvent>) {
    let (mut nodes, mut blocks) = (Vec::new(), Vec::new());
    for event in s.reports() {
        match event {
            Event::Node(_, event) => nodes.push(event),
            Event::Block(_, event) => blocks.push(event),
            _ => {}
        }
    }
    (nodes, blocks)
}

#[test]
fn a_refused_proof_does_not_stop_a_worker_with_proof() {
    let mut s = Script::mining(2);
    s.solved("0:1a");
    s.submitted(Err(invalid_pow())).gives(&[]);
    assert_eq!(s.live(), ["1:1a"]);
}
