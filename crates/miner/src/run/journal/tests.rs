use std::time::{Duration, Instant};

use chainweb::{BlockHash, ChainId, Target};

use super::Journal;
use crate::history::{Fate, History, Place, Run, Unsettled, wall_clock};
use crate::job::{JobId, NodeId, Proof};
use crate::meter::Meter;
use crate::telemetry::event::{BlockEvent, BlockRef, Event, Untracked};
use crate::telemetry::recorder::Recorder;
use crate::telemetry::snapshot::{Payee, Program};

const LIFETIME: Duration = Duration::from_mins(5);

/// Returns a journal with blocks of an earlier run: their rows, their ages in minutes, and whether
/// no node is known to have them.
async fn journal(blocks: &[(i64, u64, bool)]) -> Journal {
    let history = History::open(Place::Memory, Run::default(), Duration::from_mins(1)).await;
    let mut journal = Journal::new(Some(history.expect("it opens")));
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
        issued: wall_clock() - Duration::from_mins(minutes),
        expected: None,
    };
    journal.unsettled = blocks.iter().map(block).collect();
    journal
}

#[tokio::test]
async fn a_block_that_is_given_up_is_an_event() {
    let day = 24 * 60;
    let mut journal = journal(&[(1, day + 1, true), (2, day + 1, false), (3, 1, false)]).await;
    let events = journal.expire();
    let heights: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::BlockLost { header, .. } => ("lost", header.height()),
            Event::BlockForgotten { header, .. } => ("untracked", header.height()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(heights, [("lost", 1), ("untracked", 2)]);
    assert_eq!(journal.unsettled.len(), 1);
}

#[tokio::test]
async fn a_block_that_a_node_may_have_taken_is_lost_only_if_it_is_not_in_the_cut() {
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
    let program = Program {
        version: "1",
        payee: Payee::Simulated,
    };
    let nodes = vec!["node".into()];
    let recorder = Recorder::new(
        Instant::now(),
        program,
        (nodes, 0),
        Meter::None,
        Proof::Verified,
    );
    for (is_untaken, events, is_lost) in cases {
        let mut journal = journal(&[(7, 10, is_untaken)]).await;
        assert_eq!(journal.expire().len(), 0);
        let adopted = journal.adopt("development", (NodeId(0), &["node:1848"]), LIFETIME);
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
            journal.pass(Instant::now(), event, None, recorder.nodes())
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
