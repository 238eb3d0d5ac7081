//! Starts the program, sends it signals and reads its output.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The time limit of every wait: far more than any needs.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_chainweb-mining-client");

/// Returns the program, or the one that `TRIED_PROGRAM` names.
pub(crate) fn program() -> Command {
    let tried = std::env::var("TRIED_PROGRAM");
    command(tried.as_deref().unwrap_or(PROGRAM))
}

/// Returns a command without the environment variables of settings.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_remove("NO_COLOR");
    // Without them nothing is written to the state directory of the user.
    for name in ["STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"] {
        command.env_remove(name);
    }
    command.env_remove("POOL2_EVENT_LOG_PATH");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CHAINWEB_MINING_") {
            command.env_remove(name);
        }
    }
    command
}

pub(super) fn run(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs the program with a usage error. Checks the exit code, and that the message contains each of
/// these parts.
#[track_caller]
pub(super) fn check_usage(args: &[&str], expected: &[&str]) {
    let output = run(args);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{args:?}: {message}");
    assert_eq!(text(&output.stdout), "", "{args:?}");
    for part in expected {
        assert!(message.contains(part), "{args:?}: no {part:?} in {message}");
    }
}

/// A program that runs in the background and is killed when the test ends.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(program().args(args))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr: ChildStderr = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits for the next line that contains the text, and returns it.
    #[track_caller]
    pub(crate) fn wait_for(&self, wanted: &str) -> String {
        self.lines_until(wanted).pop().unwrap()
    }

    /// Returns the next lines, up to the first that contains the text.
    #[track_caller]
    pub(crate) fn lines_until(&self, wanted: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    seen.push(line);
                    if seen.last().is_some_and(|line| line.contains(wanted)) {
                        return seen;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no line with {wanted:?} in:\n{}", seen.join("\n"))
                }
            }
        }
    }

    /// Returns all further lines, up to the end of the program.
    #[track_caller]
    pub(crate) fn rest(&self) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = Vec::new();
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => return lines,
                Err(RecvTimeoutError::Timeout) => panic!("the program does not end: {lines:#?}"),
            }
        }
    }

    pub(super) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            // Waiting for a line also ends when the program does.
            drop(self.lines.recv_timeout(Duration::from_millis(20)));
        }
        panic!("the program does not end");
    }

    /// Waits for a moment, and returns the lines that arrived.
    pub(crate) fn pause(&self) -> Vec<String> {
        let first = self.lines.recv_timeout(Duration::from_millis(10));
        first.into_iter().chain(self.lines.try_iter()).collect()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(super) fn stdout(&mut self) -> String {
        let mut out = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        out
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Returns the value of a field in a log line.
pub(crate) fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let start = line.find(&format!("{name}=")).unwrap() + name.len() + 1;
    line[start..].split(' ').next().unwrap()
}

/// The command that makes another one the first process of a container.
const UNSHARE: &str = "unshare --user --map-root-user --pid --fork --kill-child --mount-proc";

/// Returns a command that runs a program as the first process of a container; `None`, with a line
/// in the output, if this machine has none.
#[expect(
    clippy::print_stderr,
    reason = "a skipped test is worth a line in the test output"
)]
pub(super) fn in_container(program: &str) -> Option<Command> {
    let mut words = UNSHARE.split(' ');
    let mut unshare = command(words.next()?);
    unshare.args(words).stderr(Stdio::null());
    if unshare
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        let mut unshare = command("unshare");
        unshare.args(UNSHARE.split(' ').skip(1)).arg(program);
        return Some(unshare);
    }
    eprintln!("skipped: {UNSHARE} does not work here");
    None
}
