//! Blocks asked for over HTTP, byte by byte as scripts do it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A request for blocks.
pub(super) struct Order {
    pub(super) content_type: &'static str,
    pub(super) body: &'static str,
}

/// Asks for blocks, which has to be answered as the Haskell client answers.
#[track_caller]
pub(super) fn make_blocks(address: SocketAddr, order: &Order) {
    let Order { content_type, body } = order;
    let mut connection = TcpStream::connect(address).unwrap();
    write!(
        connection,
        "POST /make-blocks HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{answer}");
    assert!(head.contains("content-type: text/plain"), "{answer}");
    assert_eq!(body, "[]", "{answer}");
}
