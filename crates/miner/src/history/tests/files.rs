//! Files that are old, foreign, damaged, locked or removed.

use std::fs;
use std::time::Duration;

use chainweb::Target;
use rusqlite::Connection;

use super::{Directory, PATIENCE, again, at, blocks, found, open, worker};
use crate::history::{
    BlockKey, Change, DiskFault, Earlier, Fate, HistoryError, Record, Span, Totals, schema,
};

#[tokio::test]
async fn a_file_of_the_first_version_is_migrated() {
    let directory = Directory::new();
    let database = Connection::open(directory.file()).expect("a database");
    database
        .execute_batch(schema::MIGRATIONS[0])
        .expect("the tables of the first version");
    let header = fixtures::work(3, 5, Target::MAX).header().clone();
    database
        .execute_batch("INSERT INTO run VALUES (1, 5, '0.1.0', NULL)")
        .expect("a run");
    let block = "INSERT INTO block (run, job, network, node, chain, height, header, difficulty,
            issued, found, fate, fate_at)
        VALUES (1, 0, 'development', 'node', 3, 5, ?1, 1.5, 6, 7, 'found', 8)";
    database
        .execute(block, [header.as_bytes()])
        .expect("a block");
    let application = 0x434d_4368;
    for (name, value) in [("application_id", application), ("user_version", 1)] {
        database
            .pragma_update(None, name, value)
            .expect("it can be set");
    }
    drop(database);
    let mut history = open(&directory.0).await.expect("it opens");
    assert_eq!(history.take_unsettled().len(), 1);
    history.write(found(0));
    let blocks = blocks(&history).await;
    let facts: Vec<_> = blocks
        .iter()
        .map(|block| (block.row, block.found, block.expected))
        .collect();
    assert_eq!(facts, [(1, 7, None), (2, 100_000, Some(0.5))]);
    // The first version had no totals to count its blocks.
    let totals = history.reader().totals(Span::Day, 0).expect("totals");
    let blocks: Vec<_> = totals.iter().map(|total| total.totals.blocks).collect();
    assert_eq!(blocks, [1]);
}

#[tokio::test]
async fn a_second_instance_has_a_file_of_its_own() {
    let directory = Directory::new();
    let first = open(&directory.0).await.expect("it opens");
    let second = open(&directory.0).await.expect("it opens");
    assert_eq!((first.instance(), second.instance()), (1, 2));
    second.journal(found(1)).await.expect("it is written");
    assert_eq!(blocks(&first).await, []);
    assert_eq!(blocks(&second).await.len(), 1);
    assert!(directory.0.join("history-2.db").exists());
}

