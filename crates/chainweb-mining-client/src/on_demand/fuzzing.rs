//! The fuzz target of the on-demand server: the bytes of a connection.

use std::cell::RefCell;

use axum::Router;
use miner::worker::on_demand::{Counts, Outcome, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use super::http;
use crate::http::{connection, guarded};

/// Room for all bytes of an input and its responses.
const BUFFER: usize = 1 << 20;

/// The most bytes of a response.
const RESPONSE: usize = 1000;

/// The statuses of all responses; the last ones are hyper's.
const STATUSES: [&str; 14] = [
    "100", "200", "204", "400", "403", "404", "405", "406", "408", "409", "413", "414", "431",
    "503",
];

/// About the most pieces.
const PIECES: usize = 64;

/// How often the other end runs before the connection is closed.
const TURNS: usize = 40;

struct Server {
    runtime: Runtime,
    router: Router,
    requests: mpsc::Receiver<Request>,
}

thread_local! {
    static SERVER: RefCell<Server> = RefCell::new({
        let (sender, requests) = mpsc::channel(64);
        Server {
            runtime: Builder::new_current_thread().enable_time().build().expect("a runtime"),
            router: guarded(http::router(sender), &[], None, http::refused),
            requests,
        }
    });
}

/// Sends bytes after the first on a connection. The responses do not depend on the pieces in which
/// they arrive; the first byte is their size. But if a request is refused before its body has
/// arrived, the connection may end with the response.
///
/// # Panics
/// If a law does not hold.
pub fn requests(bytes: &[u8]) {
    let Some((&size, stream)) = bytes.split_first() else {
        return;
    };
    // Hyper parses an incomplete head once, and again only after an empty line.
    let stream = &[stream, b"\r\n\r\n"].concat()[..];
    SERVER.with_borrow_mut(|server| {
        let (responses, made) = server.exchange([stream]);
        let pieces = stream.chunks(usize::from(size).max(stream.len() / PIECES).max(1));
        let (in_pieces, made_in_pieces) = server.exchange(pieces);
        if in_pieces == responses {
            assert_eq!(made_in_pieces, made);
        } else {
            let last = in_pieces.rsplit("HTTP/1.1 ").next();
            let is_refused = last.is_some_and(|response| response.starts_with('4'));
            let is_cut = is_refused && responses.starts_with(&in_pieces);
            assert!(is_cut, "{in_pieces}, not {responses}");
        }
        let mut count = 0;
        for response in responses.split("HTTP/1.1 ").skip(1) {
            count += 1;
            assert!(STATUSES.contains(&&response[..3]), "{response}");
            assert!(response.len() <= RESPONSE, "{response}");
        }
        assert!(made <= count);
    });
}

impl Server {
    /// Returns the responses without their dates, and the number of accepted requests for blocks.
    fn exchange<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, usize) {
        let (client, socket) = duplex(BUFFER);
        let (mut reader, mut writer) = split(client);
        let serve = connection(socket, self.router.clone(), CancellationToken::new());
        let send = async {
            for piece in pieces {
                // The server may have closed the connection.
                writer.write_all(piece).await.ok();
                yield_now().await;
            }
            // Before the end of the connection, which also ends the wait for a response.
            for _ in 0..TURNS {
                yield_now().await;
            }
            writer.shutdown().await.ok();
        };
        let mut bytes = Vec::new();
        let receive = reader.read_to_end(&mut bytes);
        let mut made = 0;
        let requests = &mut self.requests;
        let work = async {
            while let Some(request) = requests.recv().await {
                made += answer(request);
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                ((), (), received) = async { tokio::join!(serve, send, receive) } => {
                    received.expect("memory");
                }
                () = work => {}
            }
        });
        let text = String::from_utf8(bytes).expect("text");
        let lines = text
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("date: "));
        (lines.collect(), made)
    }
}

/// Answers as the worker does. Returns the number of requests for blocks that are accepted.
fn answer(request: Request) -> usize {
    match request {
        Request::Make(counts, reply, outcome) => {
            let is_sent = reply.send(Ok(())).is_ok();
            let made = if counts.is_empty() {
                Outcome::Cancelled
            } else {
                Outcome::Made
            };
            outcome.send(made).ok();
            usize::from(is_sent)
        }
        Request::Outstanding(reply) => {
            reply
                .send(Counts::from([(chainweb::ChainId::new(3), 5)]))
                .ok();
            0
        }
        Request::Cancel(reply) => {
            reply.send(()).ok();
            0
        }
    }
}
