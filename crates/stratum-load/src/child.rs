//! A server as a child process, so that its CPU time and memory can be measured apart.
//!
//! Parent and child exchange lines. The child prints `listening ADDRESS` once;
//! `published KEY NANOSECONDS` for every publication of work, with the time of `CLOCK_MONOTONIC`
//! just before it; and `accepted` when it has accepted the requested number of connections. The
//! parent sends `publish` and `accept N`. The child exits at the end of its input.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::clock::Moment;
use crate::process::Usage;

/// A line from the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChildEvent {
    Listening(SocketAddr),
    Published(u64, Moment),
    Accepted,
}

impl ChildEvent {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let event = match words.next()? {
            "listening" => Self::Listening(words.next()?.parse().ok()?),
            "published" => {
                let key = u64::from_str_radix(words.next()?, 16).ok()?;
                Self::Published(key, words.next()?.parse().ok()?)
            }
            "accepted" => Self::Accepted,
            _ => return None,
        };
        words.next().is_none().then_some(event)
    }

    /// Prints the line to the parent.
    pub(crate) fn print(self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        match self {
            Self::Listening(address) => writeln!(stdout, "listening {address}"),
            Self::Published(key, at) => writeln!(stdout, "published {key:016x} {at}"),
            Self::Accepted => writeln!(stdout, "accepted"),
        }?;
        stdout.flush()
    }
}

/// A server process. Dropping it kills the process.
#[derive(Debug)]
pub struct ServerChild {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    input: Vec<u8>,
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
            stdout,
            input: Vec::new(),
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        match server.wait_for_event()? {
            ChildEvent::Listening(address) => server.address = address,
            event => return Err(unexpected(&format!("{event:?}"))),
        }
        Ok(server)
    }

    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the CPU time and memory so far.
    pub fn usage(&self) -> io::Result<Usage> {
        Usage::of(self.child.id())
    }

    /// Requests a publication of new work.
    pub fn publish(&mut self) -> io::Result<()> {
        self.stdin.write_all(b"publish\n")
    }

    /// Requests that it accept connections until it has this many. Only the writer of `floor` needs
    /// this.
    pub fn accept(&mut self, connections: usize) -> io::Result<()> {
        self.stdin
            .write_all(format!("accept {connections}\n").as_bytes())
    }

    /// Waits until it has accepted them.
    pub fn wait_until_accepted(&mut self) -> io::Result<()> {
        match self.wait_for_event()? {
            ChildEvent::Accepted => Ok(()),
            event => Err(unexpected(&format!("{event:?}"))),
        }
    }

    /// Returns the descriptor to poll for publications.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stdout.as_fd()
    }

    /// Reads once and returns the new publications, as key and time. Blocks if there is nothing to
    /// read.
    pub(crate) fn publications(&mut self) -> io::Result<Vec<(u64, Moment)>> {
        self.read()?;
        let mut publications = Vec::new();
        while let Some(event) = self.next_event()? {
            match event {
                ChildEvent::Published(key, at) => publications.push((key, at)),
                ChildEvent::Listening(_) | ChildEvent::Accepted => {
                    return Err(unexpected(&format!("{event:?}")));
                }
            }
        }
        Ok(publications)
    }

    fn wait_for_event(&mut self) -> io::Result<ChildEvent> {
        loop {
            if let Some(event) = self.next_event()? {
                return Ok(event);
            }
            self.read()?;
        }
    }

    /// Reads once; blocks if there is nothing to read.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let read = self.stdout.read(&mut buffer)?;
        if read == 0 {
            let text = "the server process exited; see its output above";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.input.extend_from_slice(&buffer[..read]);
        Ok(())
    }

    /// Removes the next complete line from the input.
    fn next_event(&mut self) -> io::Result<Option<ChildEvent>> {
        let Some(end) = self.input.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&self.input[..end]).into_owned();
        self.input.drain(..=end);
        ChildEvent::parse(&line)
            .map(Some)
            .ok_or_else(|| unexpected(&line))
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

/// A command of the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParentCommand {
    Publish,
    Accept(usize),
}

impl ParentCommand {
    /// Parses a line; returns `None` if it is not a command.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        match line.split_once(' ') {
            None if line == "publish" => Some(Self::Publish),
            Some(("accept", connections)) => connections.parse().ok().map(Self::Accept),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ChildEvent, ParentCommand};
    use crate::clock::Moment;

    #[test]
    fn lines_of_a_child_are_parsed_word_by_word() {
        #[track_caller]
        fn check(line: &str, expected: Option<ChildEvent>) {
            assert_eq!(ChildEvent::parse(line), expected, "{line:?}");
        }
        let address = "127.0.0.1:4000".parse().expect("an address");
        check(
            "listening 127.0.0.1:4000",
            Some(ChildEvent::Listening(address)),
        );
        let published = ChildEvent::Published(0xab, Moment::from_nanos(123));
        check("published 00000000000000ab 123", Some(published));
        check("accepted", Some(ChildEvent::Accepted));
        check("published 1", None);
        check("accepted 1", None);
        check("", None);
    }

    #[test]
    fn a_command_is_publish_or_accept() {
        assert_eq!(
            ParentCommand::parse("publish"),
            Some(ParentCommand::Publish)
        );
        assert_eq!(
            ParentCommand::parse("accept 10000"),
            Some(ParentCommand::Accept(10_000))
        );
        assert_eq!(ParentCommand::parse("accept"), None);
        assert_eq!(ParentCommand::parse("publish 3"), None);
    }
}
