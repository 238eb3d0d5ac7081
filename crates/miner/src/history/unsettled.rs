//! Blocks of earlier runs whose fate is open.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chainweb::WorkHeader;
use rusqlite::{Connection, Row};

use super::fault::is_of_value;
use super::record::Fate;

/// The most of them: far more than a node can still take or confirm.
const MOST: u32 = 4096;

/// A block of an earlier run whose fate is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsettled {
    /// Its row.
    pub row: i64,
    /// Its fate so far.
    pub fate: Fate,
    /// The network of the node.
    pub network: String,
    /// The address of the node that issued its work.
    pub node: String,
    /// The header as submitted.
    pub header: WorkHeader,
    /// When the node last issued the work.
    pub issued: SystemTime,
    /// The expected number of blocks of all runs when it was found, if that is known.
    pub expected: Option<f64>,
}

/// Returns the blocks of earlier runs whose fate is open, the oldest first. Rows that cannot be
/// read are left out.
pub(super) fn unsettled(database: &Connection) -> Result<Vec<Unsettled>, rusqlite::Error> {
    let sql = "SELECT id, fate, network, node, header, issued, expected FROM block
        WHERE fate IN ('found', 'submitted', 'uncertain', 'accepted', 'displaced')
        ORDER BY id DESC LIMIT ?1";
    let mut query = database.prepare(sql)?;
    let rows = query.query_map([MOST], Unsettled::read)?;
    let mut found = Vec::new();
    for row in rows {
        match row {
            Err(error) if is_of_value(&error) => {}
            row => found.extend(row?),
        }
    }
    found.reverse();
    Ok(found)
}

impl Unsettled {
    /// Whether no node is known to have it.
    pub(crate) fn is_untaken(&self) -> bool {
        self.fate == Fate::Found
    }

    /// Returns `None` if the row has no valid header.
    fn read(row: &Row<'_>) -> Result<Option<Self>, rusqlite::Error> {
        let header: Vec<u8> = row.get("header")?;
        let fate: String = row.get("fate")?;
        let issued: i64 = row.get("issued")?;
        let (Ok(header), Some(fate)) = (WorkHeader::decode(&header), Fate::named(&fate)) else {
            return Ok(None);
        };
        Ok(Some(Self {
            row: row.get("id")?,
            fate,
            network: row.get("network")?,
            node: row.get("node")?,
            header,
            issued: UNIX_EPOCH + Duration::from_millis(issued.unsigned_abs()),
            expected: row.get("expected")?,
        }))
    }
}
