//! The bytes of a file of settings.
//!
//! Never more than a bound of them are read, and only of regular files: a pipe may wait for ever, a device has no end.

use std::fs::{File, metadata};
use std::io::{self, Read};

use super::document::MAX_BYTES;

/// Reads a file, or says why not.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    let metadata = metadata(path).map_err(cannot)?;
    if metadata.is_dir() {
        return Err("is a directory; expected a file".to_owned());
    }
    if !metadata.is_file() {
        return Err("is a device, a pipe or a socket; expected a file".to_owned());
    }
    // One byte more shows that there are too many.
    let bound = MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(bound).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}
