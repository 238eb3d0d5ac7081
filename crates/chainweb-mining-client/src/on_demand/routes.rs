//! What can be asked over HTTP, and the answers: those of the Haskell client where it has the question.
//!
//! The content type of a body is not looked at. The body is read to its end, also where it is too long to be good, so
//! that whoever sends it can read why. Nothing here knows what an order leads to.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chainweb::ChainId;
use futures_util::StreamExt;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use miner::worker::on_demand::{Done, Order, counts};

use super::accept;

/// Room for counts on many more chains than a network has.
const MOST_BODY_BYTES: usize = 64 << 10;
/// How much of a body that is too long is read and thrown away before the connection is given up.
const MOST_DISCARDED_BYTES: usize = 32 << 20;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long blocks can be waited for.
const MOST_WAIT: Duration = Duration::from_mins(10);

const METHODS: &str = "GET, HEAD, POST, DELETE, OPTIONS";

/// Where orders go.
type Orders = mpsc::Sender<Order>;

/// All that can be asked.
pub(super) fn router(orders: Orders) -> Router {
    Router::new()
        .route(
            "/make-blocks",
            post(make)
                .get(outstanding)
                .delete(give_up)
                .options(methods)
                .fallback(not_allowed),
        )
        .fallback(not_found)
        .with_state(orders)
}

async fn make(
    State(orders): State<Orders>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if !accept::takes_plain_text(&headers) {
        let text = "the answer is text/plain, which the request does not accept";
        return plain(StatusCode::NOT_ACCEPTABLE, text);
    }
    let wait = match wait(query.as_deref()) {
        Ok(wait) => wait,
        Err(text) => return plain(StatusCode::BAD_REQUEST, text),
    };
    let body = match timeout(BODY_TIMEOUT, read(body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(refusal)) => return refusal,
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the body takes too long"),
    };
    match counts::from_json(&body) {
        Ok(counts) => order(&orders, counts, wait).await,
        Err(error) => bad_body(&error),
    }
}

async fn order(
    orders: &Orders,
    counts: BTreeMap<ChainId, u64>,
    wait: Option<Duration>,
) -> Response {
    let (answer, answered) = oneshot::channel();
    let (done, made) = match wait {
        Some(wait) => {
            let (done, made) = oneshot::channel();
            (Some(done), Some((wait, made)))
        }
        None => (None, None),
    };
    let order = Order::Make {
        counts,
        answer,
        done,
    };
    if orders.send(order).await.is_err() {
        return ending();
    }
    match answered.await {
        Ok(Ok(())) => {}
        Ok(Err(refused)) => return bad_body(&refused),
        Err(_) => return ending(),
    }
    let Some((wait, made)) = made else {
        return plain(StatusCode::OK, "[]");
    };
    match timeout(wait, made).await {
        Ok(Ok(Done::Made)) => plain(StatusCode::OK, "[]"),
        Ok(Ok(Done::Dropped)) => plain(StatusCode::CONFLICT, "the blocks were given up"),
        Ok(Err(_)) => ending(),
        Err(_) => plain(
            StatusCode::GATEWAY_TIMEOUT,
            "not all blocks are in the cut yet; they stay outstanding",
        ),
    }
}

async fn outstanding(State(orders): State<Orders>) -> Response {
    let (answer, answered) = oneshot::channel();
    // An order that is not taken is not answered either.
    orders.send(Order::Tell(answer)).await.ok();
    match answered.await {
        Ok(outstanding) => {
            let kind = [(CONTENT_TYPE, "application/json")];
            (kind, counts::to_json(&outstanding)).into_response()
        }
        Err(_) => ending(),
    }
}

async fn give_up(State(orders): State<Orders>) -> Response {
    let (answer, answered) = oneshot::channel();
    orders.send(Order::GiveUp(answer)).await.ok();
    match answered.await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => ending(),
    }
}

async fn methods() -> Response {
    (StatusCode::NO_CONTENT, [(ALLOW, METHODS)]).into_response()
}

async fn not_allowed() -> Response {
    let text = format!("use one of {METHODS}");
    let allowed = [(ALLOW, HeaderValue::from_static(METHODS))];
    (allowed, plain(StatusCode::METHOD_NOT_ALLOWED, text)).into_response()
}

async fn not_found() -> Response {
    // The text of the Haskell client, which scripts may look for, slip included.
    let text = "The on-demand worker's only endpoint is /make-block";
    plain(StatusCode::NOT_FOUND, text)
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response {
    (status, [(CONTENT_TYPE, "text/plain")], text.into()).into_response()
}

/// The first line is all that the Haskell client says.
fn bad_body(why: &impl std::error::Error) -> Response {
    let text = format!("invalid request body\n{why}\n");
    plain(StatusCode::BAD_REQUEST, text)
}

fn ending() -> Response {
    plain(StatusCode::SERVICE_UNAVAILABLE, "the client is ending")
}

/// How long the blocks are to be waited for, if at all.
fn wait(query: Option<&str>) -> Result<Option<Duration>, String> {
    let items = query.into_iter().flat_map(|query| query.split('&'));
    let mut wait = None;
    for item in items.filter(|item| !item.is_empty()) {
        let (name, value) = item.split_once('=').unwrap_or((item, ""));
        if name != "wait" {
            return Err(format!("expected wait=<seconds>, got {:?}", short(name)));
        }
        let seconds = value.parse::<f64>().ok();
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let time = time.filter(|time| *time <= MOST_WAIT);
        wait = Some(time.ok_or_else(|| {
            let most = MOST_WAIT.as_secs();
            let value = short(value);
            format!("expected wait=<seconds> with a number from 0 to {most}, got {value:?}")
        })?);
    }
    Ok(wait)
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The whole body, if it is not too long.
async fn read(body: Body) -> Result<Vec<u8>, Response> {
    let (mut whole, mut read) = (Vec::new(), 0_usize);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else {
            return Err(plain(StatusCode::BAD_REQUEST, "the body breaks off"));
        };
        read = read.saturating_add(chunk.len());
        if read <= MOST_BODY_BYTES {
            whole.extend_from_slice(&chunk);
        } else if read > MOST_DISCARDED_BYTES {
            break;
        }
    }
    if read > MOST_BODY_BYTES {
        let text = format!("a body has {MOST_BODY_BYTES} bytes at most");
        return Err(plain(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    Ok(whole)
}
