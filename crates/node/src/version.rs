//! The name of a chainweb network, such as `mainnet01`, as a segment of a request's path.
//!
//! A node reports its name in `/info`, and it becomes part of every other path. A name that would
//! change the meaning of a path is an error.

use std::fmt;
use std::str::FromStr;

/// Known names have at most 32 characters.
const MAX_LEN: usize = 128;

/// A chainweb version: 1 to 128 letters, digits, `-`, `_`, `.` and `~`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(String);

/// The error of parsing a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a chainweb version: 1 to 128 letters, digits, '-', '_', '.' or '~' are expected"
)]
pub struct VersionError(String);

impl Version {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        // The segments "." and ".." would change the path.
        let dots = text.bytes().all(|byte| byte == b'.');
        if text.len() > MAX_LEN || dots || !text.bytes().all(plain) {
            return Err(VersionError(text.chars().take(MAX_LEN).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
