//! Solutions on their way to the node.

use std::time::Duration;

use chainweb::{CreationTime, Target};

use super::pieces::{Piece, broken, busy, invalid_pow, piece, stale, timeout};
use super::script::Script;

#[test]
fn a_solution_is_submitted_first_and_its_job_retired_at_once() {
    let mut s = Script::mining(2);
    s.at(50)
        .solved("1:1a")
        .gives(&["submit 1:1a to net", "publish 0:1a", "work"]);
    s.at(60).submitted(Ok(())).gives(&[]);
    let counters = s.counters();
    assert_eq!(counters.solutions, 1);
    assert_eq!(counters.solutions_submitted, 1);
    assert_eq!(counters.blocks.pending, 1);
    assert_eq!(counters.jobs_retired.unsolved(), 0);
}

#[test]
fn a_second_solution_of_a_job_is_dropped() {
    let mut s = Script::mining(1);
    s.solved("0:1a")
        .gives(&["submit 0:1a to net", "publish", "work"]);
    let second = s.solution("0:1a", 8);
    s.solved_by(second.clone()).gives(&[]);
    s.submitted(Ok(())).gives(&[]);
    s.solved_by(second).gives(&[]);
    assert_eq!(s.counters().solutions, 1);
    assert_eq!(s.counters().solutions_rejected, 0);
}

#[test]
fn a_wrong_nonce_is_never_sent() {
    let mut s = Script::mining(1);
    s.new_cut(0);
    let target = Target::from_be_hex(&format!("{:064x}", 1)).expect("64 digits");
    let hard = Piece {
        target,
        ..piece(0, 2, 'a')
    };
    s.work(hard).gives(&["publish 0:2a"]);
    s.at(50).solved("0:2a").gives(&[]);
    assert_eq!(s.counters().solutions_rejected, 1);
    assert_eq!(s.counters().solutions, 0);
    assert_eq!(s.live(), ["0:2a"], "it can still be solved");
}

#[test]
fn a_creation_time_outside_the_jobs_is_never_sent() {
    let mut s = Script::mining(1);
    s.at(700);
    let good = s.solution("0:1a", 7);
    let earliest = good.job.work.header().creation_time();
    // The node's clock may be slower by a 1024th.
    let latest = earliest.saturating_add(Duration::from_micros(699_316));
    let later = |time: CreationTime, micros| CreationTime::from_micros(time.as_micros() + micros);
    for wrong in [later(earliest, -1), later(latest, 1)] {
        let mut solution = good.clone();
        solution.creation_time = wrong;
        s.solved_by(solution).gives(&[]);
    }
    assert_eq!(s.counters().solutions_rejected, 2);
    for right in [earliest, latest] {
        let mut s = Script::mining(1);
        s.at(700);
        let mut solution = s.solution("0:1a", 7);
        solution.creation_time = right;
        s.solved_by(solution)
            .gives(&["submit 0:1a to net", "publish", "work"]);
    }
}

#[test]
fn an_unanswered_solution_is_submitted_again_with_growing_pauses() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.work_fails(&timeout());
    let mut now = 10;
    for (pause, error) in [
        (100, timeout()),
        (200, busy()),
        (400, timeout()),
        (800, busy()),
        (1000, timeout()),
        (1000, timeout()),
    ] {
        s.at(now).submitted(Err(error)).gives(&[]);
        now += pause;
        s.at(now - 1).tick();
        s.at(now);
        let actions = s.tick();
        assert!(
            format!("{actions:?}").contains("submit 0:1a to net"),
            "{actions:?} after {pause} ms"
        );
        now += 5;
    }
    s.at(now).submitted(Ok(()));
    assert_eq!(s.counters().solutions_submitted, 1);
    assert_eq!(s.counters().solutions, 1);
}

#[test]
fn a_solution_is_not_submitted_again_after_a_new_cut() {
    let mut s = Script::mining(2);
    s.at(10).solved("1:1a");
    s.work(piece(2, 1, 'a'));
    s.at(20).new_cut(1).gives(&[]);
    s.at(30).submitted(Err(timeout())).gives(&[]);
    // It may have been read all the same: the block is looked up.
    assert_eq!(s.counters().blocks.pending, 1);
    assert_eq!(s.counters().solutions_stale, 0);
    assert_eq!(s.wakeup_ms(), Some(2030));
}

