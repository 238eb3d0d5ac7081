//! Blocks and their fates.

use chainweb::{BlockHash, Target};

use super::{Directory, PATIENCE, again, at, blocks, change, found, in_memory, open};
use crate::history::{Block, BlockKey, Change, Fate, Record, Unsettled};

#[tokio::test]
async fn a_block_keeps_its_fate() {
    let directory = Directory::new();
    for history in [in_memory().await, open(&directory.0).await.expect("opens")] {
        history.journal(found(1)).await.expect("it is written");
        history.write(found(2));
        history.write(change(2, Fate::Orphaned));
        // No such block, and the same block again.
        history.write(change(3, Fate::Accepted));
        history.write(found(2));
        // A number that is none harms no other record.
        let mut none = found(4);
        if let Record::Found(found) = &mut none {
            found.difficulty = f64::NAN;
        }
        history.write(none);
        history.write(change(1, Fate::Submitted));
        history.write(change(1, Fate::Rejected));
        let block = |row, fate| Block {
            row,
            network: "development".to_owned(),
            node: "http://localhost:1848".to_owned(),
            chain: 3,
            height: u64::MAX,
            hash: Some(BlockHash::new([7; 32]).to_string()),
            difficulty: 1e6,
            worker: Some("rig\n'1\"".to_owned()),
            found: 100_000,
            expected: Some(0.5),
            fate,
            fate_at: 200_000,
            depth: Some(6),
            other: Some(BlockHash::new([9; 32]).to_string()),
            detail: None,
        };
        let (first, second) = (block(1, Fate::Rejected), block(2, Fate::Orphaned));
        assert_eq!(blocks(&history).await, [first.clone(), second.clone()]);
        // Page by page, and by fate.
        let reader = history.reader();
        let page = |before, fate, most| reader.blocks(before, fate, most).expect("blocks");
        assert_eq!(page(None, None, 1), std::slice::from_ref(&second));
        assert_eq!(page(Some(2), None, 9), [first]);
        assert_eq!(page(Some(1), None, 9), []);
        assert_eq!(page(None, Some(Fate::Orphaned), 9), [second]);
        assert_eq!(page(Some(2), Some(Fate::Orphaned), 9), []);
        let fates = reader.fates().expect("fates");
        assert_eq!(fates, [(Fate::Orphaned, 1), (Fate::Rejected, 1)]);
    }
}

#[tokio::test]
async fn blocks_without_a_final_fate_come_back_after_a_restart() {
    let directory = Directory::new();
    let mut history = open(&directory.0).await.expect("it opens");
    assert_eq!(history.take_unsettled(), []);
    for (job, fate) in (0..).zip(Fate::ALL) {
        history.write(found(job));
        history.write(change(job, fate));
    }
    assert!(history.flush(PATIENCE).await);
    // The journal is that of a process that was killed: nothing more is written at the end.
    let mut history = again(history, &directory).await;
    let unsettled = history.take_unsettled();
    assert_eq!(history.take_unsettled(), []);
    let untaken = unsettled.iter().map(Unsettled::is_untaken);
    let untaken = untaken.collect::<Vec<_>>();
    assert_eq!(untaken, [true, false, false, false, false]);
    assert_eq!(
        unsettled[0].header,
        fixtures::work(3, 5, Target::MAX).header().clone()
    );
    let block = (unsettled[0].issued, unsettled[0].expected);
    assert_eq!(block, (at(90), Some(0.5)));

    let confirmed = BlockKey::Row(unsettled[0].row);
    let change = Change::new(confirmed, Fate::Confirmed, at(300));
    history.write(Record::Change(change));
    let lost = BlockKey::Row(unsettled[1].row);
    history.write(Record::Change(Change::new(lost, Fate::Lost, at(300))));
    let blocks = blocks(&history).await;
    assert_eq!(blocks.len(), Fate::ALL.len());
    let fate = |row| {
        let block = blocks.iter().find(|block| block.row == row);
        block.map(|block| block.fate)
    };
    assert_eq!(fate(unsettled[0].row), Some(Fate::Confirmed));
    assert_eq!(fate(unsettled[1].row), Some(Fate::Lost));
    assert_eq!(again(history, &directory).await.take_unsettled().len(), 3);
}
