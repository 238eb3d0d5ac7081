//! Errors in the flags, whose exit code is 64.

use std::error::Error;

/// An error in flags, each of which is valid alone.
///
/// The module with the flags defines the error itself; this type only marks it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct UsageError(Box<dyn Error + Send + Sync>);

impl UsageError {
    pub(crate) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}