#[test]
fn a_solution_is_not_submitted_again_after_its_payload_expired() {
    let mut s = Script::mining(1);
    s.at(120_000).tick().gives(&["work on 0"]);
    // The node remembers its payload from here on.
    s.work(piece(0, 1, 'a')).gives(&[]);
    s.at(240_000).tick().gives(&["work on 0"]);
    s.at(419_000)
        .solved("0:1a")
        .gives(&["submit 0:1a to net", "publish"]);
    s.at(419_010).submitted(Err(timeout())).gives(&[]);
    s.at(419_110).tick().gives(&["submit 0:1a to net"]);
    s.at(420_000).submitted(Err(timeout())).gives(&[]);
    assert_eq!(s.counters().blocks.pending, 1, "it is followed");
}

#[test]
fn a_retired_job_keeps_the_time_of_its_last_issue() {
    let mut s = Script::mining(1);
    s.at(120_000).tick().gives(&["work on 0"]);
    s.work(piece(0, 1, 'a')).gives(&[]);
    s.at(240_000).tick().gives(&["work on 0"]);
    s.work(piece(0, 1, 'b')).gives(&["publish 0:1b"]);
    s.at(310_000).solved("0:1a");
    s.submitted(Err(timeout()));
    // The node issued it 190 seconds ago.
    s.at(310_100);
    let again = s.tick();
    assert!(format!("{again:?}").contains("submit 0:1a to net"));
}

#[test]
fn a_broken_connection_during_a_submission_leads_to_info() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.at(10).submitted(Err(broken())).gives(&["identify"]);
    s.at(110).tick().gives(&["submit 0:1a to net"]);
}

#[test]
fn a_solution_unknown_at_the_first_attempt_is_stale() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.new_cut(0);
    s.at(10).submitted(Err(stale())).gives(&[]);
    assert_eq!(s.counters().solutions_stale, 1);
    assert_eq!(s.counters().blocks.pending, 0);
}

#[test]
fn a_solution_unknown_on_the_tip_is_submitted_on_new_connections_then_may_mean_a_restart() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.work_fails(&timeout());
    let mut now = 10;
    // By the bits of the payload hash.
    let (long, short) = (150, 50);
    let pauses = [
        [long, long, long, long, short],
        [short, long, short, long, long],
        [long, long, short, short, long],
    ];
    for pause in pauses.concat() {
        s.at(now).submitted(Err(stale())).gives(&[]);
        now += pause;
        let actions = format!("{:?}", s.at(now).tick());
        assert!(actions.contains("submit 0:1a to net on a new connection"));
    }
    let actions = format!("{:?}", s.at(now + 10).submitted(Err(stale())));
    assert!(actions.contains("identify"), "{actions}");
    assert_eq!(s.counters().solutions_stale, 1);
    assert_eq!(s.counters().blocks.pending, 0);
}

#[test]
fn a_solution_unknown_to_one_node_of_several_is_accepted_by_another() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.work_fails(&timeout());
    s.at(10).submitted(Err(stale())).gives(&[]);
    let actions = format!("{:?}", s.at(160).tick());
    assert!(actions.contains("submit 0:1a to net on a new connection"));
    s.at(170).submitted(Ok(()));
    assert_eq!(s.counters().solutions_submitted, 1);
    assert_eq!(s.counters().solutions_stale, 0);
}

#[test]
fn a_solution_unknown_for_another_reason_is_not_submitted_again() {
    // The work is older than two minutes.
    let mut s = Script::mining(1);
    s.at(120_000).solved("0:1a");
    s.submitted(Err(stale()));
    assert_eq!(s.counters().solutions_stale, 1);
    // The chain gets a new tip between two tries.
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.at(10).submitted(Err(stale())).gives(&[]);
    s.at(20).new_cut(0);
    s.at(160)
        .tick()
        .gives(&["submit 0:1a to net on a new connection"]);
    s.at(170).submitted(Err(stale())).gives(&[]);
    assert_eq!(s.counters().solutions_stale, 1);
    // The node was restarted.
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.work_fails(&broken());
    s.at(10).submitted(Err(stale()));
    assert_eq!(s.counters().solutions_stale, 1);
}

#[test]
fn a_solution_refused_after_a_try_without_an_answer_may_have_been_accepted() {
    for refusal in [stale(), invalid_pow()] {
        let mut s = Script::mining(1);
        s.solved("0:1a");
        s.at(10).submitted(Err(timeout())).gives(&[]);
        s.at(110).tick().gives(&["submit 0:1a to net"]);
        s.at(120).submitted(Err(refusal)).gives(&[]);
        assert_eq!(s.counters().solutions_stale, 0);
        assert_eq!(s.counters().solutions_rejected, 0);
        assert_eq!(s.counters().blocks.pending, 1);
    }
}

