//! Many sockets in one loop over `epoll`, read as lines with the time of each read.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

const EVENTS: usize = 1024;
const READ_BYTES: usize = 64 << 10;

struct Socket {
    stream: TcpStream,
    /// The begin of a line whose end has not arrived.
    rest: Vec<u8>,
}

/// Sockets, numbered in the order in which they were added.
pub(crate) struct Lines {
    epoll: OwnedFd,
    sockets: Vec<Socket>,
    buffer: Vec<u8>,
}

impl Lines {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            sockets: Vec::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.sockets.len()
    }

    pub(crate) fn add(&mut self, stream: TcpStream) -> anyhow::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let number = EventData::new_u64(self.sockets.len() as u64);
        epoll::add(&self.epoll, &stream, number, EventFlags::IN)?;
        let rest = Vec::new();
        self.sockets.push(Socket { stream, rest });
        Ok(())
    }

    /// Writes a line to a socket, whose buffer has space for it.
    pub(crate) fn write(&mut self, number: usize, line: &[u8]) -> anyhow::Result<()> {
        Ok(self.sockets[number].stream.write_all(line)?)
    }

    /// Waits for lines until `until`, and passes those that arrive first to `on_line`, with the
    /// number of the socket and the time of the read.
    pub(crate) fn poll(
        &mut self,
        until: Instant,
        mut on_line: impl FnMut(usize, Instant, &[u8]),
    ) -> anyhow::Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = left.max(Duration::from_micros(1)).try_into()?;
        let mut events = Vec::with_capacity(EVENTS);
        let space = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&self.epoll, space, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            // The event is packed: its fields cannot be borrowed.
            let data = event.data;
            let number = usize::try_from(data.u64())?;
            let Socket { stream, rest } = &mut self.sockets[number];
            let read = match stream.read(&mut self.buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            };
            let at = Instant::now();
            ensure!(read > 0, "connection {number} is closed by the server");
            rest.extend_from_slice(&self.buffer[..read]);
            let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
                if rest.len() > READ_BYTES {
                    bail!("connection {number} has a line without an end");
                }
                continue;
            };
            for line in rest[..end].split(|byte| *byte == b'\n') {
                on_line(number, at, line);
            }
            rest.drain(..=end);
        }
        Ok(())
    }
}
