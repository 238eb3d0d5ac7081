//! A bare loop that writes the bytes of a job to many sockets.
//!
//! It has no sessions, locks or runtime: it accepts connections, then writes one buffer to each
//! socket in turn.

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::child::{ChildEvent, PUBLISH};
use crate::clock::Moment;
use crate::synthetic::{work, work_key};

/// Accepts this many connections, then executes the commands of the input until it ends.
///
/// # Errors
/// Returns `InvalidInput` for an unknown command, and errors of listening and printing.
pub fn run(connections: usize, commands: impl BufRead) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    ChildEvent::Listening(listener.local_addr()?).print()?;
    let mut sockets: Vec<TcpStream> = Vec::new();
    while sockets.len() < connections {
        let (socket, _) = listener.accept()?;
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    for (command, n) in commands.lines().zip(1..) {
        if command? != PUBLISH {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (key, line) = notification(n);
        let at = Moment::now();
        for socket in &mut sockets {
            // A partial write fails, and the load reports the line as missing.
            socket.write_all(&line).ok();
        }
        ChildEvent::Published(key, at).print()?;
    }
    Ok(())
}

/// Returns the key of work `n` and a notification of it, as long as a server's.
fn notification(n: u64) -> (u64, Vec<u8>) {
    let header_hex = const_hex::encode(work(n).header().as_bytes());
    let line = format!(
        "{{\"method\":\"mining.notify\",\"params\":[\"{n:08x}\",\"{header_hex}\",true],\"id\":null}}\n"
    );
    (work_key(header_hex.as_bytes()), line.into_bytes())
}
