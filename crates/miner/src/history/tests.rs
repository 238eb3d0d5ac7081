mod blocks;
mod bounds;
mod files;
mod totals;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chainweb::{BlockHash, ChainId, Target};

use super::{
    Block, BlockKey, Change, Fate, Found, History, HistoryError, Place, Record, Run, Totals,
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
        // An earlier process of this number may have been killed.
        fs::remove_dir_all(&path).ok();
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
        hash: None,
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
