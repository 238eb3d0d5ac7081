//! How many files the process may hold open; a connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Whether the process may hold as many files open as it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptors {
    /// It may.
    Enough,
    /// It may hold only this many.
    Short {
        /// The limit that is in force now.
        limit: u64,
    },
}

/// Raises the limit of open files to `wanted` or as far as the system lets it.
pub fn raise_descriptor_limit(wanted: u64) -> Descriptors {
    let mut limit = getrlimit(Resource::Nofile);
    // No limit is none to be raised.
    let Some(present) = limit.current.filter(|&present| present < wanted) else {
        return Descriptors::Enough;
    };
    let most = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    limit.current = Some(most);
    let reached = if setrlimit(Resource::Nofile, limit).is_ok() {
        most
    } else {
        present
    };
    if reached >= wanted {
        Descriptors::Enough
    } else {
        Descriptors::Short { limit: reached }
    }
}
