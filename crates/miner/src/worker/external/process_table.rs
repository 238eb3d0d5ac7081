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

/// Returns the children of all threads of this process, or `None` if the kernel does not list them.
pub(super) fn children() -> Option<Vec<Entry>> {
    // Only some kernels have these files, but another thread may also have ended meanwhile.
    fs::metadata("/proc/thread-self/children").ok()?;
    let threads = fs::read_dir("/proc/self/task").ok()?.flatten();
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")));
    let ids = lists.flatten().collect::<Vec<_>>().join(" ");
    let stats = ids.split_ascii_whitespace();
    let stats = stats.filter_map(|id| fs::read_to_string(format!("/proc/{id}/stat")).ok());
    Some(stats.filter_map(|stat| Entry::from_stat(&stat)).collect())
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    /// On a large host, reading all processes takes long.
    #[test]
    fn children_are_those_of_this_process_alone() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 1000 & echo $!; read -r end; kill $!"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let mut line = String::new();
        let stdout = shell.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let grandchild: i32 = line.trim().parse().expect("a number");
        let child = i32::try_from(shell.id()).expect("a small number");
        let entries = children();
        drop(shell.stdin.take());
        shell.wait().expect("it ends");
        let Some(entries) = entries else {
            return;
        };
        let own = rustix::process::getpid();
        assert!(entries.iter().all(|entry| entry.parent == Some(own)));
        let has = |id: i32| {
            entries
                .iter()
                .any(|entry| entry.id.as_raw_nonzero().get() == id)
        };
        assert_eq!((has(child), has(grandchild)), (true, false));
    }
}
