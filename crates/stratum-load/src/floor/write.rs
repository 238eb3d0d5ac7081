//! A bare loop that writes the bytes of a job to each of many sockets.
//!
//! No session, no lock, no runtime: accepts, then writes one buffer to one socket after the other.

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::child::{Said, Told};
use crate::clock::Moment;
use crate::synthetic::{work, work_key};

/// Accepts and writes as it is told on its input, until that ends.
pub fn run(commands: impl BufRead) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Said::Listening(listener.local_addr()?).say()?;
    let mut sockets: Vec<TcpStream> = Vec::new();
    let mut published = 0;
    for line in commands.lines() {
        match Told::read(&line?) {
            Some(Told::Accept(connections)) => {
                while sockets.len() < connections {
                    let (socket, _) = listener.accept()?;
                    socket.set_nonblocking(true)?;
                    socket.set_nodelay(true)?;
                    sockets.push(socket);
                }
                Said::Accepted.say()?;
            }
            Some(Told::Publish) => {
                published += 1;
                let (key, line) = notification(published);
                let at = Moment::now();
                for socket in &mut sockets {
                    // Nobody reads from a socket that does not take a whole line: it shows as missing.
                    socket.write_all(&line).ok();
                }
                Said::Published(key, at).say()?;
            }
            None => return Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }
    Ok(())
}

/// A notification as long as a server's, and the key of its work.
fn notification(n: u64) -> (u64, Vec<u8>) {
    let header_hex = const_hex::encode(work(n, 0).header().as_bytes());
    let line = format!(
        "{{\"method\":\"mining.notify\",\"params\":[\"{n:08x}\",\"{header_hex}\",true],\"id\":null}}\n"
    );
    (work_key(header_hex.as_bytes()), line.into_bytes())
}
