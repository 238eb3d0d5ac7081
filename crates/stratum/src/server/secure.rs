//! TLS on a connection, between the bytes of the socket and those of the protocol.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};
use tokio::net::TcpStream;

/// The server's side of TLS.
pub(super) struct Secure(ServerConnection);

/// The socket for sending, which does not wait.
struct Raw<'a>(&'a TcpStream);

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Secure {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        ServerConnection::new(config).map(Self)
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Takes bytes from the socket and returns those of the protocol.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let mut plain = Vec::new();
        while !bytes.is_empty() {
            let read = self.0.read_tls(&mut bytes);
            if !matches!(read, Ok(1..)) {
                return Err(rustls::Error::General("bytes after the end".to_owned()));
            }
            let available = self.0.process_new_packets()?.plaintext_bytes_to_read();
            let start = plain.len();
            plain.resize(start + available, 0);
            let read = self.0.reader().read(&mut plain[start..]).unwrap_or(0);
            plain.truncate(start + read);
        }
        Ok(plain)
    }

    /// Whether encrypted bytes are unsent.
    pub(super) fn has_unsent(&self) -> bool {
        self.0.wants_write()
    }

    /// Sends encrypted bytes until none is left, or returns the error of the socket.
    pub(super) fn flush(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(&mut Raw(socket))?;
        }
        Ok(())
    }

    /// Encrypts and sends bytes; returns how many it took, some of which may be unsent.
    pub(super) fn try_write(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        let taken = self.0.writer().write(bytes)?;
        match self.flush(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ if taken == 0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(taken),
        }
    }

    /// Announces the end of the connection, as far as the socket accepts it.
    pub(super) fn close(&mut self, socket: &TcpStream) {
        self.0.send_close_notify();
        self.flush(socket).ok();
    }
}
