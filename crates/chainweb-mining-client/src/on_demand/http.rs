//! The endpoint `/make-blocks`. Where the Haskell client has the same request, so are the
//! responses.
//!
//! The content type of a request is ignored. A body is read to its end even if it is too long, so
//! that the client gets to read the response.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use axum::Router;
use axum::body::Body;
use axum::extract::{self, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt;
use hyper::StatusCode;
use hyper::header::{ALLOW, CONTENT_TYPE};
use miner::worker::on_demand::{Outcome, Request};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::{MAX_CONNECTIONS, accept, counts};
use crate::http::FOREIGN;

/// Room for counts on many more chains than a network has.
const MAX_BODY_BYTES: usize = 64 << 10;
/// How much of a longer body is read and discarded before the connection is closed.
const MAX_DISCARDED_BYTES: usize = 32 << 20;
/// The time within which a body has to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait for blocks.
const MAX_WAIT: Duration = Duration::from_mins(10);

/// Requests that wait for blocks at a time: half of the connections, so that others are served.
const MAX_WAITING: usize = MAX_CONNECTIONS.get() / 2;

const METHODS: &str = "GET, HEAD, POST, DELETE, OPTIONS";

const NOT_YET: &str = "not all blocks are in the cut yet; they stay outstanding";

const TOO_MANY_WAIT: &str = "too many requests wait for blocks; this one is ignored: repeat it \
    later or without wait";

/// What all connections use.
#[derive(Clone)]
struct Shared {
    /// The channel to the worker.
    worker: mpsc::Sender<Request>,
    /// A permit for each request that may wait for its blocks.
    waits: Arc<Semaphore>,
}

type Requests = State<Shared>;

/// A response of success, or of an error.
type Answer = Result<Response, Response>;

pub(super) fn router(requests: mpsc::Sender<Request>) -> Router {
    let methods = post(make).get(outstanding).delete(cancel);
    let methods = methods.options(async || (StatusCode::NO_CONTENT, [(ALLOW, METHODS)]));
    Router::new()
        .route("/make-blocks", methods.fallback(not_allowed))
        .fallback(async || plain(404, "not found; the only endpoint is /make-blocks"))
        .with_state(Shared {
            worker: requests,
            waits: Arc::new(Semaphore::new(MAX_WAITING)),
        })
}

async fn make(requests: Requests, http: extract::Request) -> Answer {
    if !accept::accepts_plain_text(http.headers()) {
        let text = "the response is text/plain, which the request does not accept";
        return Err(plain(406, text));
    }
    let wait = wait(http.uri().query()).map_err(|error| plain(400, error.to_string()))?;
    let body = timeout(BODY_TIMEOUT, read(http.into_body())).await;
    let body = body.map_err(|_| plain(408, "the body did not arrive in time"))??;
    let counts = counts::from_json(&body).map_err(bad_body)?;
    let may_wait = wait.map(|_| requests.waits.try_acquire());
    if let Some(Err(_)) = may_wait {
        return Err(plain(503, TOO_MANY_WAIT));
    }
    let (outcome, made) = oneshot::channel();
    let request = |reply| Request::Make(counts, reply, outcome);
    ask(&requests, request).await?.map_err(bad_body)?;
    let Some(wait) = wait else {
        return Ok(plain(200, "[]"));
    };
    match timeout(wait, made).await {
        Ok(Ok(Outcome::Made)) => Ok(plain(200, "[]")),
        Ok(Ok(Outcome::Cancelled)) => Err(plain(409, "the request was cancelled")),
        Ok(Err(_)) => Err(shutting_down()),
        Err(_) => Err(plain(504, NOT_YET)),
    }
}

async fn outstanding(requests: Requests) -> Answer {
    let outstanding = ask(&requests, Request::Outstanding).await?;
    let content_type = [(CONTENT_TYPE, "application/json")];
    Ok((content_type, counts::to_json(&outstanding)).into_response())
}

async fn cancel(requests: Requests) -> Answer {
    ask(&requests, Request::Cancel).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn not_allowed() -> impl IntoResponse {
    let text = format!("use one of {METHODS}");
    ([(ALLOW, METHODS)], plain(405, text))
}

/// Sends a request to the worker and returns its reply.
async fn ask<T>(
    requests: &Requests,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Result<T, Response> {
    let (reply, answer) = oneshot::channel();
    // A request that is not sent is dropped, and its reply channel with it.
    requests.worker.send(request(reply)).await.ok();
    answer.await.map_err(|_| shutting_down())
}

/// The response to a web page of another site.
pub(super) fn refused() -> Response {
    plain(
        403,
        format!("{FOREIGN}; --on-demand-allowed-host allows a name"),
    )
}

fn plain(status: u16, text: impl Into<String>) -> Response {
    let status = StatusCode::from_u16(status).expect("a status of HTTP");
    (status, [(CONTENT_TYPE, "text/plain")], text.into()).into_response()
}

/// The Haskell client sends the first line alone.
fn bad_body(error: impl Display) -> Response {
    plain(400, format!("invalid request body\n{error}\n"))
}

fn shutting_down() -> Response {
    plain(503, "the client is shutting down")
}

/// Returns how long to wait for the blocks, `None` without `wait` in the query.
fn wait(query: Option<&str>) -> anyhow::Result<Option<Duration>> {
    let mut wait = None;
    for item in query.unwrap_or_default().split('&') {
        let (name, value) = item.split_once('=').unwrap_or((item, ""));
        let seconds = value.parse().ok();
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match (name, time.filter(|time| *time <= MAX_WAIT)) {
            _ if item.is_empty() => {}
            ("wait", Some(time)) => wait = Some(time),
            ("wait", None) => {
                let (max, value) = (MAX_WAIT.as_secs(), counts::short(value));
                bail!("expected wait=<seconds> with a number from 0 to {max}, got {value:?}");
            }
            _ => bail!("expected wait=<seconds>, got {:?}", counts::short(name)),
        }
    }
    Ok(wait)
}

/// Reads a body to its end and returns it if it is short enough.
async fn read(body: Body) -> Result<Vec<u8>, Response> {
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    let mut chunks = body.into_data_stream();
    while length <= MAX_DISCARDED_BYTES
        && let Some(chunk) = chunks.next().await
    {
        let chunk = chunk.map_err(|_| plain(400, "the body is incomplete"))?;
        length = length.saturating_add(chunk.len());
        if length <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&chunk);
        }
    }
    if length <= MAX_BODY_BYTES {
        return Ok(bytes);
    }
    let text = format!("the body has more than {MAX_BODY_BYTES} bytes");
    Err(plain(413, text))
}
