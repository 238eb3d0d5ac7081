use std::time::Duration;

use chainweb::Target;

use super::Journal;
use crate::history::{History, Place, Run, Unsettled, wall_clock};
use crate::telemetry::event::Event;

const LIFETIME: Duration = Duration::from_mins(5);

/// Returns a journal with blocks of an earlier run: their rows, their ages in minutes, and whether
/// no node is known to have them.
async fn journal(blocks: &[(i64, u64, bool)]) -> Journal {
    let history = History::open(Place::Memory, Run::default(), Duration::from_mins(1)).await;
    let mut journal = Journal::new(Some(history.expect("it opens")));
    let block = |&(row, minutes, is_untaken): &(i64, u64, bool)| Unsettled {
        row,
        is_untaken,
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
    let events = journal.expire(LIFETIME);
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
