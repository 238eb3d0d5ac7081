//! The fuzz targets of the history: rows with any content, and damaged files. Their corpora are in
//! `fuzz/corpus`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, process};

use chainweb::{
    BlockHash, ChainId, CreationTime, HeaderFields, Nonce, PayloadHash, Target, Weight, Work,
    WorkHeader,
};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, params_from_iter};

use super::fault::Health;
use super::place::{Database, Place};
use super::read::{Reader, Span};
use super::record::{BlockKey, Change, Fate, Found, Outage, Record, Totals, WorkerTotals, prune};
use super::unsettled::{Unsettled, unsettled};
use super::writer::{Message, Writer};
use super::{Earlier, HistoryError, Run, by_instant, schema};
use crate::job::JobId;

/// The tables, and the number of their columns.
const TABLES: [(&str, usize); 6] = [
    ("run", 4),
    ("block", 19),
    ("total", 9),
    ("worker", 13),
    ("worker_total", 5),
    ("outage", 5),
];

/// What the columns have: whole numbers and texts that mean something there.
const NUMBERS: [i64; 16] = [
    0,
    1,
    -1,
    2,
    60,
    3600,
    86_400,
    1_700_000_000,
    1_700_000_000_000,
    256,
    257,
    65_536,
    1 << 32,
    1 << 53,
    i64::MAX,
    i64::MIN,
];
const TEXTS: [&str; 8] = [
    "found",
    "submitted",
    "uncertain",
    "accepted",
    "displaced",
    "confirmed",
    "development",
    "rig",
];

/// The time of all records.
const NOW: SystemTime = UNIX_EPOCH;

static HEADER: LazyLock<WorkHeader> = LazyLock::new(|| {
    let fields = HeaderFields {
        flags: [0; 8],
        creation_time: CreationTime::from_micros(1),
        parent: BlockHash::new([1; 32]),
        adjacents: [(ChainId::new(1), BlockHash::new([2; 32]))].into(),
        target: Target::MAX,
        payload_hash: PayloadHash::new([3; 32]),
        chain: ChainId::new(0),
        weight: Weight::ZERO,
        height: 7,
        version_code: 1,
        epoch_start: CreationTime::from_micros(0),
        nonce: Nonce::default(),
    };
    fields.encode()
});

fn found(job: u64) -> Record {
    Record::Found(Box::new(Found {
        job: JobId(job),
        network: "development".to_owned(),
        node: "http://localhost:1848".to_owned(),
        chain: ChainId::new(0),
        height: 7,
        hash: None,
        header: HEADER.as_bytes().to_vec(),
        difficulty: 1.0,
        worker: None,
        issued: NOW,
        found: NOW,
        expected: Some(0.5),
    }))
}

/// One record of each kind.
fn records() -> [Record; 4] {
    let at = NOW + Duration::from_hours(500_000);
    let totals = Totals {
        hashes: Some(1e9),
        expected: Some(0.1),
        stale_hashes: Some(1.0),
        shares_accepted: 1,
        shares_stale: 2,
        shares_rejected: 3,
        blocks: 1,
    };
    let worker = WorkerTotals {
        name: "rig".to_owned(),
        totals,
        best_share: Some(1e6),
        level: Some(40),
    };
    let outage = Outage {
        node: "http://localhost:1848".to_owned(),
        since: 5,
        until: None,
        cause: "refused".to_owned(),
    };
    let change = Change::new(BlockKey::Row(1), Fate::Accepted, at);
    [
        found(1 << 40),
        Record::Change(change),
        Record::Totals(at, totals, vec![worker]),
        Record::Outage(outage),
    ]
}

/// The choices in an input.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> [u8; 8] {
        let mut bytes = [0; 8];
        let taken = self.take(8);
        bytes[..taken.len()].copy_from_slice(taken);
        bytes
    }

    /// Returns a value of any type.
    fn value(&mut self) -> Option<ToSqlOutput<'a>> {
        let choice = self.next()?;
        let at = usize::from(choice >> 3);
        Some(ToSqlOutput::Borrowed(match choice % 8 {
            0 => ValueRef::Null,
            1 => ValueRef::Integer(NUMBERS[at % NUMBERS.len()]),
            2 => ValueRef::Integer(i64::from_le_bytes(self.number())),
            3 => ValueRef::Real(f64::from_le_bytes(self.number())),
            4 => ValueRef::Text(TEXTS[at % TEXTS.len()].as_bytes()),
            5 => ValueRef::Text(self.take(at)),
            6 => ValueRef::Blob(HEADER.as_bytes()),
            _ => ValueRef::Blob(self.take(at)),
        }))
    }
}

