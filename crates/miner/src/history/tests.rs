use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chainweb::{BlockHash, ChainId, Target};
use rusqlite::Connection;

use super::{
    Block, BlockKey, Change, DiskFault, Earlier, EarlierWorker, Fate, Found, History, HistoryError,
    Outage, Place, Record, Run, Span, Totals, Unsettled, WorkerTotals, schema,
};
use crate::job::JobId;

/// Far more than any wait needs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A directory that is removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("chainweb-history-{process}-{count}"));
        fs::create_dir(&path).expect("a new directory");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("history.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

async fn open(path: &Path) -> Result<History, HistoryError> {
    History::open(Place::Directory(path.to_owned()), Run::default(), PATIENCE).await
}

async fn in_memory() -> History {
    let opened = History::open(Place::Memory, Run::default(), PATIENCE);
    opened.await.expect("it opens")
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn found(job: u64) -> Record {
    let header = fixtures::work(3, 5, Target::MAX).header().clone();
    Record::Found(Box::new(Found {
        job: JobId(job),
        network: "development".to_owned(),
        node: "http://localhost:1848".to_owned(),
        chain: ChainId::new(3),
        height: u64::MAX,
        hash: Some(BlockHash::new([7; 32])),
        header: header.as_bytes().to_vec(),
        difficulty: 1e6,
        worker: Some("rig\n'1\"".to_owned()),
        issued: at(90),
        found: at(100),
        expected: Some(0.5),
    }))
}

fn change(job: u64, fate: Fate) -> Record {
    Record::Change(Change {
        block: BlockKey::Job(JobId(job)),
        fate,
        at: at(200),
        depth: Some(6),
        other: Some(BlockHash::new([9; 32])),
        detail: None,
    })
}

/// Returns the latest blocks, the latest last.
async fn blocks(history: &History) -> Vec<Block> {
    assert!(history.flush(PATIENCE).await);
    let mut blocks = history.reader().blocks(None, None, 100).expect("blocks");
    blocks.reverse();
    blocks
}

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

/// Closes a history and opens it again.
async fn again(history: History, directory: &Directory) -> History {
    drop(history);
    loop {
        let history = open(&directory.0).await.expect("it opens");
        if history.instance() == 1 {
            return history;
        }
        // The thread of the last one is about to end.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

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
async fn totals_add_up_by_minute_hour_and_day() {
    let history = in_memory().await;
    let totals = Totals {
        hashes: Some(1.5),
        expected: Some(0.25),
        stale_hashes: None,
        shares_accepted: 3,
        shares_stale: 2,
        shares_rejected: 1,
        blocks: 1,
    };
    let day = 20_000 * 86_400;
    let minute = |minutes: u64| at(day) + Duration::from_mins(minutes);
    // The clock is set back an hour on the way.
    for minutes in [600, 601, 601, 540, 541, 600] {
        history.write(Record::Totals(minute(minutes), totals, Vec::new()));
    }
    let unknown = Totals {
        hashes: None,
        stale_hashes: Some(f64::NAN),
        ..Totals::default()
    };
    history.write(Record::Totals(minute(0), unknown, Vec::new()));
    history.write(Record::Totals(minute(601), unknown, Vec::new()));
    assert!(history.flush(PATIENCE).await);
    let reader = history.reader();
    let day = i64::try_from(day).expect("it fits");
    let accepted = |span, from: i64| {
        let rows = reader.totals(span, day + 60 * from).expect("totals");
        let rows = rows.iter();
        rows.map(|row| ((row.start - day) / 60, row.totals.shares_accepted))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        accepted(Span::Minute, 0),
        [(0, 0), (540, 3), (541, 3), (600, 6), (601, 6)]
    );
    assert_eq!(accepted(Span::Minute, 600), [(600, 6), (601, 6)]);
    assert_eq!(accepted(Span::Hour, 1), [(540, 6), (600, 12)]);
    assert_eq!(accepted(Span::Day, 0), [(0, 18)]);
    assert_eq!(
        reader.totals(Span::Day, 0).expect("totals")[0].totals,
        Totals {
            hashes: Some(9.0),
            expected: Some(1.5),
            stale_hashes: None,
            shares_accepted: 18,
            shares_stale: 12,
            shares_rejected: 6,
            blocks: 6,
        }
    );
}

fn worker(name: &str, shares: u64, best_share: Option<f64>, level: Option<u16>) -> WorkerTotals {
    WorkerTotals {
        name: name.to_owned(),
        totals: Totals {
            hashes: Some(10.0),
            shares_accepted: shares,
            ..Totals::default()
        },
        best_share,
        level,
    }
}

#[tokio::test]
async fn workers_keep_their_totals_best_share_and_level() {
    let history = in_memory().await;
    let a = worker("a", 2, Some(9.0), Some(44));
    let later = [worker("a", 3, Some(5.0), None), worker("b", 0, None, None)];
    history.write(Record::Totals(at(3600), Totals::default(), vec![a]));
    for seconds in [7200, 7260] {
        let record = Record::Totals(at(seconds), Totals::default(), later.to_vec());
        history.write(record);
    }
    assert!(history.flush(PATIENCE).await);
    let reader = history.reader();
    let workers = reader.workers().expect("workers");
    let facts: Vec<_> = workers
        .iter()
        .map(|it| (it.name.as_str(), it.best_share, it.level, it.totals.hashes))
        .collect();
    assert_eq!(
        facts,
        [
            ("a", Some(9.0), Some(44), Some(30.0)),
            ("b", None, None, Some(20.0))
        ]
    );
    assert_eq!(
        (workers[0].first_seen, workers[0].last_seen),
        (3_600_000, 7_260_000)
    );
    assert_eq!(
        reader.worker("b").expect("it can be read").as_ref(),
        workers.last()
    );
    assert_eq!(reader.worker("c").expect("it can be read"), None);
    let shares = |name, span, from| {
        let rows = reader.worker_totals(name, span, from).expect("totals");
        rows.iter()
            .map(|row| (row.start, row.hashes, row.shares))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        shares("a", Span::Hour, 0),
        [(3600, Some(10.0), 2), (7200, Some(20.0), 6)]
    );
    assert_eq!(shares("a", Span::Hour, 3601).len(), 1);
    assert_eq!(shares("a", Span::Day, 0), [(0, Some(30.0), 8)]);
    assert_eq!(shares("c", Span::Day, 0), []);
}

#[tokio::test]
async fn a_run_goes_on_from_the_work_of_earlier_runs() {
    let directory = Directory::new();
    let mut history = open(&directory.0).await.expect("it opens");
    assert_eq!(history.take_earlier(), Earlier::default());
    // Hours are of the latest week.
    let now = super::wall_clock();
    let hour = |ago: u64| now - Duration::from_hours(ago);
    for (ago, expected) in [(200, 1.0), (5, 2.0), (5, 0.25), (0, 4.0)] {
        let totals = Totals {
            hashes: Some(10.0),
            expected: Some(expected),
            ..Totals::default()
        };
        let workers = vec![worker("a", 1, Some(9.0), Some(44))];
        history.write(Record::Totals(hour(ago), totals, workers));
    }
    let blocks = [
        (0.5, Fate::Confirmed),
        (3.0, Fate::Confirmed),
        (6.0, Fate::Orphaned),
    ];
    for (job, (expected, fate)) in (0..).zip(blocks) {
        let mut found = found(job);
        if let Record::Found(found) = &mut found {
            found.expected = Some(expected);
        }
        history.write(found);
        history.write(change(job, fate));
    }
    assert!(history.flush(PATIENCE).await);
    let mut history = again(history, &directory).await;
    let earlier = history.take_earlier();
    assert_eq!(
        (earlier.expected, earlier.expected_at_confirmed),
        (7.25, 3.0)
    );
    let start = |ago| {
        let seconds = super::record::start(hour(ago), 3600);
        at(seconds.unsigned_abs())
    };
    let hours = vec![(start(5), 20.0), (start(0), 10.0)];
    let worker = EarlierWorker {
        best_share: Some(9.0),
        level: Some(44),
        hours,
    };
    assert_eq!(earlier.workers, [("a".to_owned(), worker)].into());

    // A kill loses the work of a minute, but not what a block of that minute needed.
    let mut last = found(9);
    if let Record::Found(found) = &mut last {
        found.expected = Some(7.5);
    }
    history.journal(last).await.expect("it is written");
    history.write(change(9, Fate::Confirmed));
    assert!(history.flush(PATIENCE).await);
    let mut history = again(history, &directory).await;
    for _ in 0..2 {
        let earlier = history.take_earlier();
        assert_eq!(
            (earlier.expected, earlier.expected_at_confirmed),
            (7.5, 7.5)
        );
        for span in [Span::Minute, Span::Hour, Span::Day] {
            let totals = history.reader().totals(span, 0).expect("totals");
            let blocks: u64 = totals.iter().map(|total| total.totals.blocks).sum();
            assert_eq!(blocks, 4);
        }
        history = again(history, &directory).await;
    }

    // A block of which they are not known changes nothing.
    let mut unknown = found(10);
    if let Record::Found(found) = &mut unknown {
        found.expected = None;
    }
    history.write(unknown);
    history.write(change(10, Fate::Confirmed));
    assert!(history.flush(PATIENCE).await);
    let mut history = again(history, &directory).await;
    let earlier = history.take_earlier();
    assert_eq!(
        (earlier.expected, earlier.expected_at_confirmed),
        (7.5, 7.5)
    );
}

#[tokio::test]
async fn an_outage_has_a_start_and_an_end() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    let outage = |since, until| Outage {
        node: "node".to_owned(),
        since,
        until,
        cause: "down".to_owned(),
    };
    history.write(Record::Outage(outage(5000, None)));
    history.write(Record::Outage(outage(5000, Some(9000))));
    history.write(Record::Outage(outage(12_000, None)));
    // The clock was set back meanwhile.
    history.write(Record::Outage(outage(12_000, Some(8000))));
    assert!(history.flush(PATIENCE).await);
    let outages = |from| history.reader().outages(from).expect("outages");
    let (first, second) = (outage(5000, Some(9000)), outage(12_000, Some(12_000)));
    assert_eq!(outages(0), [first, second.clone()]);
    assert_eq!(outages(9001), std::slice::from_ref(&second));
    // The program ended in an outage, when two minutes were written.
    let last = outage(500_000, None);
    history.write(Record::Outage(last.clone()));
    history.write(Record::Totals(at(600), Totals::default(), Vec::new()));
    assert!(history.flush(PATIENCE).await);
    assert_eq!(outages(9001), [second, last.clone()]);
    // It lasts.
    assert_eq!(outages(500_001), [last]);
    let history = again(history, &directory).await;
    let outages = history.reader().outages(12_001).expect("outages");
    assert_eq!(outages, [outage(500_000, Some(660_000))]);
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

#[tokio::test]
async fn hostile_names_are_texts_like_others() {
    let history = in_memory().await;
    let names = [
        "'; DROP TABLE worker; --".to_owned(),
        "\"a\"\n,b\r\n\t=1+1".to_owned(),
        "x".repeat(10_000),
        "\u{1f9d1}\u{200d}\u{1f527} \u{202e}gir".to_owned(),
        "a\0b".to_owned(),
        "a".to_owned(),
        String::new(),
        "%".to_owned(),
    ];
    for (job, name) in (0..).zip(&names) {
        let totals = vec![worker(name, job + 1, None, None)];
        history.write(Record::Totals(at(0), Totals::default(), totals));
        let mut found = found(job);
        if let Record::Found(found) = &mut found {
            found.worker = Some(name.clone());
        }
        history.write(found);
        history.write(Record::Outage(Outage {
            node: name.clone(),
            since: 1,
            until: None,
            cause: name.clone(),
        }));
    }
    let finders = blocks(&history).await.into_iter();
    let finders: Vec<_> = finders.filter_map(|block| block.worker).collect();
    assert_eq!(finders, names);
    let reader = history.reader();
    for (name, shares) in names.iter().zip(1..) {
        let worker = reader.worker(name).expect("it can be read");
        let accepted = worker.map(|worker| (worker.name, worker.totals.shares_accepted));
        assert_eq!(accepted, Some((name.clone(), shares)));
        let hours = reader.worker_totals(name, Span::Hour, 0).expect("totals");
        assert_eq!(hours[0].shares, shares);
    }
    assert_eq!(reader.workers().expect("workers").len(), names.len());
    let outages = reader.outages(0).expect("outages");
    let causes: Vec<_> = outages.into_iter().map(|outage| outage.cause).collect();
    assert_eq!(causes.len(), names.len());
    assert!(names.iter().all(|name| causes.contains(name)));
}

#[tokio::test]
async fn old_rows_are_deleted_by_number() {
    let history = in_memory().await;
    let rows = |span| {
        let rows = history.reader().totals(span, 0).expect("totals");
        rows.len()
    };
    // Two days of minutes after many days of hours.
    for hour in 0..34 * 24 {
        let minutes = if hour < 32 * 24 { 1 } else { 60 };
        for minute in 0..minutes {
            let at = at(3600 * hour + 60 * minute);
            history.write(Record::Totals(at, Totals::default(), Vec::new()));
        }
        if hour % 24 == 0 {
            assert!(history.flush(PATIENCE).await);
        }
    }
    assert!(history.flush(PATIENCE).await);
    let file = history.reader();
    let prune = || {
        let database = file.database.connect().expect("a database");
        super::record::prune(&database, true).expect("it is pruned");
    };
    prune();
    assert_eq!(rows(Span::Minute), 1440);
    assert_eq!((rows(Span::Hour), rows(Span::Day)), (31 * 24, 34));
    let first = history.reader().totals(Span::Minute, 0).expect("totals")[0].start;
    assert_eq!(first, 33 * 86_400);
    // Of workers those seen last are kept.
    let workers = |from: u64, to: u64| {
        let workers = (from..to).map(|number| worker(&number.to_string(), 1, None, None));
        Record::Totals(at(from), Totals::default(), workers.collect())
    };
    history.write(workers(0, 6000));
    history.write(workers(6000, 12_000));
    assert!(history.flush(PATIENCE).await);
    prune();
    let kept = history.reader().workers().expect("workers");
    assert_eq!(kept.len(), 10_000);
    let later = kept.iter().filter(|worker| worker.last_seen == 6_000_000);
    assert_eq!(later.count(), 6000);
    for thousand in 0..11 {
        for block in 0..1000 {
            history.write(found(1000 * thousand + block));
        }
        assert!(history.flush(PATIENCE).await);
    }
    prune();
    let kept = history.reader().blocks(None, None, 20_000).expect("blocks");
    assert_eq!((kept.len(), kept[0].row), (10_000, 11_000));
}

#[tokio::test]
async fn the_queries_of_the_page_are_valid() {
    let history = in_memory().await;
    let database = history.database.connect().expect("a database");
    let page = include_str!("../../../../docs/history.md");
    let queries: Vec<_> = page.split("```sql\n").skip(1).collect();
    for query in &queries {
        let query = query.split("```").next().expect("a query");
        database.prepare(query).expect(query);
    }
    assert_eq!(queries.len(), 2);
}

/// Prints the size of a month with a thousand workers, and the time of all reads of a page.
#[tokio::test]
#[ignore = "writes for minutes; run it optimized"]
#[expect(clippy::print_stdout, reason = "the figures are the result")]
async fn a_month_with_a_thousand_workers() {
    const MINUTES: u64 = 30 * 1440;
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    let now = super::wall_clock();
    let begun = std::time::Instant::now();
    let totals = |scale: f64| Totals {
        hashes: Some(4.7e14 * scale),
        expected: Some(0.000_123 * scale),
        stale_hashes: Some(1.3e11 * scale),
        shares_accepted: 4711,
        ..Totals::default()
    };
    for minute in 0..MINUTES {
        let at = now - Duration::from_mins(MINUTES - minute);
        let workers = (0..1000).map(|number| WorkerTotals {
            // As many hours as of a worker in each minute, in less time.
            totals: totals(1.0 / f64::from(number + 1)),
            ..worker(&format!("farm-7.rig{number:04}"), 17, Some(1e15), Some(44))
        });
        let workers = if minute % 30 == 0 {
            workers.collect()
        } else {
            Vec::new()
        };
        history.write(Record::Totals(at, totals(1.0), workers));
        if minute % 100 == 0 {
            let mut block = found(minute);
            if let Record::Found(found) = &mut block {
                found.found = at;
            }
            history.write(block);
            history.write(change(minute, Fate::Confirmed));
            assert!(history.flush(PATIENCE).await);
        }
    }
    assert!(history.flush(PATIENCE).await);
    let written = begun.elapsed();
    let begun = std::time::Instant::now();
    let workers = (0..1000).map(|number| worker(&format!("farm-7.rig{number:04}"), 17, None, None));
    history.write(Record::Totals(now, totals(1.0), workers.collect()));
    assert!(history.flush(PATIENCE).await);
    let minute = begun.elapsed();
    let history = again(history, &directory).await;
    // The first write deletes old rows.
    history.journal(found(0)).await.expect("it is written");
    let size = fs::metadata(directory.file()).expect("a file").len();
    let begun = std::time::Instant::now();
    let earlier = super::Earlier::read(
        &history.database.connect().expect("a database"),
        super::wall_clock(),
    );
    assert_eq!(earlier.expect("it can be read").workers.len(), 1000);
    let start = begun.elapsed();
    let reader = history.reader();
    let name = "farm-7.rig0042";
    let begun = std::time::Instant::now();
    let rows = [
        reader.blocks(None, None, 100).expect("blocks").len(),
        reader.fates().expect("fates").len(),
        reader.totals(Span::Minute, 0).expect("totals").len(),
        reader.totals(Span::Hour, 0).expect("totals").len(),
        reader.totals(Span::Day, 0).expect("totals").len(),
        reader.workers().expect("workers").len(),
        reader.outages(0).expect("outages").len(),
        reader.worker(name).expect("a worker").into_iter().count(),
        reader
            .worker_totals(name, Span::Hour, 0)
            .expect("totals")
            .len(),
        reader
            .worker_totals(name, Span::Day, 0)
            .expect("totals")
            .len(),
    ];
    let page = begun.elapsed();
    println!("{size} bytes; written in {written:?}, a minute in {minute:?}");
    println!("read at the start in {start:?}, a page in {page:?}: {rows:?}");
    assert!(size <= 60_000_000, "{size}");
}