#[tokio::test]
async fn files_of_others_stay_as_they_are() {
    let directory = Directory::new();
    let file = directory.file();
    let database = Connection::open(&file).expect("a database");
    let application = 0x434d_4368;
    for (name, value) in [("application_id", application), ("user_version", 99)] {
        database
            .pragma_update(None, name, value)
            .expect("it can be set");
    }
    drop(database);
    let error = open(&directory.0).await.expect_err("it is newer");
    assert!(matches!(error, HistoryError::Newer), "{error}");

    fs::remove_file(&file).expect("a file");
    let database = Connection::open(&file).expect("a database");
    database
        .execute_batch("CREATE TABLE t (x)")
        .expect("a table");
    drop(database);
    let error = open(&directory.0).await.expect_err("it is foreign");
    assert!(matches!(error, HistoryError::Foreign), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside() {
    let directory = Directory::new();
    fs::write(directory.file(), [b'x'; 5000]).expect("a file");
    let history = open(&directory.0).await.expect("it opens");
    history.journal(found(1)).await.expect("it is written");
    let names = fs::read_dir(&directory.0).expect("a directory");
    let names = names.map(|entry| {
        entry
            .expect("a name")
            .file_name()
            .into_string()
            .expect("text")
    });
    let aside: Vec<_> = names.filter(|name| name.contains("corrupt")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    let kept = fs::read(directory.0.join(&aside[0])).expect("a file");
    assert_eq!(kept, [b'x'; 5000]);

    // A reader goes on with the file that stands in its place.
    let reader = history.reader();
    assert_eq!(reader.blocks(None, None, 9).expect("blocks").len(), 1);
    fs::remove_file(directory.file()).expect("a file");
    let history = again(history, &directory).await;
    history.write(found(2));
    history.write(found(3));
    assert!(history.flush(PATIENCE).await);
    assert_eq!(reader.blocks(None, None, 9).expect("blocks").len(), 2);
}

/// Runs statements on a file that is closed.
fn change(directory: &Directory, statements: &str) {
    let database = Connection::open(directory.file()).expect("a database");
    database.execute_batch(statements).expect("they are valid");
}

#[tokio::test]
async fn a_file_whose_version_is_damaged_is_moved_aside() {
    let directory = Directory::new();
    let mut history = open(&directory.0).await.expect("it opens");
    // As if it had no tables yet, or only the first ones.
    for version in 0..schema::MIGRATIONS.len() {
        history.journal(found(1)).await.expect("it is written");
        change(&directory, &format!("PRAGMA user_version = {version}"));
        history = again(history, &directory).await;
        assert_eq!(blocks(&history).await, []);
    }
}

#[tokio::test]
async fn a_file_that_only_a_later_sqlite_may_write_is_moved_aside() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    history.journal(found(1)).await.expect("it is written");
    drop(again(history, &directory).await);
    let mut bytes = fs::read(directory.file()).expect("a file");
    bytes[18] = 9;
    fs::write(directory.file(), bytes).expect("a file");
    let history = open(&directory.0).await.expect("a new one");
    history.journal(found(1)).await.expect("it is written");
}

#[tokio::test]
async fn a_row_with_damaged_values_is_left_out() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    for job in 1..4 {
        history.journal(found(job)).await.expect("it is written");
    }
    assert!(history.flush(PATIENCE).await);
    change(
        &directory,
        "UPDATE block SET network = CAST(x'ff' AS TEXT) WHERE id = 2",
    );
    let mut history = again(history, &directory).await;
    let rows: Vec<_> = history.take_unsettled().iter().map(|it| it.row).collect();
    assert_eq!(rows, [1, 3]);

    // What the totals would count is not readable either: the journal is.
    let minute = worker("rig", 1, None, Some(40));
    let record = Record::Totals(at(60), Totals::default(), vec![minute]);
    history.journal(record).await.expect("it is written");
    assert!(history.flush(PATIENCE).await);
    change(&directory, "UPDATE worker SET level = 70000");
    let mut history = again(history, &directory).await;
    assert_eq!(history.take_unsettled().len(), 2);
    assert_eq!(history.take_earlier(), Earlier::default());
}

#[tokio::test]
async fn sums_of_damaged_values_are_no_error() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    history.journal(found(1)).await.expect("it is written");
    assert!(history.flush(PATIENCE).await);
    let most = i64::MAX;
    change(
        &directory,
        &format!(
            "INSERT INTO total VALUES (86400, 0, 1, 2.5, 3, 0, 0, 0, {most}),
                (86400, 1, 1, 2.5, 3, 0, 0, 0, {most})"
        ),
    );
    let mut history = again(history, &directory).await;
    assert!((history.take_earlier().expected - 5.0).abs() < f64::EPSILON);
}

/// Overwrites the first page of a table.
fn damage(directory: &Directory, table: &str) {
    let database = Connection::open(directory.file()).expect("a database");
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u32 = database
        .query_row(sql, [table], |row| row.get(0))
        .expect("a table");
    drop(database);
    let mut bytes = fs::read(directory.file()).expect("a file");
    let end = 4096 * usize::try_from(page).expect("few pages");
    bytes[end - 4096..end].fill(b'x');
    fs::write(directory.file(), bytes).expect("a file");
}

#[tokio::test]
async fn damage_that_is_found_after_the_file_is_open_moves_it_aside() {
    for table in ["total", "block", "worker_total"] {
        let directory = Directory::new();
        let history = open(&directory.0).await.expect("it opens");
        history.journal(found(1)).await.expect("it is written");
        assert!(history.flush(PATIENCE).await);
        damage(&directory, table);
        let mut history = again(history, &directory).await;
        assert_eq!(history.take_unsettled(), [], "{table}");
        history.journal(found(2)).await.expect("it is written");
        assert_eq!(blocks(&history).await.len(), 1, "{table}");

        // And while it is in use.
        assert!(history.flush(PATIENCE).await);
        damage(&directory, table);
        let totals = Record::Totals(
            at(60),
            Totals::default(),
            vec![worker("rig", 1, None, None)],
        );
        history.journal(totals).await.expect("it is written");
        history.journal(found(3)).await.expect("it is written");
        assert_eq!(blocks(&history).await.len(), 1, "{table}");
    }
}

