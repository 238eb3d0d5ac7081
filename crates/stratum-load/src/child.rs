//! A server as a child process, so that its CPU time and memory can be measured apart.
//!
//! Parent and child exchange lines. The child prints `{"listening":ADDRESS}` once, and
//! `{"published":[KEY,NANOSECONDS]}` for every publication of work, with the time of
//! `CLOCK_MONOTONIC` just before it. The parent sends `publish`. The child exits at the end of its
//! input.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::process::Usage;

/// The parent's command to publish new work.
pub(crate) const PUBLISH: &str = "publish";

/// A line from the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChildEvent {
    Listening(SocketAddr),
    /// The key of the new work, and the time just before its publication.
    Published(u64, Moment),
}

impl ChildEvent {
    /// Prints the line to the parent.
    pub(crate) fn print(self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", serde_json::to_string(&self)?)?;
        stdout.flush()
    }
}

/// A server process. Dropping it kills the process.
#[derive(Debug)]
pub struct ServerChild {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl ServerChild {
    /// Starts `program` and waits until it listens.
    ///
    /// # Errors
    /// Returns errors of starting the process, and `UnexpectedEof` if it exits before it listens.
    pub fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut server = Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        match server.next_event()? {
            ChildEvent::Listening(address) => server.address = address,
            event @ ChildEvent::Published(..) => return Err(unexpected(&format!("{event:?}"))),
        }
        Ok(server)
    }

    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the CPU time and memory so far.
    pub fn usage(&self) -> io::Result<Usage> {
        Usage::of(self.pid())
    }

    /// Requests a publication of new work.
    pub fn publish(&mut self) -> io::Result<()> {
        writeln!(self.stdin, "{PUBLISH}")
    }

    /// Returns the descriptor to poll for publications.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stdout.get_ref().as_fd()
    }

    /// Returns the new publications, as key and time. Blocks if there is nothing to read.
    pub(crate) fn publications(&mut self) -> io::Result<Vec<(u64, Moment)>> {
        let mut publications = Vec::new();
        loop {
            match self.next_event()? {
                ChildEvent::Published(key, at) => publications.push((key, at)),
                event @ ChildEvent::Listening(_) => return Err(unexpected(&format!("{event:?}"))),
            }
            if self.stdout.buffer().is_empty() {
                return Ok(publications);
            }
        }
    }

    /// Reads a line; blocks until there is one.
    fn next_event(&mut self) -> io::Result<ChildEvent> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            let text = "the server process exited; see its output above";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        serde_json::from_str(&line).map_err(|_| unexpected(line.trim_end()))
    }
}

impl Drop for ServerChild {
    fn drop(&mut self) {
        // Both fail if it has already exited.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn unexpected(line: &str) -> io::Error {
    let text = format!("unexpected line from the server process: {line}");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::ChildEvent;
    use crate::clock::Moment;

    #[test]
    fn lines_of_a_child_are_objects_with_one_event() {
        #[track_caller]
        fn check(line: &str, expected: Option<ChildEvent>) {
            assert_eq!(serde_json::from_str(line).ok(), expected, "{line:?}");
            if let Some(event) = expected {
                assert_eq!(serde_json::to_string(&event).ok().as_deref(), Some(line));
            }
        }
        let address = "127.0.0.1:4000".parse().expect("an address");
        let listening = ChildEvent::Listening(address);
        check(r#"{"listening":"127.0.0.1:4000"}"#, Some(listening));
        let published = ChildEvent::Published(u64::MAX, Moment::from_nanos(123));
        check(
            r#"{"published":[18446744073709551615,123]}"#,
            Some(published),
        );
        check(r#"{"published":[1]}"#, None);
        check(r#""published""#, None);
        check("", None);
    }
}