/// Databases in memory: one with the tables of the product, and one whose columns take values of
/// all types, as those of a damaged file can.
struct Memory(Database, Connection);

impl Memory {
    fn new(is_strict: bool) -> Self {
        let database = Database {
            name: format!("file:/fuzz-{}-{is_strict}?vfs=memdb", process::id()).into(),
            is_memory: true,
        };
        let connection = database.connect().expect("memory");
        if is_strict {
            schema::prepare(&connection).expect("memory");
        } else {
            for step in schema::MIGRATIONS {
                let loose = step.replace(") STRICT, ", ") ").replace(") STRICT", ")");
                connection.execute_batch(&loose).expect("memory");
            }
        }
        // The rows of a damaged file may refer to none.
        connection
            .pragma_update(None, "foreign_keys", false)
            .expect("memory");
        Self(database, connection)
    }
}

thread_local! {
    static MEMORIES: RefCell<[Memory; 2]> = RefCell::new([Memory::new(true), Memory::new(false)]);
}

/// Reads and goes on from a history whose rows are made of the input. The first byte chooses
/// between two databases.
///
/// # Panics
/// If a law does not hold, here and below.
pub fn rows(bytes: &[u8]) {
    let Some((&first, rest)) = bytes.split_first() else {
        return;
    };
    MEMORIES.with_borrow_mut(|memories| {
        let Memory(database, connection) = &memories[usize::from(first % 2)];
        fill(connection, &mut Choices(rest));
        go_on(connection);
        // Each question opens a connection.
        if first & 2 == 0 {
            read(database);
        }
        for (table, _) in TABLES {
            connection
                .execute(&format!("DELETE FROM {table}"), [])
                .expect("memory");
        }
    });
}

fn fill(connection: &Connection, choices: &mut Choices<'_>) {
    connection.execute_batch("BEGIN").expect("memory");
    while let Some(choice) = choices.next() {
        let (table, columns) = TABLES[usize::from(choice) % TABLES.len()];
        let marks = vec!["?"; columns].join(", ");
        let values: Vec<_> = (0..columns).map_while(|_| choices.value()).collect();
        if values.len() == columns {
            let sql = format!("INSERT OR IGNORE INTO {table} VALUES ({marks})");
            let mut insert = connection.prepare_cached(&sql).expect("tables");
            // A value of the wrong type is an error of a strict table.
            insert.execute(params_from_iter(values)).ok();
        }
    }
    connection.execute_batch("COMMIT").expect("memory");
}

/// Reads what a new run goes on from, writes records of each kind, and deletes old rows.
fn go_on(connection: &Connection) {
    let open = unsettled(connection).expect("unreadable rows are left out");
    assert!(open.iter().is_sorted_by_key(|block| block.row));
    for block in &open {
        assert!(block.fate <= Fate::Displaced && block.issued >= UNIX_EPOCH);
        // It may be an error, and nothing worse.
        let _ = Work::new(block.header.clone());
    }
    let now = NOW + Duration::from_hours(500_000);
    let earlier = Earlier::read(connection, now).expect("a database that is whole");
    assert!(earlier.hours.is_sorted_by_key(|(start, _)| *start));
    assert!(by_instant(&earlier.hours, Instant::now()).len() <= earlier.hours.len());
    for (_, worker) in earlier.of_workers() {
        assert!(worker.best.is_none_or(|best| best.as_f64() >= 1.0));
    }
    for record in records() {
        let written = record.write(connection, 1 << 50);
        let code = written
            .as_ref()
            .err()
            .and_then(rusqlite::Error::sqlite_error_code);
        assert!(
            written.is_ok() || code == Some(ErrorCode::ConstraintViolation),
            "{written:?}"
        );
    }
    for is_memory in [true, false] {
        prune(connection, is_memory).expect("a database that is whole");
    }
}

