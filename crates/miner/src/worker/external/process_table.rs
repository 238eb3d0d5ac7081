//! The processes of this machine, or of its container.

use std::fs;

use rustix::process::Pid;

/// An entry of the process table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) id: Pid,
    pub(super) parent: Option<Pid>,
    pub(super) group: Option<Pid>,
    /// Whether it has ended, but still has to be reaped.
    pub(super) is_zombie: bool,
}

/// Returns all processes.
pub(super) fn processes() -> impl Iterator<Item = Entry> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = folders.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    stats.filter_map(|stat| Entry::from_stat(&stat))
}

impl Entry {
    /// Reads `/proc/<pid>/stat` (proc(5)). The name in parentheses can contain anything.
    fn from_stat(stat: &str) -> Option<Self> {
        let (start, end) = stat.rsplit_once(") ")?;
        let id = start.split(' ').next()?;
        let mut fields = end.split(' ');
        let is_zombie = matches!(fields.next()?, "Z" | "X");
        let mut pid = || Some(Pid::from_raw(fields.next()?.parse().ok()?));
        Some(Self {
            id: Pid::from_raw(id.parse().ok()?)?,
            parent: pid()?,
            group: pid()?,
            is_zombie,
        })
    }
}
