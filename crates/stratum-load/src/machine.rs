//! What the machine allows: open files, and the core to run on.

use std::io;

use listen::{Descriptors, raise_descriptor_limit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The limit of open files is too low.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{needed} open files are needed and the hard limit is {limit}: raise it (ulimit -Hn) or take fewer sessions"
)]
pub struct TooFewFiles {
    /// What is needed.
    pub needed: u64,
    /// The hard limit.
    pub limit: u64,
}

/// Files that a process has open beside its sessions.
const OTHER_FILES: u64 = 64;

/// Raises the limit of open files so far that this process can hold the sessions.
pub fn allow_sessions(sessions: usize) -> Result<(), TooFewFiles> {
    let needed = sessions as u64 + OTHER_FILES;
    match raise_descriptor_limit(needed) {
        Descriptors::Enough => Ok(()),
        Descriptors::Short { limit } => Err(TooFewFiles { needed, limit }),
    }
}

/// Keeps the calling thread, and those that it starts from now on, on one core.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    if core >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}
