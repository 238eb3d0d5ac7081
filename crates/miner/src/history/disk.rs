//! A history that tests write by hand: the tables and records without a thread or a file.

use std::cell::Cell;
use std::time::SystemTime;

use chainweb::WorkHeader;
use rusqlite::{Connection, params};

use super::earlier::Earlier;
use super::record::{DAY, Fate, Record, milliseconds};
use super::schema;
use super::unsettled::{Unsettled, unsettled};

thread_local! {
    /// A database that another test left: the tables take longer to create than a short run.
    static SPARE: Cell<Option<Connection>> = const { Cell::new(None) };
}

/// A database in memory.
#[derive(Debug)]
pub(crate) struct Disk {
    /// `None` once it is dropped.
    database: Option<Connection>,
    /// The row of the present run, 0 before the first.
    run: i64,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let database = SPARE.take().unwrap_or_else(|| {
            let database = Connection::open_in_memory().expect("there is memory");
            database.set_prepared_statement_cache_capacity(64);
            schema::prepare(&database).expect("it is empty");
            database
        });
        let database = Some(database);
        Self { database, run: 0 }
    }

    fn database(&self) -> &Connection {
        self.database.as_ref().expect("it is not dropped")
    }

    /// Starts a run. Returns the blocks of earlier ones whose fate is open.
    pub(crate) fn begin_run(&mut self, now: SystemTime) -> Vec<Unsettled> {
        let is_first = self.run == 0;
        let sql = "INSERT INTO run (started, version) VALUES (?1, '1')";
        let insert = self.database().prepare_cached(sql);
        let mut insert = insert.expect("the table exists");
        insert
            .execute(params![milliseconds(now)])
            .expect("a row fits");
        drop(insert);
        self.run = self.database().last_insert_rowid();
        if is_first {
            return Vec::new();
        }
        Earlier::read(self.database(), now).expect("it can be read");
        unsettled(self.database()).expect("it can be read")
    }

    /// Writes records in one transaction.
    pub(crate) fn write(&mut self, records: &[Record]) {
        let transaction = self
            .database
            .as_mut()
            .expect("it is not dropped")
            .transaction()
            .expect("it is the only one");
        for record in records {
            record.write(&transaction, self.run).expect("it fits");
        }
        transaction.commit().expect("it is in memory");
    }

    /// Returns all blocks: row, fate, network and header.
    pub(crate) fn rows(&self) -> Vec<(i64, Fate, String, WorkHeader)> {
        let sql = "SELECT id, fate, network, header FROM block ORDER BY id";
        let mut query = self.database().prepare(sql).expect("the table exists");
        let rows = query.query_map([], |row| {
            let (fate, header): (String, Vec<u8>) = (row.get(1)?, row.get(3)?);
            let fate = Fate::named(&fate).expect("a fate");
            let header = WorkHeader::decode(&header).expect("a header");
            Ok((row.get(0)?, fate, row.get(2)?, header))
        });
        let rows: Result<_, _> = rows.expect("it can be read").collect();
        rows.expect("it can be read")
    }

    /// Returns the number of blocks in totals, and that of rows.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let count = |sql: &str| {
            let count = self
                .database()
                .query_row(sql, [], |row| row.get::<_, i64>(0));
            count.expect("it can be read").unsigned_abs()
        };
        let totals = format!("SELECT coalesce(sum(blocks), 0) FROM total WHERE span = {DAY}");
        (count(&totals), count("SELECT count(*) FROM block"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(database) = self.database.take() {
            let sql = "DELETE FROM block; DELETE FROM total; DELETE FROM outage; DELETE FROM run";
            if database.execute_batch(sql).is_ok() {
                SPARE.set(Some(database));
            }
        }
    }
}
