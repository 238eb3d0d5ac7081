//! What a payload refresh does to the live job, under each policy.

use std::time::Duration;

use super::super::Preemption;
use super::pieces::{Piece, piece};
use super::script::Script;
use crate::telemetry::counters::RefreshCounts;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn conditional() -> Script {
    Script::mining(1)
}

#[test]
fn immediate_fetches_after_each_refresh_at_once() {
    let mut s = Script::mining_under(Preemption::Immediate, 1);
    s.at(10).refreshed(0).gives(&["work on 0"]);
    s.at(20).work(piece(0, 1, 'b')).gives(&["publish 0:1b"]);
    s.at(21).refreshed(0).gives(&["work on 0"]);
    s.at(30).work(piece(0, 1, 'c')).gives(&["publish 0:1c"]);
    let expected = RefreshCounts {
        received: 2,
        fetches: 2,
        preempted: 2,
        outdated: ms(19),
        ..RefreshCounts::default()
    };
    assert_eq!(s.counters().refreshes, expected);
}

#[test]
fn batch_complete_fetches_once_at_the_end_of_the_batch() {
    let mut s = Script::mining_under(Preemption::BatchComplete { batch: ms(1000) }, 1);
    s.at(1200).refreshed(0).gives(&[]);
    s.at(1900).refreshed(0).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(2000));
    s.at(2000).tick().gives(&["work on 0"]);
    s.at(2010).work(piece(0, 1, 'b')).gives(&["publish 0:1b"]);
    // The batches of the new job start with it.
    s.at(2020).refreshed(0).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(3010));
    let expected = RefreshCounts {
        received: 3,
        fetches: 1,
        skipped: 1,
        preempted: 1,
        pending: 1,
        outdated: ms(810),
        ..RefreshCounts::default()
    };
    assert_eq!(s.counters().refreshes, expected);
}

#[test]
fn batch_complete_never_fetches_during_an_endless_batch() {
    let endless = Duration::MAX;
    let mut s = Script::mining_under(Preemption::BatchComplete { batch: endless }, 1);
    s.at(10).refreshed(0).gives(&[]);
    // Until the node may discard the payload.
    assert_eq!(s.wakeup_ms(), Some(120_000));
    s.at(120_000).tick().gives(&["work on 0"]);
    s.at(120_010)
        .work(piece(0, 1, 'b'))
        .gives(&["publish 0:1b"]);
}

#[test]
fn delayed_fetches_some_time_after_the_first_refresh() {
    let mut s = Script::mining_under(Preemption::Delayed(ms(300)), 1);
    s.at(50).refreshed(0).gives(&[]);
    s.at(200).refreshed(0).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(350));
    s.at(350).tick().gives(&["work on 0"]);
    s.at(360).work(piece(0, 1, 'b')).gives(&["publish 0:1b"]);
    s.at(400).refreshed(0).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(700));
}

#[test]
fn conditional_fetches_at_most_once_per_interval() {
    let mut s = conditional();
    s.at(1_000).refreshed(0).gives(&[]);
    s.at(2_000).refreshed(0).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(15_000));
    s.at(15_000).tick().gives(&["work on 0"]);
    s.at(15_010).work(piece(0, 1, 'b')).gives(&["publish 0:1b"]);
    s.at(16_000).refreshed(0).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(30_010));
    // The next fetch is due at the end of the interval.
    s.at(30_010).tick().gives(&["work on 0"]);
    s.at(30_020).work(piece(0, 1, 'b')).gives(&[]);
    // It was the same work, but its age counts from now.
    s.at(40_000).refreshed(0).gives(&[]);
    assert_eq!(s.wakeup_ms(), Some(45_020));
    s.at(60_000).tick().gives(&["work on 0"]);
    assert_eq!(s.counters().jobs_retired.unsolved(), 1);
    let expected = RefreshCounts {
        received: 4,
        fetches: 3,
        skipped: 1,
        identical: 1,
        preempted: 1,
        pending: 1,
        outdated: ms(14_010),
    };
    assert_eq!(s.counters().refreshes, expected);
}

#[test]
fn conditional_fetches_for_an_older_job_at_once() {
    let mut s = conditional();
    s.at(20_000).refreshed(0).gives(&["work on 0"]);
}

#[test]
fn conditional_keeps_its_interval_when_work_arrives_by_chance() {
    let mut s = Script::mining(2);
    s.at(1_000).refreshed(0).gives(&[]);
    s.at(2_000).new_cut(1).gives(&["publish 0:1a", "work"]);
    s.at(2_010).work(piece(0, 1, 'b')).gives(&["work"]);
    assert_eq!(s.live(), ["0:1a"]);
}

const POLICIES: [Preemption; 4] = [
    Preemption::Immediate,
    Preemption::BatchComplete { batch: ms(1000) },
    Preemption::Delayed(ms(1000)),
    Preemption::Conditional {
        min_interval: ms(1000),
    },
];

