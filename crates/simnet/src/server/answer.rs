//! Answers, and bodies that can break on the wire.
//!
//! No body states its length, as with the real node: all are sent in chunks. A body that breaks first lets what is
//! before the break reach the socket.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

use super::media::Media;

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(Bytes),
    /// The connection breaks here.
    Break,
}

/// What the node answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: AnswerBody,
}

impl Answer {
    /// An answer without a body, as servant gives it by itself.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::plain(status, "")
    }

    /// A body without a type.
    pub(crate) fn plain(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: None,
            body: AnswerBody::whole(body),
        }
    }

    /// An error with its message.
    pub(crate) fn error(status: StatusCode, message: impl Into<Bytes>) -> Self {
        Self {
            content_type: Some(Media::Text.content_type()),
            ..Self::plain(status, message)
        }
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

/// A body in pieces, which may still be coming.
#[derive(Debug, Default)]
pub(crate) struct AnswerBody {
    pieces: VecDeque<Piece>,
    more: Option<mpsc::Receiver<Piece>>,
    /// The connection breaks after so many bytes.
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

    /// Changes what is there already; what is still coming stays as it is.
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
                // Between this and the next call hyper flushes what it has.
                self.breaking = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Two pieces that part after `at` bytes.
pub(crate) fn split(mut bytes: Bytes, at: usize) -> Vec<Piece> {
    let rest = bytes.split_off(at.min(bytes.len()));
    vec![Piece::Bytes(bytes), Piece::Bytes(rest)]
}

/// The bits of the middle byte inverted.
pub(crate) fn corrupt(bytes: &Bytes) -> Vec<Piece> {
    let mut corrupted = bytes.to_vec();
    let middle = corrupted.len() / 2;
    if let Some(byte) = corrupted.get_mut(middle) {
        *byte = !*byte;
    }
    vec![Piece::Bytes(corrupted.into())]
}
