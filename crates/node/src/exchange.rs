//! One request and its complete response, bounded in time and memory.
//!
//! The time limit covers everything from the connection to the last byte. A response longer than
//! its limit is an error and not read further; of a refusal the start is kept.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, excerpt};
use crate::skew::TIMESTAMP;
use crate::{Endpoint, Error, Malformed, NoAnswer, Skew, transport};

/// The limits of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The name of the response in errors.
    pub(crate) what: &'static str,
    pub(crate) body: Need,
    pub(crate) time: Duration,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_text_bytes: usize,
}

/// Which part of a successful response the caller needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The body.
    Body,
    /// The status of a response without a body. It counts even if the end of the response is
    /// missing; a single byte of a body makes it malformed.
    Status,
}

/// Sends the request and reads the response.
pub(crate) async fn exchange(
    request: RequestBuilder,
    endpoint: &Endpoint,
    bounds: Bounds,
) -> Result<Answer, Error> {
    let sent = Instant::now();
    // A limit that overflows the clock is no limit.
    let far = sent + Duration::from_hours(24 * 365);
    let deadline = sent.checked_add(bounds.time).unwrap_or(far);
    let late = |_| NoAnswer::Timeout {
        endpoint: endpoint.to_string(),
        after: bounds.time,
    };
    let response = timeout_at(deadline, Box::pin(send(request, endpoint)))
        .await
        .map_err(late)??;
    let skew = Skew::from_headers(response.headers(), sent.elapsed());
    let succeeded = bounds.body == Need::Status && response.status().is_success();
    let status_alone = succeeded.then(|| Answer {
        path: response.url().path().to_owned(),
        status: response.status(),
        headers: HeaderMap::new(),
        body: Vec::new(),
        skew,
        proxy: None,
    });
    let read = timeout_at(deadline, Box::pin(read(response, endpoint, bounds, skew))).await;
    match (read, status_alone) {
        (Ok(Err(error @ Error::Malformed(_))), _) => Err(error),
        (_, Some(answer)) => Ok(answer),
        (read, None) => read.map_err(late)?,
    }
}

/// Sends the request and waits for the head of the response.
pub(crate) async fn send(
    request: RequestBuilder,
    endpoint: &Endpoint,
) -> Result<Response, NoAnswer> {
    request
        .send()
        .await
        .map_err(|error| NoAnswer::from_reqwest(&error, endpoint))
}

/// Reads a response after its head.
pub(crate) async fn read(
    mut response: Response,
    endpoint: &Endpoint,
    bounds: Bounds,
    skew: Option<Skew>,
) -> Result<Answer, Error> {
    let status = response.status();
    let limit_bytes = if status.is_success() {
        bounds.max_body_bytes
    } else {
        bounds.max_text_bytes
    };
    let too_long = || Malformed::TooLong {
        what: bounds.what,
        limit_bytes,
    };
    let declared = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    if status.is_success() && declared.is_some_and(|length| length > limit_bytes) {
        return Err(too_long().into());
    }
    let is_empty = bounds.body == Need::Status && status.is_success();
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| NoAnswer::from_reqwest(&error, endpoint))?
    {
        if is_empty && !chunk.is_empty() {
            return Err(Malformed::NotEmpty {
                what: bounds.what,
                status: status.as_u16(),
                text: excerpt(&String::from_utf8_lossy(&chunk)),
            }
            .into());
        }
        let room = limit_bytes - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            if status.is_success() {
                return Err(too_long().into());
            }
            break;
        }
    }
    // All responses of a node have a timestamp.
    let is_own = response.headers().contains_key(TIMESTAMP);
    let is_refusal = !status.is_success() && !is_own;
    let answer = Answer {
        proxy: is_refusal.then(|| endpoint.proxy()).flatten(),
        path: response.url().path().to_owned(),
        status,
        headers: std::mem::take(response.headers_mut()),
        body,
        skew,
    };
    if status == StatusCode::BAD_REQUEST && transport::plain_request_to_tls_port(&answer.text()) {
        return Err(transport::tls_port(endpoint).into());
    }
    Ok(answer)
}
