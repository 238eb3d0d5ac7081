//! A server as a child process, so that what it costs can be told apart.
//!
//! The two speak in lines. The child says `listening ADDRESS` once, then `published KEY NANOSECONDS` whenever it gave
//! out new work, the moment being that of `CLOCK_MONOTONIC` just before, and `accepted` when it was asked to accept
//! a number of connections and has. It is told `publish` and `accept N`, and ends when its input does.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::clock::Moment;
use crate::fleet::Publisher;
use crate::process::Usage;

/// What the child says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Listening(SocketAddr),
    Published(u64, Moment),
    Accepted,
}

impl Said {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let said = match words.next()? {
            "listening" => Self::Listening(words.next()?.parse().ok()?),
            "published" => {
                let key = u64::from_str_radix(words.next()?, 16).ok()?;
                Self::Published(key, words.next()?.parse().ok()?)
            }
            "accepted" => Self::Accepted,
            _ => return None,
        };
        words.next().is_none().then_some(said)
    }

    /// Says it to the parent.
    pub(crate) fn say(self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        match self {
            Self::Listening(address) => writeln!(stdout, "listening {address}"),
            Self::Published(key, at) => writeln!(stdout, "published {key:016x} {at}"),
            Self::Accepted => writeln!(stdout, "accepted"),
        }?;
        stdout.flush()
    }
}

/// A child that serves. It is killed when this is dropped.
#[derive(Debug)]
pub struct ServerChild {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    input: Vec<u8>,
    address: SocketAddr,
}

impl ServerChild {
    /// Starts this program with these arguments and waits until it listens.
    pub fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let mut server = Self {
            child,
            stdin,
            stdout,
            input: Vec::new(),
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
        };
        match server.wait_for_word()? {
            Said::Listening(address) => server.address = address,
            said => return Err(unexpected(&format!("{said:?}"))),
        }
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has cost so far.
    pub fn usage(&self) -> io::Result<Usage> {
        Usage::of(self.child.id())
    }

    /// Tells it to publish new work.
    pub fn publish(&mut self) -> io::Result<()> {
        self.stdin.write_all(b"publish\n")
    }

    /// Tells it to accept this many connections; not all servers need that.
    pub fn accept(&mut self, connections: usize) -> io::Result<()> {
        self.stdin
            .write_all(format!("accept {connections}\n").as_bytes())
    }

    /// Waits until it says that it has accepted them.
    pub fn wait_until_accepted(&mut self) -> io::Result<()> {
        match self.wait_for_word()? {
            Said::Accepted => Ok(()),
            said => Err(unexpected(&format!("{said:?}"))),
        }
    }

    fn wait_for_word(&mut self) -> io::Result<Said> {
        loop {
            if let Some(said) = self.next_word()? {
                return Ok(said);
            }
            self.read()?;
        }
    }

    /// Reads once, and waits if there is nothing.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let read = self.stdout.read(&mut buffer)?;
        if read == 0 {
            let text = "the server ended: its reason stands above";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.input.extend_from_slice(&buffer[..read]);
        Ok(())
    }

    fn next_word(&mut self) -> io::Result<Option<Said>> {
        let Some(end) = self.input.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&self.input[..end]).into_owned();
        self.input.drain(..=end);
        Said::read(&line).map(Some).ok_or_else(|| unexpected(&line))
    }
}

impl Publisher for ServerChild {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stdout.as_fd()
    }

    fn publications(&mut self) -> io::Result<Vec<(u64, Moment)>> {
        self.read()?;
        let mut publications = Vec::new();
        while let Some(said) = self.next_word()? {
            match said {
                Said::Published(key, at) => publications.push((key, at)),
                Said::Listening(_) | Said::Accepted => {
                    return Err(unexpected(&format!("{said:?}")));
                }
            }
        }
        Ok(publications)
    }
}

impl Drop for ServerChild {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn unexpected(said: &str) -> io::Error {
    let text = format!("the server said what was not expected: {said}");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// What the parent tells a child to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Publish,
    Accept(usize),
}

impl Told {
    /// Reads a line; `None` if it is none of the two.
    pub(crate) fn read(line: &str) -> Option<Self> {
        match line.split_once(' ') {
            None if line == "publish" => Some(Self::Publish),
            Some(("accept", connections)) => connections.parse().ok().map(Self::Accept),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Said, Told};
    use crate::clock::Moment;

    #[test]
    fn what_a_child_says_is_read_word_by_word() {
        #[track_caller]
        fn check(line: &str, expected: Option<Said>) {
            assert_eq!(Said::read(line), expected, "{line:?}");
        }
        let address = "127.0.0.1:4000".parse().expect("an address");
        check("listening 127.0.0.1:4000", Some(Said::Listening(address)));
        let published = Said::Published(0xab, Moment::from_nanos(123));
        check("published 00000000000000ab 123", Some(published));
        check("accepted", Some(Said::Accepted));
        check("published 1", None);
        check("accepted 1", None);
        check("", None);
    }

    #[test]
    fn a_child_is_told_to_publish_or_to_accept() {
        assert_eq!(Told::read("publish"), Some(Told::Publish));
        assert_eq!(Told::read("accept 10000"), Some(Told::Accept(10_000)));
        assert_eq!(Told::read("accept"), None);
        assert_eq!(Told::read("publish 3"), None);
    }
}