/// Asks for everything that readers can ask for. Unreadable rows are an error.
fn read(database: &Database) {
    let reader = Reader::new(database.clone(), Arc::default());
    if let Ok(blocks) = reader.blocks(None, None, 3) {
        assert!(blocks.len() <= 3 && blocks.is_sorted_by(|a, b| a.row > b.row));
    }
    for fate in [Fate::Found, Fate::Confirmed] {
        if let Ok(blocks) = reader.blocks(Some(5), Some(fate), 3) {
            assert!(
                blocks
                    .iter()
                    .all(|block| block.fate == fate && block.row < 5)
            );
        }
    }
    reader.fates().ok();
    reader.fates_since(0).ok();
    reader.workers().ok();
    reader.worker("rig").ok();
    reader.outages(0).ok();
    for span in [Span::Minute, Span::Hour, Span::Day] {
        reader.totals(span, 0).ok();
        reader.worker_totals("rig", span, 0).ok();
    }
}

/// A folder in memory, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() {
            memory.to_owned()
        } else {
            env::temp_dir()
        };
        let folder = parent.join(format!("chainweb-fuzz-{}", process::id()));
        fs::remove_dir_all(&folder).ok();
        fs::create_dir(&folder).expect("a folder");
        Self(folder)
    }

    /// Removes all files.
    fn clear(&self) {
        for entry in fs::read_dir(&self.0).expect("a folder").flatten() {
            fs::remove_file(entry.path()).expect("a file");
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

thread_local! {
    static FOLDER: Folder = Folder::new();
}

/// The bytes of a file with a row of each kind, in small pages.
static TEMPLATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    FOLDER.with(|Folder(folder)| {
        let file = folder.join("history.db");
        let connection = Connection::open(&file).expect("a file");
        connection
            .pragma_update(None, "page_size", 512)
            .expect("a new file");
        drop(connection);
        let (mut writer, _) = open(folder).expect("a new file");
        assert!(writer.try_write(&records().map(Message::Record)).is_ok());
        drop(writer);
        fs::read(file).expect("a file")
    })
});

fn open(folder: &Path) -> Result<(Writer, Vec<Unsettled>), HistoryError> {
    let place = Place::Directory(folder.to_owned());
    let (writer, opened) = Writer::new(&place, Run::default(), Arc::<Health>::default())?;
    Ok((writer, opened.unsettled))
}

/// Opens a damaged file: the input is a list of changes of a good one, each a place of two bytes
/// and a new byte, or the whole file. The history opens and takes records. They are there after the
/// next start, unless an index is damaged in a way that SQLite does not notice. Only a file of
/// another program or of a newer version is refused.
pub fn file(bytes: &[u8]) {
    let Some((&first, rest)) = bytes.split_first() else {
        return;
    };
    let mut content = TEMPLATE.clone();
    if first == 0 {
        content = rest.to_vec();
    } else {
        for change in rest.as_chunks::<3>().0 {
            let place = usize::from(u16::from_le_bytes([change[0], change[1]]));
            let length = content.len();
            content[place % length] = change[2];
        }
    }
    FOLDER.with(|folder| {
        folder.clear();
        let file = folder.0.join("history.db");
        fs::write(&file, &content).expect("memory");
        let mut writer = match open(&folder.0) {
            Ok((writer, _)) => writer,
            Err(HistoryError::Newer | HistoryError::Foreign) => return,
            Err(error) => panic!("{error:?}"),
        };
        let mut batch = vec![Message::Record(found(1 << 41))];
        // The second attempt may be in a new file.
        for _ in 0..2 {
            writer.write(&mut batch);
        }
        assert!(batch.is_empty(), "{writer:?}");
        drop(writer);
        let (_, unsettled) = open(&folder.0).expect("what was written can be read");
        if unsettled.iter().all(|block| block.header != *HEADER) {
            folder.clear();
            fs::write(&file, content).expect("memory");
            assert!(!is_whole(&file), "the block is lost");
        }
    });
}

/// Whether SQLite finds no damage in a file.
fn is_whole(file: &Path) -> bool {
    let checked = Connection::open(file).and_then(|database| {
        database.pragma_query_value(None, "integrity_check", |row| row.get::<_, String>(0))
    });
    checked.is_ok_and(|result| result == "ok")
}

#[cfg(test)]
mod tests {
    use fixtures::corpus;

    #[test]
    fn laws_hold_for_the_corpora() {
        corpus("history_rows", super::rows);
        corpus("history_file", super::file);
    }
}
