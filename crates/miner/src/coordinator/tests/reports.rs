//! What is reported of the life of nodes, jobs and blocks.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use chainweb::{BlockHash, WorkHeader};
use node::{Ancestor, Lost, Mined, UpdateEvent};

use super::super::Config;
use super::pieces::{block, busy, connect, invalid_pow, not_served, piece, stale, timeout};
use super::script::{Script, config};
use crate::history::Fate;
use crate::job::{NodeId, Proof};
use crate::telemetry::Event;
use crate::telemetry::event::{
    BlockEvent, FailureCause, JobEvent, NodeEvent, OrphanReason, RequestKind, Retirement, Untracked,
};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The events about blocks since the last call.
fn blocks(s: &mut Script) -> Vec<BlockEvent> {
    let events = s.reports().into_iter();
    events
        .filter_map(|event| match event {
            // Solutions differ in time and nonce.
            Event::Block(_, BlockEvent::Found { after, .. }) => {
                Some(found(u64::try_from(after.as_millis()).expect("short")))
            }
            Event::Block(
                _,
                BlockEvent::SubmissionUncertain {
                    attempts, error, ..
                },
            ) => Some(uncertain(attempts, error)),
            Event::Block(_, event) => Some(event),
            _ => None,
        })
        .collect()
}

/// The events about the node since the last call.
fn nodes(s: &mut Script) -> Vec<NodeEvent> {
    let events = s.reports().into_iter();
    events
        .filter_map(|event| match event {
            Event::Node(NodeId(0), event) => Some(event),
            _ => None,
        })
        .collect()
}

/// The reasons of retired jobs since the last call, and their chains.
fn retired(s: &mut Script) -> Vec<(u32, Retirement)> {
    let events = s.reports().into_iter();
    events
        .filter_map(|event| match event {
            Event::Job(job, JobEvent::Retired { reason }) => Some((job.chain.get(), reason)),
            _ => None,
        })
        .collect()
}

fn uncertain(attempts: u32, error: String) -> BlockEvent {
    BlockEvent::SubmissionUncertain {
        attempts,
        error,
        header: fixtures::work(0, 1, chainweb::Target::MAX).header().clone(),
    }
}

fn found(after_ms: u64) -> BlockEvent {
    BlockEvent::Found {
        found_by: Some("cpu-0".into()),
        after: Duration::from_millis(after_ms),
        header: fixtures::work(0, 1, chainweb::Target::MAX).header().clone(),
        issued: *START,
        proof: Proof::Verified,
    }
}

/// A submitted block of height 1 on chain 0; the cut is requested at 2000.
#[track_caller]
fn submitted() -> (Script, BlockHash) {
    let (s, header) = submitted_to(Script::mining(1));
    let hash = header.block_hash().expect("its adjacents are recorded");
    (s, hash)
}

/// The same on a network, with the solved header.
#[track_caller]
fn submitted_to(mut s: Script) -> (Script, WorkHeader) {
    s.reports();
    let mut solution = s.at(30).solution("0:1a", 7);
    solution.found_by = Some("cpu-0".into());
    let header = solution.header();
    s.solved_by(solution);
    s.submitted(Ok(()));
    let expected = [found(30), BlockEvent::Submitted { attempts: 1 }];
    assert_eq!(blocks(&mut s), expected);
    s.work(piece(1, 1, 'a'));
    s.at(2030).tick().gives(&["cut"]);
    s.reports();
    (s, header)
}

#[test]
fn a_block_is_found_submitted_accepted_and_confirmed() {
    let (mut s, hash) = submitted();
    s.cut_with(0, 1, hash);
    assert_eq!(blocks(&mut s), [BlockEvent::Accepted]);
    s.at(12_030).tick();
    s.cut_with(0, 7, block(0, 7, 0));
    s.ancestors(&[(1, hash)]);
    assert_eq!(blocks(&mut s), [BlockEvent::Confirmed { depth: 6 }]);
}

