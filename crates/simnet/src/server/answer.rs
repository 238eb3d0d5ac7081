//! Answers, and bodies that can break on the wire.
//!
//! All bodies are chunked, without `Content-Length`, as those of the real node. The bytes before a
//! break still reach the socket.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::media::Media;

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(Bytes),
    /// The connection breaks here.
    Break,
}

/// An answer of the node.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) retry_after: Option<Duration>,
    /// Whether it permits a web page to send a request.
    pub(crate) is_permission: bool,
    pub(crate) body: AnswerBody,
}

impl Answer {
    /// Returns an answer with neither body nor type, like servant's own errors.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::plain(status, "")
    }

    /// Returns an answer without `Content-Type`.
    pub(crate) fn plain(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: None,
            retry_after: None,
            is_permission: false,
            body: AnswerBody::whole(body),
        }
    }

    /// Returns an error with a text message.
    pub(crate) fn error(status: StatusCode, message: impl Into<Bytes>) -> Self {
        Self {
            content_type: Some(Media::Text.content_type()),
            ..Self::plain(status, message)
        }
    }

    /// Returns the answer to a request whose handler has thrown an exception.
    pub(crate) fn failed() -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::error(status, "Something went wrong")
    }

    pub(crate) fn ok(media: Media, body: impl Into<Bytes>) -> Self {
        Self {
            content_type: Some(media.content_type()),
            ..Self::plain(StatusCode::OK, body)
        }
    }

    pub(crate) fn json(media: Media, value: &serde_json::Value) -> Self {
        Self::ok(media, value.to_string())
    }
}

/// A body in pieces. Further pieces may follow from a channel.
#[derive(Debug, Default)]
pub(crate) struct AnswerBody {
    pieces: VecDeque<Piece>,
    more: Option<mpsc::Receiver<Piece>>,
    /// The time before the first piece.
    delay: Option<Pin<Box<Sleep>>>,
    /// Number of bytes after which the connection breaks.
    break_after: Option<usize>,
    breaking: bool,
}

impl AnswerBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self {
            pieces: VecDeque::from([Piece::Bytes(bytes.into())]),
            ..Self::default()
        }
    }

    pub(crate) fn stream(more: mpsc::Receiver<Piece>) -> Self {
        Self {
            more: Some(more),
            ..Self::default()
        }
    }

    #[must_use]
    pub(crate) fn breaking_after(self, bytes: usize) -> Self {
        Self {
            break_after: Some(bytes),
            ..self
        }
    }

    #[must_use]
    pub(crate) fn delayed(self, time: Duration) -> Self {
        Self {
            delay: Some(Box::pin(tokio::time::sleep(time))),
            ..self
        }
    }

    /// Maps the present pieces; pieces from the channel stay as they are.
    #[must_use]
    pub(crate) fn map(self, change: impl Fn(Bytes) -> Vec<Piece>) -> Self {
        let changed = |piece| match piece {
            Piece::Bytes(bytes) => change(bytes),
            Piece::Break => vec![Piece::Break],
        };
        Self {
            pieces: self.pieces.into_iter().flat_map(changed).collect(),
            ..self
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        if let Some(delay) = &mut self.delay {
            ready!(delay.as_mut().poll(cx));
            self.delay = None;
        }
        match (self.pieces.pop_front(), &mut self.more) {
            (Some(piece), _) => Poll::Ready(Some(piece)),
            (None, Some(more)) => more.poll_recv(cx),
            (None, None) => Poll::Ready(None),
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.breaking {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        let piece = match self.break_after {
            Some(0) => Piece::Break,
            _ => match ready!(self.poll_piece(cx)) {
                Some(piece) => piece,
                None => return Poll::Ready(None),
            },
        };
        match piece {
            Piece::Bytes(mut bytes) => {
                if let Some(left) = &mut self.break_after {
                    bytes.truncate(*left);
                    *left -= bytes.len();
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Piece::Break => {
                // hyper flushes its buffer before it polls again.
                self.breaking = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Splits `bytes` into two pieces after `at` bytes.
pub(crate) fn split(mut bytes: Bytes, at: usize) -> Vec<Piece> {
    let rest = bytes.split_off(at.min(bytes.len()));
    vec![Piece::Bytes(bytes), Piece::Bytes(rest)]
}

/// Inverts the bits of the middle byte.
pub(crate) fn corrupt(bytes: &Bytes) -> Vec<Piece> {
    let mut corrupted = bytes.to_vec();
    let middle = corrupted.len() / 2;
    if let Some(byte) = corrupted.get_mut(middle) {
        *byte = !*byte;
    }
    vec![Piece::Bytes(corrupted.into())]
}
