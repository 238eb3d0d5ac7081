//! The bytes of a file of settings.
//!
//! Only regular files are read, and only a bounded part: a pipe could block for ever, and a device
//! has no end.

use std::fs::{File, metadata};
use std::io::{self, Read};

use super::document::MAX_BYTES;

/// Reads a file, or one byte more than a document may have.
///
/// # Errors
/// Returns why the file cannot be read.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    let metadata = metadata(path).map_err(cannot)?;
    if metadata.is_dir() {
        return Err("is a directory; expected a file".to_owned());
    }
    if !metadata.is_file() {
        return Err("is a device, a pipe or a socket; expected a file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    let mut file = file.take(MAX_BYTES as u64 + 1);
    file.read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}
