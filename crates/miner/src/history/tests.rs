use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chainweb::{BlockHash, ChainId, Target};
use rusqlite::Connection;

use super::{BlockKey, Change, Fate, Found, History, HistoryError, Record, Run};
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
    History::open(path.to_owned(), Run::default(), PATIENCE).await
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

/// What the file says of a block: row, fate and its time, depth, height, device, other block.
type Row = (
    i64,
    String,
    i64,
    Option<i64>,
    i64,
    Option<String>,
    Option<String>,
);

/// Returns the blocks in a file of the directory, the latest last.
fn rows(file: &Path) -> Vec<Row> {
    let database = Connection::open(file).expect("a database");
    let sql = "SELECT id, fate, fate_at, depth, height, worker, other FROM block ORDER BY id";
    let mut query = database.prepare(sql).expect("the table is there");
    let rows = query
        .query_map([], |row| row.try_into())
        .expect("it can be read");
    rows.collect::<Result<_, _>>().expect("all values fit")
}

#[tokio::test]
async fn a_block_keeps_its_fate() {
    let directory = Directory::new();
    let history = open(&directory.0).await.expect("it opens");
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
    assert!(history.flush(PATIENCE).await);
    let (device, other) = ("rig\n'1\"".to_owned(), BlockHash::new([9; 32]).to_string());
    let row = |row, fate: &str| {
        let (device, other) = (Some(device.clone()), Some(other.clone()));
        (row, fate.to_owned(), 200_000, Some(6), -1, device, other)
    };
    assert_eq!(
        rows(&directory.file()),
        [row(1, "rejected"), row(2, "orphaned")]
    );
}

/// All fates, in the order of a block's life.
const FATES: [Fate; 11] = [
    Fate::Found,
    Fate::Submitted,
    Fate::Uncertain,
    Fate::Accepted,
    Fate::Displaced,
    Fate::Confirmed,
    Fate::Orphaned,
    Fate::Rejected,
    Fate::Stale,
    Fate::Untracked,
    Fate::Lost,
];

#[tokio::test]
async fn blocks_without_a_final_fate_come_back_after_a_restart() {
    let directory = Directory::new();
    let mut history = open(&directory.0).await.expect("it opens");
    assert_eq!(history.take_unsettled(), []);
    for (job, fate) in (0..).zip(FATES) {
        history.write(found(job));
        history.write(change(job, fate));
    }
    assert!(history.flush(PATIENCE).await);
    // The journal is that of a process that was killed: nothing more is written at the end.
    let mut history = again(history, &directory).await;
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
    assert!(history.flush(PATIENCE).await);
    let rows = rows(&directory.file());
    assert_eq!(rows.len(), FATES.len());
    let fate = |wanted| {
        rows.iter()
            .find(|(row, ..)| *row == wanted)
            .map(|row| row.1.as_str())
    };
    assert_eq!(fate(unsettled[0].row), Some("confirmed"));
    assert_eq!(fate(unsettled[1].row), Some("lost"));
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
async fn a_second_instance_has_a_file_of_its_own() {
    let directory = Directory::new();
    let first = open(&directory.0).await.expect("it opens");
    let second = open(&directory.0).await.expect("it opens");
    assert_eq!((first.instance(), second.instance()), (1, 2));
    second.journal(found(1)).await.expect("it is written");
    let of = |file: &str| rows(&directory.0.join(file)).len();
    assert_eq!((of("history.db"), of("history-2.db")), (0, 1));
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
    assert!(waiting[0].try_recv().is_err());
    other.execute_batch("COMMIT").expect("it was begun");
    for written in waiting {
        written.await.expect("it is written");
    }
    assert!(history.flush(PATIENCE).await);
    // What the queue did not hold is left out.
    assert!((100..10_000).contains(&rows(&directory.file()).len()));
}
