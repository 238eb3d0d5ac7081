//! What the process uses of the machine.

use std::time::Duration;

use cpu_time::ProcessTime;

use crate::platform::{most_files, page_size};

/// What the process uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process {
    /// The time of all processors that it used so far.
    pub cpu_time: Duration,
    /// Its resident memory in bytes. `None` where the system does not show it as Linux does, as are
    /// the following.
    pub memory_bytes: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
    /// The highest number of open file descriptors, if there is a limit.
    pub max_descriptors: Option<u64>,
}

impl Process {
    /// Reads what this process uses now. Does not wait, but for thousands of connections it takes
    /// some milliseconds.
    pub fn read() -> Self {
        let time = ProcessTime::try_now();
        Self {
            cpu_time: time.map_or(Duration::ZERO, |time| time.as_duration()),
            memory_bytes: resident_bytes(),
            descriptors: open_descriptors(),
            max_descriptors: most_files(),
        }
    }
}

/// Reads the second number of `statm`, the resident pages (Linux, `proc_pid_statm(5)`).
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * page_size()?)
}

fn open_descriptors() -> Option<u64> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?.count();
    // One is that of the folder itself.
    u64::try_from(entries.saturating_sub(1)).ok()
}
