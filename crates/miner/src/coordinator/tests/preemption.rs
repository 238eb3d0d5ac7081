//! What retires a job, and what does not.

use super::pieces::{Piece, piece};
use super::script::Script;

#[test]
fn an_update_on_its_chain_retires_a_job_before_any_request() {
    let mut s = Script::mining(2);
    s.at(50).new_cut(0).gives(&["publish 1:1a", "work"]);
    assert_eq!(s.counters().jobs_retired.unsolved(), 1);
    s.at(60)
        .work(piece(2, 1, 'a'))
        .gives(&["publish 2:1a 1:1a"]);
}

#[test]
fn update_on_another_chain_does_not_preempt() {
    let mut s = Script::mining(2);
    s.new_cut(3).gives(&[]);
    s.refreshed(3).gives(&[]);
    assert_eq!(s.counters().jobs_retired.unsolved(), 0);
    assert_eq!(s.counters().updates_received, 2);
}

#[test]
fn work_overtaken_by_an_update_is_requested_again() {
    let mut s = Script::mining(2);
    s.new_cut(0).gives(&["publish 1:1a", "work"]);
    s.at(5).new_cut(2).gives(&[]);
    s.at(10).work(piece(2, 1, 'a')).gives(&["work"]);
    // An update on another chain does not matter.
    s.at(15).new_cut(0).gives(&[]);
    s.at(20)
        .work(piece(2, 2, 'a'))
        .gives(&["publish 2:2a 1:1a"]);
}

#[test]
fn work_on_a_held_chain_is_drawn_again_four_times() {
    for event in [Script::new_cut, Script::refreshed] {
        let mut s = Script::mining(2);
        s.at(50).new_cut(0).gives(&["publish 1:1a", "work"]);
        for draw in 1..=4 {
            s.at(50 + draw).work(piece(1, 1, 'b')).gives(&["work"]);
        }
        s.at(60).work(piece(1, 1, 'b')).gives(&[]);
        assert_eq!(s.wakeup_ms(), Some(1060));
        s.at(1059).tick().gives(&[]);
        s.at(1060).tick().gives(&["work"]);
        s.at(1070).work(piece(1, 1, 'b')).gives(&[]);
        event(s.at(1080), 3).gives(&["work"]);
        assert_eq!(s.live(), ["1:1a"]);
        // Work for the free slot ends the row.
        s.at(1090)
            .work(piece(0, 2, 'a'))
            .gives(&["publish 0:2a 1:1a"]);
        s.at(1100).new_cut(0).gives(&["publish 1:1a", "work"]);
        s.at(1110).work(piece(1, 1, 'a')).gives(&["work"]);
    }
}

#[test]
fn newer_work_on_a_held_chain_replaces_the_job_and_other_work_is_requested() {
    let elsewhere = |change: fn(&mut Piece)| {
        let mut piece = piece(1, 1, 'b');
        change(&mut piece);
        piece
    };
    for piece in [
        // An update was missed, the parent was replaced, an adjacent block was replaced.
        elsewhere(|piece| piece.height = 2),
        elsewhere(|piece| piece.parent = 1),
        elsewhere(|piece| piece.adjacent_block = 1),
    ] {
        let mut s = Script::mining(2);
        s.new_cut(0).gives(&["publish 1:1a", "work"]);
        let name = format!("1:{}b", piece.height);
        s.at(10)
            .work(piece)
            .gives(&[&format!("publish {name}"), "work"]);
    }
}

#[test]
fn a_node_with_one_chain_that_can_be_mined_is_asked_for_another_five_times_after_a_block() {
    let mut s = Script::mining(2);
    s.new_cut(1).gives(&["publish 0:1a", "work"]);
    for height in 1..6 {
        s.at(100 * height).new_cut(0);
        let mut requests = 0;
        while requests < 100 && s.is_work_requested() {
            requests += 1;
            s.work(piece(0, height + 1, 'a'));
        }
        // The first one overtaken by the update, or one for the new block; and five more.
        assert_eq!(requests, if height == 1 { 7 } else { 6 });
    }
}

#[test]
fn work_for_a_free_slot_ends_a_row_of_useless_work() {
    let mut s = Script::mining(3);
    for chain in 0..3 {
        s.at(50).new_cut(chain);
    }
    for chain in 0..2 {
        s.work(piece(chain, 2, 'a'));
        for _ in 0..4 {
            s.work(piece(chain, 2, 'b'));
            assert!(s.is_work_requested(), "chain {chain}");
        }
    }
}

