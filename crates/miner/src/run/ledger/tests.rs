use std::time::{Duration, Instant, SystemTime};

use chainweb::{BlockHash, ChainId, Target};

use super::Ledger;
use crate::history::{Fate, Unsettled};
use crate::job::{JobId, NodeId};
use crate::telemetry::event::{BlockEvent, BlockRef, Event, Untracked};

const LIFETIME: Duration = Duration::from_mins(5);
const DAY: Duration = Duration::from_hours(24);

fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + 365 * DAY
}

/// Returns a ledger with blocks of an earlier run: their rows, their ages in minutes, and whether
/// no node is known to have them.
fn ledger(blocks: &[(i64, u64, bool)]) -> Ledger {
    let block = |&(row, minutes, is_untaken): &(i64, u64, bool)| Unsettled {
        row,
        fate: if is_untaken {
            Fate::Found
        } else {
            Fate::Submitted
        },
        network: "development".to_owned(),
        node: "node".to_owned(),
        header: fixtures::work(3, row.unsigned_abs(), Target::MAX)
            .header()
            .clone(),
        issued: clock() - Duration::from_mins(minutes),
        expected: None,
    };
    Ledger::new(blocks.iter().map(block).collect())
}

#[test]
fn a_block_that_is_given_up_is_an_event() {
    let day = 24 * 60;
    let mut ledger = ledger(&[(1, day + 1, true), (2, day + 1, false), (3, 1, false)]);
    let events = ledger.expire(clock());
    let heights: Vec<_> = events
        .iter()
        .map(|(event, _)| match event {
            Event::BlockLost { header, .. } => ("lost", header.height()),
            Event::BlockForgotten { header, .. } => ("untracked", header.height()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(heights, [("lost", 1), ("untracked", 2)]);
    assert_eq!(ledger.unsettled.len(), 1);
}

#[test]
fn a_block_that_a_node_may_have_taken_is_lost_only_if_it_is_not_in_the_cut() {
    let (by, depth) = (BlockHash::new([2; 32]), 6);
    let (accepted, orphaned) = (
        BlockEvent::Accepted,
        BlockEvent::Orphaned {
            by,
            depth,
            reason: None,
        },
    );
    let untracked = |reason| BlockEvent::Untracked { reason };
    let cases = [
        (true, vec![orphaned.clone()], true),
        (true, vec![accepted, orphaned.clone()], false),
        (true, vec![untracked(Untracked::NetworkReset)], false),
        (false, vec![orphaned], false),
    ];
    for (is_untaken, events, is_lost) in cases {
        let mut ledger = ledger(&[(7, 10, is_untaken)]);
        assert_eq!(ledger.expire(clock()).len(), 0);
        let adopted = ledger.adopt(
            clock(),
            "development",
            (NodeId(0), &["node:1848"]),
            LIFETIME,
        );
        // By the clock it is too late for the block that no node has: it is submitted once.
        let left = is_untaken.then_some(Duration::ZERO);
        assert_eq!((adopted[0].0.row, adopted[0].1), (7, left));
        let block = BlockRef {
            job: JobId(1),
            node: NodeId(0),
            chain: ChainId::new(3),
            height: 7,
            hash: Some(BlockHash::new([1; 32])),
        };
        let mut pass = |change| {
            let event = Event::Block(block, change);
            let source = |_| ("development", "node");
            let passed = ledger.pass((Instant::now(), clock()), event, true, None, source);
            passed.event
        };
        pass(BlockEvent::Restored {
            row: 7,
            fate: Fate::Found,
        });
        let last = events.into_iter().map(&mut pass).last().flatten();
        let is_given_up = matches!(last, Some(Event::BlockLost { .. }));
        assert_eq!(is_given_up, is_lost, "{last:?}");
    }
}