#[test]
fn an_orphaned_block_is_reported_with_the_block_in_its_place() {
    let (mut s, hash) = submitted();
    let by = block(0, 1, 9);
    s.cut_with(0, 1, by);
    assert_eq!(blocks(&mut s), [BlockEvent::Displaced { by }]);
    s.at(12_030).tick();
    s.cut_with(0, 1, hash);
    assert_eq!(blocks(&mut s), [BlockEvent::Accepted], "it came back");
    s.at(22_030).tick();
    s.cut_with(0, 8, block(0, 8, 0));
    s.ancestors(&[(1, by)]).gives(&["all blocks at 1 of 0"]);
    assert_eq!(blocks(&mut s), []);
    s.siblings(Err(timeout()));
    let (depth, reason) = (7, None);
    assert_eq!(blocks(&mut s), [BlockEvent::Orphaned { by, depth, reason }]);
}

#[test]
fn a_node_shows_why_a_block_is_orphaned() {
    for is_known in [true, false] {
        let (mut s, header) = submitted_to(Script::mining(1));
        let hash = header.block_hash().expect("its adjacents are recorded");
        let by = block(0, 1, 9);
        let other = Ancestor {
            hash: by,
            mined: Mined::from(&fixtures::fields().encode()),
        };
        let own = Ancestor {
            hash,
            mined: Mined::from(&header),
        };
        s.cut_with(0, 7, block(0, 7, 0));
        s.ancestors(&[(1, by)]).gives(&["all blocks at 1 of 0"]);
        let (siblings, reason) = if is_known {
            (vec![other, own], OrphanReason::LostRace)
        } else {
            (vec![other], OrphanReason::NeverTaken)
        };
        s.siblings(Ok(siblings));
        let (depth, reason) = (6, Some(reason));
        assert_eq!(blocks(&mut s), [BlockEvent::Orphaned { by, depth, reason }]);
    }
}

#[test]
fn a_block_that_was_late_is_orphaned_for_that() {
    let mut s = Script::mining(1);
    let solution = s.solution("0:1a", 7);
    s.new_cut(0);
    s.solved_by(solution);
    s.submitted(Ok(()));
    let by = block(0, 1, 9);
    s.at(2100).tick();
    s.cut_with(0, 7, block(0, 7, 0));
    s.reports();
    s.ancestors(&[(1, by)]).gives(&["all blocks at 1 of 0"]);
    s.siblings(Ok(Vec::new()));
    let (depth, reason) = (6, Some(OrphanReason::Late));
    assert_eq!(blocks(&mut s), [BlockEvent::Orphaned { by, depth, reason }]);
}

#[test]
fn a_block_is_final_after_the_wanted_number_of_confirmations() {
    for confirmations in [1, 3, 100] {
        let config = Config {
            confirmations,
            ..config(1)
        };
        let (mut s, header) = submitted_to(Script::mining_with(&config));
        let hash = header.block_hash().expect("its adjacents are recorded");
        for depth in [confirmations - 1, confirmations] {
            let ms = s.ms() + 30_000;
            s.at(ms).tick();
            let tip = [hash, block(0, 1 + depth, 0)][usize::from(depth > 0)];
            s.cut_with(0, 1 + depth, tip);
            if depth > 0 {
                s.ancestors(&[(1, hash)]);
            }
        }
        let expected = [
            BlockEvent::Accepted,
            BlockEvent::Confirmed {
                depth: confirmations,
            },
        ];
        assert_eq!(blocks(&mut s), expected, "{confirmations}");
    }
}

#[test]
fn a_block_without_an_answer_is_reported_until_it_is_given_up() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.at(10).submitted(Err(timeout()));
    s.at(110).tick();
    s.reports();
    s.new_cut(0);
    s.at(120).submitted(Err(timeout()));
    let error = timeout().to_string();
    let attempts = 2;
    let expected = uncertain(attempts, error);
    assert_eq!(blocks(&mut s), [expected]);
}

