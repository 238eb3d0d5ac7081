//! Commands of the shell as the worker: good ones, those of the documentation among them, and every bad one.
//!
//! What a command does is seen by the lines that it writes to standard error, which stand in the client's log, and by the
//! files that it leaves in a folder of its story.

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

/// Far beyond what a command takes to end that wants to.
const GRACE: Duration = Duration::from_secs(20);
/// For commands that do not want to.
const SHORT: Duration = Duration::from_millis(100);

/// Two processes of this command, whose failures are told once.
fn config(command: &str, protocol: Protocol) -> Config {
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
            // Nobody shares a work where the story does not say so.
            job_share: Duration::from_hours(1),
            grace: GRACE,
            retry_min: Duration::from_millis(10),
            retry_max: Duration::from_millis(100),
            report: Duration::from_hours(1),
        },
    }
}

fn once(command: &str) -> Config {
    config(command, Protocol::Once(Once::default()))
}

fn lines(command: &str) -> Config {
    config(command, Protocol::Lines)
}

impl Story {
    fn start_external(&mut self, config: Config) {
        self.start_client_with(Worker::External(External::new(config)));
    }

    /// The numbers of processes that commands have written to standard error behind a word.
    fn processes(&self, word: &str) -> Vec<Pid> {
        let said = format!("line={word} ");
        let lines = self.log.lines(&[&said]);
        let number = |line: &String| line.split(&said).nth(1).unwrap().trim().parse().unwrap();
        lines
            .iter()
            .map(number)
            .map(|pid| Pid::from_raw(pid).unwrap())
            .collect()
    }

    /// Waits until this many processes have told their numbers behind a word.
    async fn until_processes(&mut self, word: &str, number: usize) -> Vec<Pid> {
        self.until(&format!("{number} of {word}"), PATIENCE, |story| {
            story.processes(word).len() >= number
        })
        .await;
        self.processes(word)
    }
}

/// Whether none of them runs any more. What the system has not reaped has ended all the same.
fn are_gone(processes: &[Pid]) -> bool {
    processes.iter().all(|process| {
        let stat = format!("/proc/{}/stat", process.as_raw_nonzero());
        let stat = fs::read_to_string(stat).unwrap_or_default();
        test_kill_process(*process).is_err() || stat.contains(") Z ")
    })
}

/// A folder of its own, which goes with it.
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

    /// What the files hold whose names end like this, in the order of their names.
    fn read_all(&self, ending: &str) -> Vec<Vec<u8>> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.to_string_lossy().ends_with(ending));
        paths.sort_unstable();
        paths.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    /// The variable that tells commands where it is.
    fn variable(&self) -> (String, String) {
        ("FOLDER".to_owned(), self.0.to_str().unwrap().to_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
