//! Where submitted blocks are found.

use chainweb::BlockHash;

use super::pieces::{block, busy, not_served, piece};
use super::script::Script;
use crate::telemetry::counters::BlockCounts;

fn tally(accepted: u64, displaced: u64, pending: u64) -> BlockCounts {
    BlockCounts {
        accepted,
        displaced,
        pending,
        ..BlockCounts::default()
    }
}

/// A block of height 1 on chain 0 was submitted at time 0, and its slot is filled again; the cut is
/// requested at 2000.
#[track_caller]
fn taken() -> (Script, BlockHash) {
    let mut s = Script::mining(1);
    let solution = s.solution("0:1a", 7);
    let hash = solution
        .header()
        .block_hash()
        .expect("its adjacents are recorded");
    s.solved_by(solution);
    s.submitted(Ok(())).gives(&[]);
    s.work(piece(1, 1, 'a')).gives(&["publish 1:1a"]);
    assert_eq!(s.wakeup_ms(), Some(2000));
    s.at(2000).tick().gives(&["cut"]);
    (s, hash)
}

#[test]
fn a_block_above_the_tip_is_pending() {
    let (mut s, _) = taken();
    s.at(2010).cut(&[(0, 0, 0)]).gives(&[]);
    assert_eq!(s.counters().blocks, tally(0, 0, 1));
    assert_eq!(s.wakeup_ms(), Some(12_010));
    s.at(12_010).tick().gives(&["cut"]);
}

#[test]
fn the_tip_itself_is_in_the_cut() {
    let (mut s, hash) = taken();
    s.cut_with(0, 1, hash).gives(&[]);
    assert_eq!(s.counters().blocks, tally(1, 0, 0));
}

#[test]
fn a_displaced_block_can_come_back() {
    let (mut s, hash) = taken();
    s.cut_with(0, 1, block(0, 1, 9)).gives(&[]);
    assert_eq!(s.counters().blocks, tally(0, 1, 0));
    s.at(12_000).tick().gives(&["cut"]);
    s.cut_with(0, 1, hash).gives(&[]);
    assert_eq!(s.counters().blocks, tally(1, 0, 0));
}

#[test]
fn below_the_tip_the_branch_decides() {
    for ours in [true, false] {
        let (mut s, hash) = taken();
        s.cut_with(0, 4, block(0, 4, 0))
            .gives(&["blocks 1..=1 of 0 below 4"]);
        let there = if ours { hash } else { block(0, 1, 9) };
        s.ancestors(&[(1, there)]).gives(&[]);
        let expected = if ours { tally(1, 0, 0) } else { tally(0, 1, 0) };
        assert_eq!(s.counters().blocks, expected);
        // Not deep enough to be final.
        s.at(12_000).tick().gives(&["cut"]);
        s.cut_with(0, 6, block(0, 6, 0))
            .gives(&["blocks 1..=1 of 0 below 6"]);
        s.ancestors(&[(1, hash)]).gives(&[]);
        assert_eq!(s.counters().blocks, tally(1, 0, 0));
    }
}

#[test]
fn the_place_of_a_block_is_final_under_six_blocks() {
    for ours in [true, false] {
        let (mut s, hash) = taken();
        s.cut_with(0, 7, block(0, 7, 0))
            .gives(&["blocks 1..=1 of 0 below 7"]);
        let there = if ours { hash } else { block(0, 1, 9) };
        let wanted: &[&str] = if ours { &[] } else { &["all blocks at 1 of 0"] };
        s.ancestors(&[(1, there)]).gives(wanted);
        if !ours {
            s.siblings(Err(busy())).gives(&[]);
        }
        let orphaned = BlockCounts {
            orphaned: 1,
            ..BlockCounts::default()
        };
        let expected = if ours { tally(1, 0, 0) } else { orphaned };
        assert_eq!(s.counters().blocks, expected);
        // It is no longer looked up.
        s.at(60_000).tick().gives(&[]);
        assert_eq!(s.wakeup_ms(), Some(120_000));
    }
}