#[tokio::test]
async fn changes_of_earlier_blocks_miss_the_blocks_of_a_new_file() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    history.journal(found(1)).await.expect("it is written");
    let history = again(history, &directory).await;
    fs::remove_file(directory.file()).expect("a file");
    history.journal(found(2)).await.expect("it is written");
    let of_earlier = Change::new(BlockKey::Row(1), Fate::Orphaned, at(200));
    history.write(Record::Change(of_earlier));
    let fates: Vec<_> = blocks(&history).await.iter().map(|it| it.fate).collect();
    assert_eq!(fates, [Fate::Found]);
}

#[tokio::test]
async fn places_that_cannot_be_used_are_errors() {
    let directory = Directory::new();
    let file = directory.0.join("file");
    fs::write(&file, "").expect("a file");
    let error = open(&file).await.expect_err("it is a file");
    assert!(matches!(error, HistoryError::Directory { .. }), "{error}");
    let pipe = directory.file();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .expect("a pipe");
    let error = open(&directory.0).await.expect_err("it is a pipe");
    assert!(matches!(error, HistoryError::Directory { .. }), "{error}");
}

#[tokio::test]
async fn a_disk_that_hangs_delays_nothing_but_the_disk() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    history.journal(found(0)).await.expect("it is written");
    let other = Connection::open(directory.file()).expect("a database");
    other
        .execute_batch("BEGIN EXCLUSIVE")
        .expect("no one else writes");
    let mut waiting: Vec<_> = (1..100).map(|job| history.journal(found(job))).collect();
    // The writer has tried once at least, and gives up only on what the queue does not hold.
    for job in 100..10_000 {
        history.write(found(job));
    }
    assert!(waiting[0].try_recv().is_err());
    other.execute_batch("COMMIT").expect("it was begun");
    for written in waiting {
        written.await.expect("it is written");
    }
    assert!(history.flush(PATIENCE).await);
    // What the queue did not hold is left out.
    let written = history.reader().blocks(None, None, 10_000).expect("blocks");
    assert!((100..10_000).contains(&written.len()));
}

#[tokio::test]
async fn a_disk_that_hangs_for_minutes_loses_nothing() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    let other = Connection::open(directory.file()).expect("a database");
    other
        .execute_batch("BEGIN EXCLUSIVE")
        .expect("no one else writes");
    let written: Vec<_> = (0..10)
        .map(|minute| {
            history.write(found(minute));
            let workers: Vec<_> = (0..1000)
                .map(|number| worker(&format!("rig{number}"), 1, None, None))
                .collect();
            let totals = Totals {
                shares_accepted: 1000,
                ..Totals::default()
            };
            history.journal(Record::Totals(at(60 * minute), totals, workers))
        })
        .collect();
    while history.fault().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(history.fault(), Some(DiskFault::Locked));
    assert_eq!(history.unwritten(), 20);
    // A reader sees what is there.
    let reader = history.reader();
    assert_eq!(reader.blocks(None, None, 100).expect("blocks"), []);
    other.execute_batch("COMMIT").expect("it was begun");
    for written in written {
        written.await.expect("it is written");
    }
    assert_eq!((history.fault(), history.unwritten()), (None, 0));
    assert_eq!(blocks(&history).await.len(), 10);
    let minutes = reader.totals(Span::Minute, 0).expect("totals");
    assert_eq!(minutes.len(), 10);
    let workers = reader.workers().expect("workers");
    let shares = workers.iter().map(|worker| worker.totals.shares_accepted);
    assert_eq!((workers.len(), shares.sum::<u64>()), (1000, 10_000));
}

#[tokio::test]
async fn a_file_that_is_locked_at_the_start_is_waited_for() {
    let directory = Directory::new();
    fs::create_dir_all(&directory.0).expect("a directory");
    let other = Connection::open(directory.file()).expect("a database");
    other
        .execute_batch("BEGIN EXCLUSIVE")
        .expect("no one else writes");
    let error = open(&directory.0).await.expect_err("it stays locked");
    assert!(error.is_harmless(), "{error}");
    other.execute_batch("COMMIT").expect("it was begun");
    open(&directory.0).await.expect("it is free");
}

#[tokio::test]
async fn a_directory_that_is_removed_is_made_again() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    history.journal(found(1)).await.expect("it is written");
    fs::remove_dir_all(&directory.0).expect("it is there");
    history.journal(found(2)).await.expect("it is written");
    assert_eq!(blocks(&history).await.len(), 1);
    assert!(directory.file().exists());
}

#[tokio::test]
async fn the_file_is_whole_at_the_end() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    history.journal(found(1)).await.expect("it is written");
    assert!(history.flush(PATIENCE).await);
    assert!(!directory.file().with_extension("db-wal").exists());
}