#[test]
fn stale_and_rejected_blocks_are_reported() {
    let mut s = Script::mining(1);
    s.solved("0:1a");
    s.new_cut(0);
    s.reports();
    s.submitted(Err(stale()));
    assert_eq!(blocks(&mut s), [BlockEvent::Stale]);

    // Some payloads of fresh work are unknown, but not at the second try.
    let mut s = Script::mining(1);
    for height in 1..=4 {
        s.solved(&format!("0:{height}a"));
        s.submitted(Err(stale()));
        s.at(height * 1000).tick();
        s.submitted(Ok(()));
        s.new_cut(0);
        s.work_fails(&busy());
        s.at(height * 1000 + 500).tick();
        let warned = nodes(&mut s).contains(&NodeEvent::PayloadsUnknown { times: 4 });
        assert_eq!(warned, height == 4);
        s.work(piece(0, height + 1, 'a'));
    }

    let mut s = Script::mining(1);
    let header = s.solution("0:1a", 7).header();
    s.solved("0:1a");
    s.reports();
    s.submitted(Err(invalid_pow()));
    let error = invalid_pow().to_string();
    assert_eq!(blocks(&mut s), [BlockEvent::Rejected { error, header }]);

    let mut s = Script::returning(1);
    s.returned("0:1a");
    s.reports();
    s.submitted(Err(invalid_pow()));
    assert_eq!(blocks(&mut s), [BlockEvent::RejectedWithoutPow]);
}

/// Solves the job of chain 0 at this height, whose payload is unknown at so many tries. Returns
/// whether several nodes behind one address are reported.
fn payload_unknown(s: &mut Script, height: u64, tries: u32) -> bool {
    s.solved(&format!("0:{height}a"));
    for _ in 0..tries {
        s.submitted(Err(stale()));
        let ms = s.ms() + 1000;
        s.at(ms).tick();
    }
    if tries < 16 {
        s.submitted(Ok(()));
    }
    if s.is_identifying() {
        s.identified("net", 4);
    }
    for chain in 0..4 {
        s.opened(chain);
    }
    next_work(s, height + 1)
}

/// The chain has a new tip, and new work of this height after a while. Returns whether several
/// nodes were reported.
fn next_work(s: &mut Script, height: u64) -> bool {
    s.new_cut(0);
    s.work_fails(&busy());
    let ms = s.ms() + 500;
    s.at(ms).tick();
    s.work(piece(0, height, 'a'));
    let is_reported = |event| matches!(event, NodeEvent::PayloadsUnknown { .. });
    nodes(s).into_iter().any(is_reported)
}

#[test]
fn payloads_unknown_at_all_tries_are_reported_as_well() {
    let mut s = Script::mining(1);
    let warned = (1..=4).map(|height| payload_unknown(&mut s, height, 16));
    assert_eq!(warned.collect::<Vec<_>>(), [false, false, false, true]);
}

#[test]
fn solutions_that_came_too_late_are_no_evidence_of_several_nodes() {
    let mut s = Script::mining(1);
    for height in 1..=8 {
        s.solved(&format!("0:{height}a"));
        s.submitted(Err(stale()));
        s.new_cut(0);
        let ms = s.ms() + 1000;
        s.at(ms).tick();
        s.submitted(Err(stale()));
        assert!(!next_work(&mut s, height + 1), "{height}");
    }
}

#[test]
fn unknown_payloads_before_a_restart_do_not_count() {
    let mut s = Script::mining(1);
    for height in 1..=3 {
        assert!(!payload_unknown(&mut s, height, 1));
    }
    s.new_cut(0);
    s.work_fails(&connect());
    s.identified("net", 4);
    for chain in 0..4 {
        s.opened(chain);
    }
    let ms = s.ms() + 1000;
    s.at(ms).tick();
    s.work(piece(0, 4, 'a'));
    for height in 4..=6 {
        assert!(!payload_unknown(&mut s, height, 1), "{height}");
    }
    assert!(payload_unknown(&mut s, 7, 1));
}

