//! Requests for blocks over HTTP, byte by byte as scripts send them: `Host` names a service.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A request for blocks.
pub(super) struct Request {
    pub(super) content_type: &'static str,
    pub(super) body: &'static str,
}

/// Requests blocks, and checks that the response is that of the Haskell client.
#[track_caller]
pub(super) fn make_blocks(address: SocketAddr, content_type: &str, body: &str) {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(
        connection,
        "POST /make-blocks HTTP/1.1\r\nHost: chainweb-mining-client:1917\r\nAccept: */*\r\nContent-Type: {content_type}\r\n\
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
