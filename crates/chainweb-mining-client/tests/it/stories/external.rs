//! Shell commands as the worker: those of the documentation, and broken ones.
//!
//! A command reports its steps by lines on standard error, which appear in the client's log, and by
//! files in a folder of its story.

mod examples;
mod failures;
mod lifetimes;
mod lines;

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use miner::timing::CommandTiming;
use miner::worker::Worker;
use miner::worker::external::{Config, External, Once, Protocol, ShellCommand};
use rustix::process::{Pid, test_kill_process};

use super::setting::{PATIENCE, Story};

/// Much longer than a cooperative command takes to end.
const GRACE: Duration = Duration::from_secs(20);
/// For commands that ignore SIGTERM.
const SHORT: Duration = Duration::from_millis(100);

/// Returns a configuration of two processes of this command, whose failures are logged once.
pub(super) fn config(command: &str, protocol: Protocol) -> Config {
    Config {
        processes: NonZeroUsize::new(2).unwrap(),
        command: ShellCommand {
            command: command.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
        },
        protocol,
        first_nonce: 1 << 40,
        timing: CommandTiming {
            // No job is shared unless a story sets this.
            job_share: Duration::from_hours(1),
            grace: GRACE,
            retry_min: Duration::from_millis(10),
            retry_max: Duration::from_millis(100),
            report: Duration::from_hours(1),
        },
    }
}

pub(super) fn once(command: &str) -> Config {
    config(command, Protocol::Once(Once::default()))
}

fn lines(command: &str) -> Config {
    config(command, Protocol::Lines)
}

impl Story {
    pub(super) fn start_external(&mut self, config: Config) {
        self.start_client_with(Worker::External(External::new(config)));
    }

    /// Returns the process ids that commands have written to standard error after this word.
    fn processes(&self, word: &str) -> Vec<Pid> {
        let start = format!("line={word} ");
        let lines = self.log.lines(&[&start]);
        let number = |line: &String| line.split(&start).nth(1).unwrap().trim().parse().unwrap();
        lines
            .iter()
            .map(number)
            .map(|pid| Pid::from_raw(pid).unwrap())
            .collect()
    }

    /// Waits until this many processes have written their ids after this word.
    async fn until_processes(&mut self, word: &str, number: usize) -> Vec<Pid> {
        self.until(&format!("{number} of {word}"), PATIENCE, |story| {
            story.processes(word).len() >= number
        })
        .await;
        self.processes(word)
    }
}

/// Whether none of the processes runs. A zombie has ended.
fn are_gone(processes: &[Pid]) -> bool {
    processes.iter().all(|process| {
        let stat = format!("/proc/{}/stat", process.as_raw_nonzero());
        let stat = fs::read_to_string(stat).unwrap_or_default();
        test_kill_process(*process).is_err() || stat.contains(") Z ")
    })
}

/// A temporary folder, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("external-{}-{number}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Returns the contents of the files whose names end with `ending`, in the order of their
    /// names.
    fn read_all(&self, ending: &str) -> Vec<Vec<u8>> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.to_string_lossy().ends_with(ending));
        paths.sort_unstable();
        paths.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    /// Returns the name and the value of the environment variable with its path.
    fn variable(&self) -> (String, String) {
        ("FOLDER".to_owned(), self.0.to_str().unwrap().to_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