#[test]
fn the_pause_of_a_refused_stream_is_its_own() {
    let mut s = Script::mining(1);
    s.reports();
    s.update(1, UpdateEvent::Lost(Lost::Failed(busy())));
    let failed = NodeEvent::RequestFailed {
        request: RequestKind::Updates,
        cause: FailureCause::Refused,
        error: busy().to_string(),
        retry_in: None,
    };
    assert_eq!(nodes(&mut s), [failed]);
}

#[test]
fn a_failure_before_a_missing_cut_ends() {
    let mut s = Script::idle(1);
    s.wants(&[2]);
    s.cut_fails(&timeout());
    s.at(200).tick();
    nodes(&mut s);
    s.cut_fails(&not_served());
    let recovered = NodeEvent::RequestRecovered {
        request: RequestKind::Cut,
        after: Duration::from_millis(200),
    };
    assert_eq!(nodes(&mut s), [recovered]);
}

#[test]
fn retired_jobs_are_reported_with_their_reason() {
    let mut s = Script::mining(2);
    s.solved("0:1a");
    assert_eq!(retired(&mut s), [(0, Retirement::Solved)]);
    s.new_cut(1);
    assert_eq!(retired(&mut s), [(1, Retirement::NewCut)]);
    s.at(10).work(piece(2, 1, 'a'));
    s.at(20_000).refreshed(2);
    s.tick();
    s.work(piece(2, 1, 'b'));
    assert_eq!(retired(&mut s), [(2, Retirement::Preempted)]);
    s.stop();
    assert_eq!(retired(&mut s), [(2, Retirement::Stopping)]);
    let counted = s.counters().jobs_retired;
    let counts: Vec<_> = counted.iter().collect();
    let expected = [
        (Retirement::Solved, 1),
        (Retirement::NewCut, 1),
        (Retirement::Preempted, 1),
        (Retirement::Stopping, 1),
    ];
    assert_eq!(counts, expected);
    assert_eq!(counted.unsolved(), 2);
}

#[test]
fn failures_of_a_node_and_their_end_are_reported() {
    let mut s = Script::new(&config(1));
    s.tick();
    s.identify_fails(&connect());
    let failed = NodeEvent::RequestFailed {
        request: RequestKind::Info,
        cause: FailureCause::Unreachable,
        error: connect().to_string(),
        retry_in: Some(Duration::from_millis(100)),
    };
    assert_eq!(nodes(&mut s), [failed]);
    s.at(100).tick();
    s.identified("net", 1);
    let recovered = NodeEvent::RequestRecovered {
        request: RequestKind::Info,
        after: Duration::from_millis(100),
    };
    let identified = NodeEvent::NetworkIdentified {
        version: "net".parse().expect("it is a name"),
        chains: 1,
    };
    assert_eq!(nodes(&mut s), [recovered, identified]);
}

/// Returns the chain of each reset with its heights before and after.
fn resets(reports: &[Event]) -> Vec<(u32, u64, u64)> {
    let reset = |event: &Event| match event {
        Event::Node(
            _,
            NodeEvent::NetworkReset {
                chain, from, to, ..
            },
        ) => Some((chain.get(), *from, *to)),
        _ => None,
    };
    reports.iter().filter_map(reset).collect()
}

#[test]
fn lower_heights_are_a_reset_only_near_the_genesis() {
    for (height, expected) in [(13, vec![]), (12, vec![(0, 30, 12)])] {
        let mut s = Script::mining(1);
        s.new_cut(0);
        s.work(piece(0, 30, 'a')).gives(&["publish 0:30a"]);
        s.reports();
        s.new_cut(0);
        s.work(piece(0, height, 'b'));
        assert_eq!(resets(&s.reports()), expected);
    }
}