#[test]
fn identical_work_never_preempts() {
    let mut s = Script::mining(1);
    s.at(120_000).tick().gives(&["work on 0"]);
    s.at(120_010).work(piece(0, 1, 'a')).gives(&[]);
    assert_eq!(s.counters().jobs_retired.unsolved(), 0);
    assert_eq!(s.counters().jobs, 1);
    // Its age counts from the answer.
    assert_eq!(s.wakeup_ms(), Some(240_010));
}

#[test]
fn jobs_of_a_lost_stream_are_compared_with_the_cut() {
    let mut s = Script::mining(2);
    s.at(10).lost(1).gives(&["cut"]);
    s.at(20).cut(&[(0, 0, 0), (1, 0, 0)]).gives(&[]);
    s.at(1020).tick().gives(&["cut"]);
    // The watched job as well: its stream may be silent.
    s.at(1030)
        .cut(&[(0, 1, 0), (1, 1, 0)])
        .gives(&["publish", "work"]);
}

/// A script with a job on chain 0, which records the first block of height 1 on chain 1.
fn adjacent_to_chain_1() -> Script {
    let mut s = Script::mining(1);
    s.new_cut(0).gives(&["publish", "work"]);
    let piece = Piece {
        adjacent_chain: 1,
        ..piece(0, 2, 'a')
    };
    s.work(piece).gives(&["publish 0:2a"]);
    assert_eq!(s.counters().unwatched_jobs, 0);
    s
}

#[test]
fn an_adjacent_tip_change_is_looked_up_in_the_cut() {
    // The other tip of chain 1, and whether the job can still become a block.
    for (height, which, lives) in [
        (1, 0, true),
        (1, 1, false),
        // Higher: it may contain the recorded block. Lower: nothing has replaced the block.
        (2, 1, true),
        (0, 1, true),
    ] {
        let mut s = adjacent_to_chain_1();
        s.at(10).new_cut(1).gives(&["cut"]);
        let tips = [(0, 1, 0), (1, height, which)];
        let outcome = s.at(20).cut(&tips);
        if lives {
            outcome.gives(&[]);
            // It is current again.
            s.at(60_000).tick().gives(&[]);
        } else {
            outcome.gives(&["publish", "work"]);
        }
    }
}

#[test]
fn adjacent_tip_changes_cost_one_cut_request_a_second() {
    let mut s = adjacent_to_chain_1();
    s.at(10).new_cut(1).gives(&["cut"]);
    // This answer may be older than the second change.
    s.at(20).new_cut(1).gives(&[]);
    s.at(30).cut(&[(0, 1, 0), (1, 1, 0)]).gives(&[]);
    s.at(40).new_cut(1).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(1030));
    s.at(1030).tick().gives(&["cut"]);
    s.at(1040)
        .cut(&[(0, 1, 0), (1, 1, 1)])
        .gives(&["publish", "work"]);
}

#[test]
fn a_closed_stream_may_have_missed_an_adjacent_tip_change() {
    let mut s = adjacent_to_chain_1();
    s.lost(1).gives(&[]);
    s.at(10).opened(1).gives(&["cut"]);
    s.at(20)
        .cut(&[(0, 1, 0), (1, 1, 1)])
        .gives(&["publish", "work"]);
}

#[test]
fn work_overtaken_by_an_adjacent_tip_change_is_compared_with_the_cut() {
    let mut s = Script::mining(1);
    s.new_cut(0).gives(&["publish", "work"]);
    s.new_cut(1).gives(&[]);
    let piece = Piece {
        adjacent_chain: 1,
        ..piece(0, 2, 'a')
    };
    s.work(piece).gives(&["publish 0:2a", "cut"]);
    assert_eq!(s.counters().unwatched_jobs, 0);
    s.cut(&[(0, 1, 0), (1, 1, 1)]).gives(&["publish", "work"]);
}

#[test]
fn work_overtaken_by_a_cut_is_requested_again() {
    let mut s = Script::mining(2);
    s.new_cut(1).gives(&["publish 0:1a", "work"]);
    s.lost(0).gives(&["cut"]);
    s.at(10).cut(&[(0, 1, 0)]).gives(&["publish"]);
    s.at(20).work(piece(0, 1, 'b')).gives(&["work"]);
}
