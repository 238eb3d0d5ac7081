//! What is counted of jobs and nodes.

use std::time::Duration;

use super::pieces::piece;
use super::script::Script;
use crate::telemetry::counters::NodeCounts;

#[test]
fn a_node_counts_its_jobs_first_events_streams_and_heights() {
    let mut s = Script::mining(2);
    let before = NodeCounts {
        jobs: 2,
        blocks_taken: 0,
        first_events: 0,
        // Works on two chains of four.
        cut_height: None,
        streams_open: 4,
    };
    assert_eq!(s.counters().nodes, [before]);
    s.at(10).lost(1);
    s.at(20).new_cut(0).gives(&["publish 1:1a", "work"]);
    s.at(30).work(piece(0, 2, 'a'));
    // A refetch or a refresh is no evidence of a block.
    s.at(40).refreshed(1);
    s.at(50).cut(&[(0, 1, 0), (1, 0, 0), (2, 5, 0), (3, 7, 0)]);
    let after = NodeCounts {
        jobs: 3,
        blocks_taken: 0,
        first_events: 1,
        cut_height: Some(13),
        streams_open: 3,
    };
    assert_eq!(s.counters().nodes, [after]);
}

#[test]
fn the_age_of_a_job_is_counted_when_it_is_retired() {
    let mut s = Script::mining(1);
    assert_eq!(s.counters().job_age.count(), 0);
    s.at(1900).new_cut(0);
    s.at(1950).work(piece(0, 2, 'a'));
    let age = s.counters().job_age;
    assert_eq!((age.count(), age.sum()), (1, Duration::from_millis(1900)));
}

#[test]
fn the_time_without_a_job_is_counted_once_there_is_another() {
    let mut s = Script::mining(1);
    s.at(1900).new_cut(0);
    assert_eq!(s.counters().without_jobs, Duration::ZERO);
    s.at(1950).work(piece(0, 2, 'a'));
    assert_eq!(s.counters().without_jobs, Duration::from_millis(50));
}