#[test]
fn a_tip_far_below_a_block_ends_its_tracking() {
    for (tip, expected) in [
        (3, tally(0, 0, 1)),
        (
            2,
            BlockCounts {
                unknown: 1,
                ..tally(0, 0, 0)
            },
        ),
    ] {
        let mut s = Script::mining(1);
        s.new_cut(0);
        s.work(piece(0, 9, 'a')).gives(&["publish 0:9a"]);
        s.solved("0:9a");
        s.submitted(Ok(()));
        s.work(piece(1, 1, 'a')).gives(&["publish 1:1a"]);
        s.at(2200).tick().gives(&["cut"]);
        s.cut(&[(0, tip, 0)]).gives(&[]);
        assert_eq!(s.counters().blocks, expected);
    }
}

#[test]
fn a_failed_branch_lookup_decides_nothing() {
    let (mut s, _) = taken();
    s.cut_with(0, 7, block(0, 7, 0))
        .gives(&["blocks 1..=1 of 0 below 7"]);
    s.at(3000).ancestors_fail(&busy()).gives(&[]);
    assert_eq!(s.counters().blocks, tally(0, 0, 1));
    assert_eq!(s.wakeup_ms(), Some(13_000));
    s.at(13_000).tick().gives(&["cut"]);
    s.cut_with(0, 7, block(0, 7, 0))
        .gives(&["blocks 1..=1 of 0 below 7"]);
    // The branch does not reach down to it.
    s.ancestors(&[]).gives(&[]);
    assert_eq!(s.counters().blocks, tally(0, 0, 1));
    assert_eq!(s.wakeup_ms(), Some(23_000));
}

#[test]
fn a_branch_is_requested_once_at_a_time() {
    let (mut s, first) = taken();
    // A second block of the chain, three seconds later.
    s.at(3000)
        .cut_with(0, 3, block(0, 3, 0))
        .gives(&["blocks 1..=1 of 0 below 3"]);
    s.new_cut(1).gives(&["publish", "work"]);
    s.work(piece(0, 4, 'a')).gives(&["publish 0:4a"]);
    let solution = s.solution("0:4a", 7);
    let second = solution
        .header()
        .block_hash()
        .expect("its adjacents are recorded");
    s.solved_by(solution);
    s.submitted(Ok(()));
    s.at(5000).tick().gives(&["cut"]);
    s.cut_with(0, 5, block(0, 5, 0)).gives(&[]);
    // The answer to the first question says nothing about the second block.
    s.at(5500).ancestors(&[(1, first)]).gives(&[]);
    assert_eq!(s.counters().blocks, tally(1, 0, 1));
    s.at(6000).tick().gives(&["cut"]);
    s.cut_with(0, 5, block(0, 5, 0))
        .gives(&["blocks 4..=4 of 0 below 5"]);
    s.ancestors(&[(4, second)]).gives(&[]);
    assert_eq!(s.counters().blocks, tally(2, 0, 0));
}

#[test]
fn pending_blocks_of_a_former_network_are_unknown() {
    let (mut s, _) = taken();
    s.cut_fails(&not_served()).gives(&["identify"]);
    s.identified("other", 1);
    let unknown = BlockCounts {
        unknown: 1,
        ..BlockCounts::default()
    };
    assert_eq!(s.counters().blocks, unknown);
}

#[test]
fn the_last_lookup_stands_after_a_change_of_network() {
    let (mut s, hash) = taken();
    s.cut_with(0, 1, hash).gives(&[]);
    s.at(12_000).tick().gives(&["cut"]);
    s.cut_fails(&not_served()).gives(&["identify"]);
    s.identified("other", 1);
    assert_eq!(s.counters().blocks, tally(1, 0, 0));
    s.work(piece(0, 1, 'z')).gives(&["publish 0:1z"]);
    s.at(12_100).tick().gives(&["cut"]);
    s.cut_with(0, 1, block(0, 1, 9)).gives(&["publish", "work"]);
    assert_eq!(s.counters().blocks, tally(1, 0, 0));
}
