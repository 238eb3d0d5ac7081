//! The stream of server-sent events: figures each second, and events as they happen.
//!
//! Nothing waits for a reader. A stream that is read slowly skips figures, and events that are no
//! longer among the latest. Once the buffers of its connection are full, the server closes one
//! that is not read for half a minute.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::stream::unfold;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::IntoParams;

use super::MAX_STREAMS;
use super::answer::{Answer, Problem};
use super::published::Published;
use super::shared::Shared;

/// The place at which a stream begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// The id of the last event that the reader has.
    after: Option<String>,
}

struct Stream {
    published: watch::Receiver<Option<Arc<Published>>>,
    /// The number of the first event that was not sent; `None` before the first message.
    next: Option<u64>,
    /// The id of the last event that the reader has, if it has one.
    after: Option<String>,
    _permit: OwnedSemaphorePermit,
}

/// Answers with a stream.
pub(super) async fn stream(
    State(shared): State<Shared>,
    place: Result<Query<Place>, QueryRejection>,
    headers: HeaderMap,
) -> Answer {
    let Query(place) = place?;
    let Ok(permit) = shared.streams().try_acquire_owned() else {
        let error = format!("{MAX_STREAMS} streams are open already");
        let hint = "close one, or read /api/v1/status instead";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, error, hint));
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let mut published = shared.published();
    published.mark_changed();
    let start = Stream {
        published,
        next: None,
        after: last.map(str::to_owned).or(place.after),
        _permit: permit,
    };
    let body = Body::from_stream(unfold(start, Stream::next));
    Ok(([(CONTENT_TYPE, "text/event-stream")], body).into_response())
}

impl Stream {
    /// Returns the next messages; `None` when the program stops. Cancel safe.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        loop {
            self.published.changed().await.ok()?;
            let published = self.published.borrow_and_update().clone();
            let messages = published.map(|published| self.messages(&published));
            if let Some(messages) = messages.filter(|messages| !messages.is_empty()) {
                return Some((Ok(messages), self));
            }
        }
    }

    fn messages(&mut self, published: &Published) -> Bytes {
        let latest = &published.events;
        let end = latest.back().map_or(0, |last| last.event.sequence + 1);
        let next = self.next.unwrap_or_else(|| match &self.after {
            // An id of an earlier run is not among them: all are new.
            Some(id) => latest
                .iter()
                .find(|written| written.event.id == *id)
                .map_or(0, |last| last.event.sequence + 1),
            None => end,
        });
        let is_first = self.next.is_none();
        self.next = Some(end.max(next));
        let new = latest
            .iter()
            .filter(|written| written.event.sequence >= next);
        let mut parts: Vec<&[u8]> = new.map(|written| &*written.message).collect();
        if is_first {
            parts.insert(0, b"retry: 2000\n\n");
        } else if parts.is_empty() {
            return published.tick.clone();
        }
        parts.push(&published.tick);
        parts.concat().into()
    }
}
