//! An echo server with one task per connection, like a Stratum server.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink, stdin};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::child::ChildEvent;

/// Size of a connection's read buffer in bytes.
const READ_BYTES: usize = 16 << 10;

/// Serves until the end of the standard input.
///
/// # Errors
/// Returns errors of listening and of printing the address.
pub async fn run() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    ChildEvent::Listening(listener.local_addr()?).print()?;
    let mut connections = JoinSet::new();
    let (mut input, mut nowhere) = (stdin(), sink());
    let end = copy(&mut input, &mut nowhere);
    tokio::pin!(end);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                connections.spawn(echo(stream));
            }
            Some(_) = connections.join_next() => {}
            _ = &mut end => return Ok(()),
        }
    }
}

/// Echoes until the end of the connection or its first error.
async fn echo(mut stream: TcpStream) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