#[test]
fn a_network_reset_is_reported_once_and_ends_tracking() {
    let mut s = Script::mining(1);
    s.new_cut(0);
    s.work(piece(0, 9, 'a')).gives(&["publish 0:9a"]);
    s.solved("0:9a");
    s.submitted(Ok(()));
    s.work(piece(1, 9, 'a')).gives(&["publish 1:9a"]);
    s.at(2000).tick().gives(&["cut"]);
    s.reports();
    s.cut(&[(0, 1, 0), (1, 1, 0)]);
    let reports = s.reports();
    assert_eq!(resets(&reports), [(0, 9, 2)]);
    let reason = Untracked::NetworkReset;
    let untracked = BlockEvent::Untracked { reason };
    let is_untracked =
        |event: &Event| matches!(event, Event::Block(_, event) if *event == untracked);
    assert!(reports.iter().any(is_untracked), "{reports:?}");
}

#[test]
fn blocks_of_an_earlier_run_are_submitted_or_looked_up() {
    let restored = |fate| BlockEvent::Restored { row: 5, fate };
    let left = Some(Duration::from_mins(1));
    let mut s = Script::mining(1);
    s.reports();
    s.at(20).restored(piece(3, 1, 'z'), Fate::Found, left);
    s.submitted(Ok(()));
    assert_eq!(
        blocks(&mut s),
        [restored(Fate::Found), BlockEvent::Submitted { attempts: 2 }]
    );

    // The earlier run may have submitted it, so the cut decides.
    let mut s = Script::mining(1);
    s.reports();
    s.at(20).restored(piece(3, 1, 'z'), Fate::Found, left);
    s.submitted(Err(stale()));
    let (attempts, error) = (2, stale().to_string());
    let expected = uncertain(attempts, error);
    assert_eq!(blocks(&mut s), [restored(Fate::Found), expected]);

    // It is too late for another try.
    let mut s = Script::mining(1);
    s.reports();
    s.at(20).restored(piece(3, 1, 'z'), Fate::Found, left);
    s.at(60_030).submitted(Err(timeout()));
    let (attempts, error) = (2, timeout().to_string());
    let expected = uncertain(attempts, error);
    assert_eq!(blocks(&mut s)[1..], [expected]);

    let mut s = Script::mining(1);
    s.reports();
    s.at(20)
        .restored(piece(3, 1, 'z'), Fate::Submitted, None)
        .gives(&[]);
    assert_eq!(blocks(&mut s), [restored(Fate::Submitted)]);
    s.at(2020).tick().gives(&["cut"]);
}

#[test]
fn a_block_of_an_earlier_run_retires_the_job_on_its_parent() {
    let left = Some(Duration::from_mins(1));
    for (height, is_retired) in [(1, true), (2, false)] {
        let mut s = Script::mining(1);
        let outcome = s.at(20).restored(piece(0, height, 'z'), Fate::Found, left);
        assert_eq!(outcome.contains("publish"), is_retired, "{outcome:?}");
        let reason = Retirement::ParentSolved;
        let retired = JobEvent::Retired { reason };
        let reports = s.reports();
        let mut reports = reports.iter();
        let is_it = |event: &Event| matches!(event, Event::Job(_, event) if *event == retired);
        assert_eq!(reports.any(is_it), is_retired);
    }
}

#[test]
fn a_block_that_an_earlier_run_found_is_reported_only_when_its_place_changes() {
    let mut s = Script::mining(1);
    s.reports();
    s.at(20).restored(piece(3, 1, 'z'), Fate::Accepted, None);
    let [Event::Block(block, _)] = s.reports()[..] else {
        panic!("one report");
    };
    assert_eq!(s.counters().blocks.accepted, 1);
    let hash = block.hash.expect("known");
    s.at(2020).tick().gives(&["cut"]);
    s.cut_with(3, 1, hash);
    assert_eq!(blocks(&mut s), []);
    s.at(20_000).tick();
    let by = chainweb::BlockHash::new([9; 32]);
    s.cut_with(3, 1, by);
    assert_eq!(blocks(&mut s), [BlockEvent::Displaced { by }]);
}
