//! CPU time and memory of a process, from `/proc` (proc(5)).
//!
//! The CPU time has the resolution of a kernel tick, usually 10 ms; a measurement should last for
//! seconds.

use std::time::Duration;
use std::{fs, io};

use serde::Serialize;

/// CPU time and memory of a process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// CPU time of all threads since the start, in user and kernel mode.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub(crate) rss_bytes: u64,
}

impl Usage {
    /// Reads the usage of the process `pid`.
    ///
    /// # Errors
    /// Returns errors of reading `/proc`, and `InvalidData` for an unknown format.
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
        let ticks = rustix::param::clock_ticks_per_second();
        let page = rustix::param::page_size() as u64;
        parse(&stat, &statm, ticks, page).ok_or_else(|| {
            let text = format!("/proc/{pid}/stat or statm is not in the format of proc(5)");
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }
}

/// Parses fields 14 and 15 of `stat` and field 2 of `statm`, as numbered in proc(5).
fn parse(stat: &str, statm: &str, ticks_per_second: u64, page_bytes: u64) -> Option<Usage> {
    // Field 2, the command's name, is in brackets and may contain any character.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(14 - 3);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let resident: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Usage {
        cpu: Duration::from_nanos((user + system) * 1_000_000_000 / ticks_per_second.max(1)),
        rss_bytes: resident * page_bytes,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Usage, parse};

    #[test]
    fn fields_are_counted_after_the_name() {
        let stat =
            "14504 (a) R (b c) R 14500 14500 8136 0 -1 4194304 101 0 0 0 250 125 0 0 20 0 1 0";
        let usage = Usage {
            cpu: Duration::from_millis(3750),
            rss_bytes: 389 * 4096,
        };
        assert_eq!(parse(stat, "765 389 301 5 0 90 0", 100, 4096), Some(usage));
        assert_eq!(parse("14504 (cat) R 1", "765 389", 100, 4096), None);
        assert_eq!(parse(stat, "765", 100, 4096), None);
    }

    #[test]
    fn this_process_has_used_some_memory() {
        let usage = Usage::of(std::process::id()).expect("/proc is mounted");
        assert!(usage.rss_bytes > 100_000, "{usage:?}");
    }
}
