//! An HTTP client on raw bytes, so that the tests spell out what is on the wire.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use simnet::{Config, Node, Simnet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Time limit of a test that has failed; passing tests are far below it.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const KEY: &str = fixtures::PUBLIC_KEY;

pub(crate) const OCTETS: &str = "Content-Type: application/octet-stream";
pub(crate) const JSON: &str = "Content-Type: application/json";

/// Starts a node on a free port.
pub(crate) async fn node(config: Config) -> Simnet {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Simnet::start(config, address).await.unwrap()
}

/// The body of a request for work.
pub(crate) fn miner() -> Vec<u8> {
    format!(r#"{{"account":"k:{KEY}","predicate":"keys-all","public-keys":["{KEY}"]}}"#)
        .into_bytes()
}

/// Returns a path of the network `development`.
pub(crate) fn path(end: &str) -> String {
    format!("/chainweb/0.0/development/{end}")
}

/// Returns the bytes of a request, from a line like `GET /info`, more header lines and a body. The
/// connection closes after its answer.
pub(crate) fn request(line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let length = (!body.is_empty()).then_some(length.as_str());
    let line = format!("{line} HTTP/1.1");
    let head = [line.as_str(), "Host: node", "Connection: close"];
    let lines: Vec<_> = head.iter().chain(headers).copied().chain(length).collect();
    let head = lines.join("\r\n");
    [head.as_bytes(), b"\r\n\r\n", body].concat()
}

/// A connection and its unread bytes.
pub(crate) struct Wire {
    socket: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(simnet: &Node) -> Self {
        Self {
            socket: TcpStream::connect(simnet.address()).await.unwrap(),
            unread: Vec::new(),
        }
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn send(simnet: &Node, request: &[u8]) -> Self {
        let mut wire = Self::open(simnet).await;
        wire.socket.write_all(request).await.unwrap();
        wire
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// Receives more bytes. Returns false at the end of the connection or a reset.
    async fn more(&mut self) -> bool {
        let read = self.socket.read_buf(&mut self.unread);
        let count = tokio::time::timeout(PATIENCE, read).await;
        count.expect("bytes or an end").unwrap_or(0) > 0
    }

    /// Reads up to and including a marker.
    pub(crate) async fn read_to(&mut self, marker: &str) -> String {
        String::from_utf8(self.read_bytes_to(marker.as_bytes()).await).unwrap()
    }

    pub(crate) async fn read_bytes_to(&mut self, marker: &[u8]) -> Vec<u8> {
        loop {
            let found = self
                .unread
                .windows(marker.len())
                .position(|window| window == marker);
            if let Some(at) = found {
                return self.unread.drain(..at + marker.len()).collect();
            }
            let seen = String::from_utf8_lossy(&self.unread).into_owned();
            assert!(self.more().await, "no {marker:?} in {seen:?}");
        }
    }

    pub(crate) async fn read_to_end(mut self) -> Vec<u8> {
        while self.more().await {}
        self.unread
    }

    /// Whether no byte has arrived so far.
    pub(crate) fn is_silent(&self) -> bool {
        let mut byte = [0];
        let read = self.socket.try_read(&mut byte);
        self.unread.is_empty()
            && read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// An answer with a decoded body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.head["HTTP/1.1 ".len()..][..3].parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        Some(lines.find(|(key, _)| *key == name)?.1)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends a request and reads its whole answer.
pub(crate) async fn ask(simnet: &Node, line: &str, headers: &[&str], body: &[u8]) -> Reply {
    let wire = Wire::send(simnet, &request(line, headers, body)).await;
    let bytes = wire.read_to_end().await;
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("an answer");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut rest = &bytes[end + 4..];
    let mut body = Vec::new();
    while !rest.is_empty() {
        let line = rest
            .windows(2)
            .position(|window| window == b"\r\n")
            .unwrap();
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&rest[line + 2..][..size]);
        rest = &rest[line + 2 + size + 2..];
    }
    Reply { head, body }
}

/// Requests work for the configured miner.
pub(crate) async fn work(simnet: &Node) -> Reply {
    let line = format!("GET {}", path("mining/work"));
    ask(simnet, &line, &[JSON], &miner()).await
}

/// Submits a header.
pub(crate) async fn solved(simnet: &Node, header: &[u8]) -> Reply {
    let line = format!("POST {}", path("mining/solved"));
    ask(simnet, &line, &[], header).await
}

/// Returns the request for an update stream, on a connection that stays open.
pub(crate) fn updates_request(chain: u32) -> Vec<u8> {
    let line = format!("GET {} HTTP/1.1\r\n", path("mining/updates"));
    let head = format!("{line}Host: node\r\n{OCTETS}\r\nContent-Length: 4\r\n\r\n");
    [head.as_bytes(), &chain.to_le_bytes()].concat()
}

/// Opens an update stream and reads the head of the answer.
pub(crate) async fn updates(simnet: &Node, chain: u32) -> Wire {
    let mut wire = Wire::send(simnet, &updates_request(chain)).await;
    let head = wire.read_to("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains("\r\nContent-Type: text/event-stream\r\n"),
        "{head}"
    );
    wire
}

/// Waits until a condition holds.
pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the condition holds in time");
}
