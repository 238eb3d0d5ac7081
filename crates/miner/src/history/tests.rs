use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chainweb::{BlockHash, ChainId, Target};
use rusqlite::Connection;

use super::{
    Block, BlockKey, Change, Fate, Found, History, HistoryError, Place, Record, Run, Span, Totals,
    WorkerTotals,
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
        expected: None,
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

async fn blocks(history: &History) -> Vec<Block> {
    assert!(history.flush(PATIENCE).await);
    let reader = history.reader().expect("it can be read");
    reader.blocks(None, None, 100).expect("blocks")
}

#[tokio::test]
async fn a_block_keeps_its_fate() {
    let directory = Directory::new();
    for place in [Place::Memory, Place::Directory(directory.0.clone())] {
        let history = History::open(place, Run::default(), PATIENCE)
            .await
            .expect("it opens");
        history.journal(found(1)).await.expect("it is written");
        history.write(found(2));
        history.write(change(2, Fate::Orphaned));
        // No such block, and the same block again.
        history.write(change(3, Fate::Accepted));
        history.write(found(2));
        let blocks = blocks(&history).await;
        let [second, first] = &blocks[..] else {
            panic!("two blocks: {blocks:?}");
        };
        assert_eq!(
            (first.fate, first.fate_at, first.depth),
            (Fate::Found, 100_000, None)
        );
        assert_eq!(
            (second.fate, second.fate_at, second.depth),
            (Fate::Orphaned, 200_000, Some(6))
        );
        assert_eq!(second.other, Some(BlockHash::new([9; 32]).to_string()));
        assert_eq!(
            (first.height, first.worker.as_deref()),
            (u64::MAX, Some("rig\n'1\""))
        );
        let reader = history.reader().expect("it can be read");
        let mut fates = reader.fates().expect("fates");
        fates.sort_unstable();
        assert_eq!(fates, [(Fate::Found, 1), (Fate::Orphaned, 1)]);
        let of = |fate| reader.blocks(None, Some(fate), 9).expect("blocks").len();
        assert_eq!((of(Fate::Found), of(Fate::Lost)), (1, 0));
        let earlier = reader.blocks(Some(second.row), None, 9).expect("blocks");
        assert_eq!(earlier.iter().collect::<Vec<_>>(), [first]);
    }
}

#[tokio::test]
async fn blocks_without_a_final_fate_come_back_after_a_restart() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
    assert_eq!(history.take_unsettled(), []);
    for (job, fate) in (0..).zip(Fate::ALL) {
        history.write(found(job));
        history.write(change(job, fate));
    }
    assert!(history.flush(PATIENCE).await);
    // The journal is that of a process that was killed: nothing more is written at the end.
    let history = again(history, &directory).await;
    let unsettled = history.take_unsettled();
    assert_eq!(history.take_unsettled(), []);
    let untaken: Vec<_> = unsettled.iter().map(|block| block.is_untaken).collect();
    assert_eq!(untaken, [true, false, false, false, false]);
    assert_eq!(
        unsettled[0].header,
        fixtures::work(3, 5, Target::MAX).header().clone()
    );
    assert_eq!(unsettled[0].issued, at(90));

    // Under its new name a block has its old row.
    history.write(Record::Adopted(unsettled[0].row, JobId(77)));
    history.write(change(77, Fate::Confirmed));
    history.write(Record::Change(Change {
        block: BlockKey::Row(unsettled[1].row),
        fate: Fate::Lost,
        at: at(300),
        depth: None,
        other: None,
        detail: None,
    }));
    let blocks = blocks(&history).await;
    assert_eq!(blocks.len(), Fate::ALL.len());
    let fate = |row| {
        blocks
            .iter()
            .find(|block| block.row == row)
            .map(|block| block.fate)
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
async fn totals_add_up_by_minute_hour_and_day() {
    let history = History::open(Place::Memory, Run::default(), PATIENCE)
        .await
        .expect("it opens");
    let totals = Totals {
        hashes: 1.5,
        expected: 0.25,
        stale_hashes: 0.5,
        shares_accepted: 3,
        shares_stale: 2,
        shares_rejected: 1,
        blocks: 1,
    };
    // The clock is set back an hour on the way. Old minutes are deleted, so these are of now.
    let start = super::wall_clock();
    let day = super::record::milliseconds(start) / 86_400_000 * 86_400;
    let base = at(u64::try_from(day).expect("after 1970"));
    for minutes in [600, 601, 601, 540, 541, 600] {
        history.write(Record::Totals(
            base + Duration::from_secs(60 * minutes),
            totals,
        ));
    }
    // A number that is none harms no other record.
    let none = Totals {
        hashes: f64::NAN,
        ..totals
    };
    history.write(Record::Totals(base, none));
    assert!(history.flush(PATIENCE).await);
    let reader = history.reader().expect("it can be read");
    let accepted = |span| {
        let rows = reader.totals(span, 0).expect("totals").into_iter();
        rows.map(|row| ((row.start - day) / 60, row.totals.shares_accepted))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        accepted(Span::Minute),
        [(540, 3), (541, 3), (600, 6), (601, 6)]
    );
    assert_eq!(accepted(Span::Hour), [(540, 6), (600, 12)]);
    assert_eq!(accepted(Span::Day), [(0, 18)]);
    let row = reader.totals(Span::Day, 0).expect("totals")[0].totals;
    assert_eq!(
        (row.hashes, row.expected, row.stale_hashes),
        (9.0, 1.5, 3.0)
    );
    assert_eq!(
        (row.shares_stale, row.shares_rejected, row.blocks),
        (12, 6, 6)
    );
}

#[tokio::test]
async fn workers_keep_their_best_share_and_level() {
    let history = History::open(Place::Memory, Run::default(), PATIENCE)
        .await
        .expect("it opens");
    let now = super::wall_clock();
    for (name, best_share, level) in [("a", 9.0, Some(44)), ("a", 5.0, None), ("b", 1.0, Some(3))] {
        let worker = WorkerTotals {
            name: name.to_owned(),
            totals: Totals {
                hashes: 10.0,
                shares_accepted: 2,
                ..Totals::default()
            },
            best_share,
            level,
        };
        history.write(Record::Worker(now, Box::new(worker)));
    }
    history.write(Record::Outage(
        "node".to_owned(),
        at(5),
        None,
        "down".to_owned(),
    ));
    history.write(Record::Outage(
        "node".to_owned(),
        at(5),
        Some(at(9)),
        "down".to_owned(),
    ));
    assert!(history.flush(PATIENCE).await);
    let reader = history.reader().expect("it can be read");
    let workers = reader.workers().expect("workers");
    let [a, b] = &workers[..] else {
        panic!("two workers: {workers:?}");
    };
    assert_eq!(
        (a.best_share, a.level, a.totals.hashes),
        (9.0, Some(44), 20.0)
    );
    assert_eq!((b.name.as_str(), b.level), ("b", Some(3)));
    let hours = reader.worker_totals("a", Span::Hour, 0).expect("totals");
    assert_eq!(hours.iter().map(|hour| hour.2).sum::<u64>(), 4);
    let outages = reader.outages(0).expect("outages");
    assert_eq!((outages.len(), outages[0].until), (1, Some(9000)));
    assert_eq!(reader.outages(9001).expect("outages"), []);
}

#[tokio::test]
async fn a_second_instance_has_a_file_of_its_own() {
    let directory = Directory::new();
    let first = open(&directory.0).await.expect("it opens");
    let second = open(&directory.0).await.expect("it opens");
    assert_eq!((first.instance(), second.instance()), (1, 2));
    second.journal(found(1)).await.expect("it is written");
    assert_eq!(
        (blocks(&first).await.len(), blocks(&second).await.len()),
        (0, 1)
    );
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
    assert!(history.dropped() > 0);
    assert!(waiting[0].try_recv().is_err());
    other.execute_batch("COMMIT").expect("it was begun");
    for written in waiting {
        written.await.expect("it is written");
    }
    assert!(blocks(&history).await.len() >= 100);
}
