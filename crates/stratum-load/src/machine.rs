//! Limits of the machine: open files and cores.

use std::io;

use listen::{Descriptors, raise_descriptor_limit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Open files of a process other than its sessions.
const OTHER_FILES: u64 = 64;

/// Raises this process's limit of open files as far as `sessions` connections need.
///
/// # Errors
/// Returns an error if the hard limit is too low.
pub(crate) fn allow_sessions(sessions: usize) -> anyhow::Result<()> {
    let needed = sessions as u64 + OTHER_FILES;
    match raise_descriptor_limit(needed) {
        Descriptors::Enough => Ok(()),
        Descriptors::Short { limit } => anyhow::bail!(
            "{needed} open files are needed, but the hard limit is {limit}; \
             raise it (ulimit -Hn) or use fewer sessions"
        ),
    }
}

/// Pins the calling thread, and all threads that it starts later, to one core.
///
/// # Errors
/// Returns an error if there is no such core.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    if core >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}