#[test]
fn identical_work_preempts_under_no_policy() {
    for policy in POLICIES {
        let mut s = Script::mining_under(policy, 1);
        s.at(500).refreshed(0);
        s.at(1500).tick();
        s.at(1510).work(piece(0, 1, 'a')).gives(&[]);
        let expected = RefreshCounts {
            received: 1,
            fetches: 1,
            identical: 1,
            ..RefreshCounts::default()
        };
        assert_eq!(s.counters().refreshes, expected, "{policy:?}");
        assert_eq!(s.counters().jobs_retired.unsolved(), 0, "{policy:?}");
    }
}

#[test]
fn a_new_block_retires_the_job_at_once_under_every_policy() {
    for policy in POLICIES {
        let mut s = Script::mining_under(policy, 1);
        s.at(500).new_cut(0).gives(&["publish", "work"]);
    }
    let mut s = Script::mining_under(Preemption::Delayed(ms(1000)), 1);
    s.at(500).refreshed(0).gives(&[]);
    s.at(600).new_cut(0).gives(&["publish", "work"]);
    s.at(610).work(piece(0, 2, 'a')).gives(&["publish 0:2a"]);
    let expected = RefreshCounts {
        received: 1,
        skipped: 1,
        ..RefreshCounts::default()
    };
    assert_eq!(s.counters().refreshes, expected);
    // Nothing is left of the refresh.
    assert_eq!(s.wakeup_ms(), Some(120_610));
}

#[test]
fn a_refresh_during_a_fetch_leads_to_another_fetch() {
    let mut s = Script::mining_under(Preemption::Immediate, 1);
    s.at(10).refreshed(0).gives(&["work on 0"]);
    s.at(20).refreshed(0).gives(&[]);
    // The answer may lack the second refresh.
    s.at(30)
        .work(piece(0, 1, 'b'))
        .gives(&["publish 0:1b", "work on 0"]);
    s.at(40).work(piece(0, 1, 'b')).gives(&[]);
    let expected = RefreshCounts {
        received: 2,
        fetches: 2,
        identical: 1,
        preempted: 1,
        outdated: ms(20),
        ..RefreshCounts::default()
    };
    assert_eq!(s.counters().refreshes, expected);
}

#[test]
fn a_refresh_during_the_first_request_is_fetched() {
    let mut s = Script::mining_under(Preemption::Delayed(ms(300)), 1);
    s.new_cut(0).gives(&["publish", "work"]);
    s.at(10).refreshed(0).gives(&[]);
    s.at(20).work(piece(0, 2, 'a')).gives(&["publish 0:2a"]);
    assert_eq!(s.wakeup_ms(), Some(310));
}

#[test]
fn a_refresh_after_the_request_stays_pending() {
    let mut s = Script::mining_under(Preemption::Immediate, 2);
    s.new_cut(1).gives(&["publish 0:1a", "work"]);
    s.at(10).refreshed(0).gives(&[]);
    // The node issues work on a held chain: newer than the job, and perhaps not the newest.
    s.at(20)
        .work(piece(0, 1, 'b'))
        .gives(&["publish 0:1b", "work"]);
    assert_eq!(s.counters().refreshes.pending, 1);
    s.at(40)
        .work(piece(1, 2, 'a'))
        .gives(&["publish 1:2a 0:1b", "work on 0"]);
    s.at(50)
        .work(piece(0, 1, 'c'))
        .gives(&["publish 0:1c 1:2a"]);
    let expected = RefreshCounts {
        received: 1,
        fetches: 1,
        preempted: 1,
        outdated: ms(40),
        ..RefreshCounts::default()
    };
    assert_eq!(s.counters().refreshes, expected);
}

#[test]
fn a_superseded_job_is_not_counted_as_preempted() {
    let mut s = Script::mining_under(Preemption::Immediate, 1);
    s.at(10).refreshed(0).gives(&["work on 0"]);
    let elsewhere = Piece {
        parent: 1,
        ..piece(0, 1, 'b')
    };
    s.at(20).work(elsewhere).gives(&["publish 0:1b"]);
    let expected = RefreshCounts {
        received: 1,
        fetches: 1,
        skipped: 1,
        ..RefreshCounts::default()
    };
    assert_eq!(s.counters().refreshes, expected);
}

#[test]
fn a_refresh_without_a_job_is_skipped() {
    let mut s = Script::mining_under(Preemption::Immediate, 1);
    s.at(10).refreshed(3).gives(&[]);
    let expected = RefreshCounts {
        received: 1,
        skipped: 1,
        ..RefreshCounts::default()
    };
    assert_eq!(s.counters().refreshes, expected);
}

#[test]
fn a_job_is_outdated_from_its_first_refresh_unless_the_same_work_comes_again() {
    let mut s = Script::mining_under(Preemption::Immediate, 1);
    let job = s.job("0:1a");
    s.at(10).refreshed(0).gives(&["work on 0"]);
    let refreshed = s.now();
    s.at(20).work(piece(0, 1, 'a')).gives(&[]);
    assert_eq!(job.outdated_part(refreshed, s.now()).to_string(), "0");
    let before = s.now();
    s.at(30).refreshed(0).gives(&["work on 0"]);
    s.at(35).refreshed(0).gives(&[]);
    assert!(s.at(40).new_cut(0).contains("publish"));
    assert_eq!(job.outdated_part(before, s.now()).to_string(), "0.5");
    assert_eq!(job.outdated_part(s.now(), s.now() + ms(7)).to_string(), "1");
}
