//! Writing to the history: a minute of totals with a number of workers, and solved blocks.
//!
//! `cargo bench -p miner --bench history`. Each batch is one transaction, which is on the disk at
//! the end: the time of small ones is mostly that of the disk below `TMPDIR`. The throughput is
//! rows per second.
//!
//! The reference inserts bare rows with rusqlite, as many and of the same size, into the tables of
//! a file of the history, in one transaction too. The history also looks for earlier rows of the
//! same hour, day and worker, and adds to them.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, process};

use chainweb::{BlockHash, ChainId, Target};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use miner::history::benching::Direct;
use miner::history::{Found, Record, Totals, WorkerTotals};
use miner::job::JobId;
use rusqlite::{Connection, Transaction, params};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("chainweb-bench-history-{}", process::id()));
        fs::remove_dir_all(&path).ok();
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn at(minute: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_mins(28_000_000 + minute)
}

fn totals() -> Totals {
    Totals {
        hashes: Some(1e15),
        expected: Some(0.1),
        stale_hashes: Some(1e12),
        shares_accepted: 20,
        shares_stale: 1,
        shares_rejected: 1,
        blocks: 1,
    }
}

fn minute(number: u64, workers: usize) -> Vec<Record> {
    let worker = |index| WorkerTotals {
        name: format!("rig-{index}"),
        totals: totals(),
        best_share: Some(1e12),
        level: Some(44),
    };
    let workers = (0..workers).map(worker).collect();
    vec![Record::Totals(at(number), totals(), workers)]
}

fn header() -> Vec<u8> {
    let work = fixtures::work(0, 1, Target::MAX);
    work.header().as_bytes().to_vec()
}

fn block(number: u64) -> Record {
    Record::Found(Box::new(Found {
        job: JobId(number),
        network: "mainnet01".to_owned(),
        node: "http://localhost:1848".to_owned(),
        chain: ChainId::new(0),
        height: number,
        hash: Some(BlockHash::new([7; 32])),
        header: header(),
        difficulty: 1e18,
        worker: Some("rig-1".to_owned()),
        issued: at(number),
        found: at(number),
        expected: Some(0.5),
    }))
}

/// Opens a file of the history as the writer does.
fn bare(folder: &Path) -> Connection {
    drop(Direct::open(folder.to_owned()).expect("a new file"));
    let database = Connection::open(folder.join("history.db")).expect("a file");
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL")] {
        database.pragma_update(None, name, value).expect("settings");
    }
    database
}

fn insert_minute(
    transaction: &Transaction<'_>,
    number: i64,
    workers: usize,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO total VALUES (?1, ?2, 1e15, 0.1, 1e12, 20, 1, 1, 1)";
    let mut total = transaction.prepare_cached(sql)?;
    for span in [60, 3600, 86_400] {
        total.execute([span, number])?;
    }
    let sql =
        "INSERT INTO worker VALUES (NULL, ?1, ?2, ?2, 1e15, 0.1, 1e12, 20, 1, 1, 1, 1e12, 44)";
    let mut worker = transaction.prepare_cached(sql)?;
    let sql = "INSERT INTO worker_total VALUES (?1, ?2, ?3, 1e15, 20)";
    let mut worker_total = transaction.prepare_cached(sql)?;
    for index in (0..).take(workers) {
        worker.execute(params![format!("rig-{number}-{index}"), number])?;
        for span in [3600, 86_400] {
            worker_total.execute([span, number, index])?;
        }
    }
    Ok(())
}

fn insert_block(transaction: &Transaction<'_>, number: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO block VALUES (NULL, 1, ?1, 'mainnet01', 'http://localhost:1848', 0, ?1,
        ?2, ?3, 1e18, 'rig-1', ?1, ?1, 'found', ?1, NULL, NULL, NULL, 0.5)";
    let hash = BlockHash::new([7; 32]).to_string();
    let row = params![number, hash, header()];
    transaction.prepare_cached(sql)?.execute(row).map(drop)
}

fn minutes(c: &mut Criterion) {
    let mut group = c.benchmark_group("minute");
    group.sample_size(20);
    for workers in [0, 100, 1000] {
        group.throughput(Throughput::Elements(3 + 3 * workers as u64));
        let folder = Folder::new();
        let mut number = 0;
        let mut history = Direct::open(folder.0.join("history")).expect("a new file");
        group.bench_function(format!("history, {workers} workers"), |b| {
            b.iter_batched(
                || {
                    number += 1;
                    minute(number, workers)
                },
                |records| history.write(records).expect("a disk with room"),
                BatchSize::PerIteration,
            );
        });
        let mut database = bare(&folder.0.join("bare"));
        group.bench_function(format!("reference: bare rows, {workers} workers"), |b| {
            b.iter(|| {
                number += 1;
                let transaction = database.transaction().expect("a connection");
                insert_minute(&transaction, number.cast_signed(), workers).expect("new rows");
                transaction.commit().expect("a disk with room");
            });
        });
    }
    group.finish();
}

fn blocks(c: &mut Criterion) {
    let mut group = c.benchmark_group("blocks");
    group.sample_size(20);
    for count in [1, 20] {
        group.throughput(Throughput::Elements(count));
        let folder = Folder::new();
        let mut number = 0;
        let mut history = Direct::open(folder.0.join("history")).expect("a new file");
        group.bench_function(format!("history, {count}"), |b| {
            b.iter_batched(
                || {
                    number += count;
                    (number..number + count).map(block).collect()
                },
                |records| history.write(records).expect("a disk with room"),
                BatchSize::PerIteration,
            );
        });
        let mut database = bare(&folder.0.join("bare"));
        group.bench_function(format!("reference: bare rows, {count}"), |b| {
            b.iter(|| {
                number += count;
                let transaction = database.transaction().expect("a connection");
                for number in number..number + count {
                    insert_block(&transaction, number.cast_signed()).expect("a new row");
                }
                transaction.commit().expect("a disk with room");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, minutes, blocks);
criterion_main!(benches);
