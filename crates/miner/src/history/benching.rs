//! What the bench of the history measures: the writer without its thread.

use std::path::PathBuf;
use std::sync::Arc;

use super::fault::Health;
use super::writer::{Message, Writer};
use super::{HistoryError, Place, Record, Run};

/// A history that writes at once.
#[derive(Debug)]
pub struct Direct(Writer);

impl Direct {
    /// Opens the history in a directory.
    ///
    /// # Errors
    /// If the directory or its file cannot be used.
    pub fn open(directory: PathBuf) -> Result<Self, HistoryError> {
        let place = Place::Directory(directory);
        let (writer, _) = Writer::new(&place, Run::default(), Arc::<Health>::default())?;
        Ok(Self(writer))
    }

    /// Writes records in one transaction, which is on the disk afterwards.
    ///
    /// # Errors
    /// That of the database.
    pub fn write(&mut self, records: Vec<Record>) -> Result<(), HistoryError> {
        let records: Vec<_> = records.into_iter().map(Message::Record).collect();
        self.0.try_write(&records)
    }
}
