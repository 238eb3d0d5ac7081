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

    /// Sends encrypted bytes and returns how many, which are not all if the socket takes no more.
    ///
    /// # Errors
    /// Returns the error of the socket, `WouldBlock` only if it took none.
    pub(super) fn flush(&mut self, socket: &TcpStream) -> io::Result<usize> {
        let mut sent = 0;
        while self.0.wants_write() {
            match self.0.write_tls(&mut Raw(socket)) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && sent > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Encrypts and sends bytes; returns how many it took, some of which may be unsent. It takes
    /// none while earlier ones are unsent.
    ///
    /// # Errors
    /// Returns the error of the socket, `WouldBlock` only if it took none.
    pub(super) fn try_write(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        if self.0.wants_write() {
            return Ok(0);
        }
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::task::JoinSet;

    use super::Secure;
    use crate::tls::Tls;

    /// Returns the server's and the client's end of a connection with small buffers.
    async fn sockets() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let address = listener.local_addr().expect("an address");
        let client = socket.connect(address).await.expect("a connection");
        let (server, _) = listener.accept().await.expect("a connection");
        rustix::net::sockopt::set_socket_send_buffer_size(&server, 4096).expect("a small buffer");
        (server, client)
    }

    /// Returns the server's side of TLS after the handshake.
    async fn secure(server: &TcpStream, client: &TcpStream) -> Secure {
        let file = |name: &str| {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/data/tls")
                .join(name)
        };
        let tls = Tls::load(file("first.pem"), file("first-key.pem")).expect("a certificate");
        let mut secure = Secure::new(tls.config()).expect("a server");
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(file("first.pem")).expect("a certificate");
        roots.add(certificate).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut peer = ClientConnection::new(Arc::new(config), name).expect("a client");
        loop {
            let mut sent = Vec::new();
            while peer.wants_write() {
                peer.write_tls(&mut sent).expect("memory");
            }
            secure.receive(&sent).expect("a handshake");
            if !secure.is_handshaking() {
                return secure;
            }
            while secure.has_unsent() {
                secure.flush(server).expect("a socket with room");
                let received = read(client).await;
                peer.read_tls(&mut &received[..]).expect("memory");
                peer.process_new_packets().expect("a handshake");
            }
        }
    }

    /// Returns some bytes.
    async fn read(client: &TcpStream) -> Vec<u8> {
        let mut bytes = vec![0; 1024];
        loop {
            client.readable().await.expect("a connection");
            match client.try_read(&mut bytes) {
                Ok(read) => {
                    bytes.truncate(read);
                    return bytes;
                }
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
    }

    #[tokio::test]
    async fn a_client_that_reads_slowly_is_progress() {
        let (server, client) = sockets().await;
        let mut secure = secure(&server, &client).await;
        let bytes = vec![0; 256 * 1024];
        let refused = loop {
            match secure.try_write(&server, &bytes) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        let mut reader = JoinSet::new();
        reader.spawn(async move { while !read(&client).await.is_empty() {} });
        // Each write that the client makes room for counts, though bytes stay unsent.
        let mut parts = 0;
        while secure.has_unsent() {
            server.writable().await.expect("a connection");
            match secure.flush(&server) {
                Ok(sent) => {
                    assert_ne!(sent, 0);
                    parts += usize::from(secure.has_unsent());
                }
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        assert_ne!(parts, 0, "the buffers were too large");
        drop(server);
        reader.join_all().await;
    }
}