#[test]
fn a_solution_of_which_all_tries_are_refused_is_no_block() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.at(10).submitted(Err(stale())).gives(&[]);
    s.at(160).tick();
    s.at(170).submitted(Err(invalid_pow()));
    assert_eq!(s.counters().solutions_rejected, 1);
    assert_eq!(s.counters().blocks.pending, 0);
}

#[test]
fn a_rejected_solution_is_counted_and_not_submitted_again() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.work(piece(1, 1, 'a')).gives(&["publish 1:1a"]);
    s.at(10).submitted(Err(invalid_pow())).gives(&[]);
    assert_eq!(s.counters().solutions_rejected, 1);
    assert_eq!(s.wakeup_ms(), Some(120_000));
}

#[test]
fn a_late_solution_is_submitted_once() {
    let mut s = Script::mining(2);
    s.new_cut(0).gives(&["publish 1:1a", "work"]);
    s.solved("0:1a").gives(&["submit 0:1a to net"]);
    s.submitted(Err(busy())).gives(&[]);
    s.at(100_000).tick();
    assert_eq!(s.counters().solutions, 1);
}

#[test]
fn a_solution_of_a_preempted_job_is_retried_as_well() {
    let mut s = Script::mining(1);
    s.at(20_000).refreshed(0).gives(&["work on 0"]);
    s.work(piece(0, 1, 'b')).gives(&["publish 0:1b"]);
    s.solved("0:1a")
        .gives(&["submit 0:1a to net", "publish", "work"]);
    s.submitted(Err(busy())).gives(&[]);
    s.at(20_100).tick().gives(&["submit 0:1a to net"]);
}

#[test]
fn a_solution_retires_the_job_that_preempted_its_own() {
    let mut s = Script::mining(2);
    s.at(20_000).refreshed(0).gives(&["work on 0"]);
    s.work(piece(0, 1, 'b')).gives(&["publish 0:1b 1:1a"]);
    s.solved("0:1a")
        .gives(&["submit 0:1a to net", "publish 1:1a", "work"]);
    assert_eq!(s.counters().jobs_retired.unsolved(), 2);
    // A late solution on another parent retires nothing.
    s.work(piece(0, 2, 'a')).gives(&["publish 0:2a 1:1a"]);
    s.solved("0:1b").gives(&["submit 0:1b to net"]);
    assert_eq!(s.live(), ["0:2a", "1:1a"]);
}

#[test]
fn work_in_flight_when_its_parent_is_solved_is_requested_again() {
    let mut s = Script::mining(2);
    s.new_cut(0).gives(&["publish 1:1a", "work"]);
    s.solved("1:1a").gives(&["submit 1:1a to net", "publish"]);
    s.work(piece(1, 1, 'b')).gives(&["work"]);
}

#[test]
fn work_in_flight_when_a_submission_on_its_parent_is_answered_is_requested_again() {
    for answer in [Ok(()), Err(invalid_pow())] {
        let mut s = Script::mining(1);
        s.solved("0:1a")
            .gives(&["submit 0:1a to net", "publish", "work"]);
        s.submitted(answer).gives(&[]);
        // The node may have issued it before it read the solution.
        s.work(piece(0, 1, 'b')).gives(&["work"]);
        s.work(piece(0, 1, 'b')).gives(&["publish 0:1b"]);
    }
}

#[test]
fn work_on_a_contested_parent_has_to_wait() {
    let mut s = Script::mining(1);
    s.solved("0:1a")
        .gives(&["submit 0:1a to net", "publish", "work"]);
    s.work(piece(0, 1, 'b')).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(1000));
    // The node's answer decides.
    s.at(500).submitted(Err(invalid_pow())).gives(&["work"]);
    s.work(piece(0, 1, 'b')).gives(&["publish 0:1b"]);
}

#[test]
fn a_late_solution_does_not_stop_retries_of_the_next_one() {
    let mut s = Script::mining(1);
    s.new_cut(0).gives(&["publish", "work"]);
    s.work(piece(0, 2, 'a')).gives(&["publish 0:2a"]);
    s.solved("0:1a").gives(&["submit 0:1a to net"]);
    s.solved("0:2a")
        .gives(&["submit 0:2a to net", "publish", "work"]);
    s.at(10).submitted(Ok(())).gives(&[]);
    s.submitted(Err(timeout())).gives(&[]);
    s.at(110).tick().gives(&["submit 0:2a to net"]);
}
