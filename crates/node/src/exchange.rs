//! One request and its whole answer, in bounded time and memory.
//!
//! A time limit covers everything from the connection to the last byte. An answer of success that is
//! longer than its limit is an error and is not read further; of a refusal the start is kept.

use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode, header::HeaderMap};
use tokio::time::{Instant, timeout_at};

use crate::{Endpoint, Error, Malformed, NoAnswer, Skew, transport};

/// What is asked for, and how much of it to expect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Names the answer in errors.
    pub(crate) what: &'static str,
    pub(crate) body: Need,
    pub(crate) time: Duration,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_text_bytes: usize,
}

/// What an answer of success is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Its body.
    Body,
    /// Its status alone. It counts even if the body then breaks off, hangs or is too long.
    Status,
}

/// A complete answer; of a refusal, the start of its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) path: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) skew: Option<Skew>,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

/// Sends the request and reads the answer.
pub(crate) async fn exchange(
    request: RequestBuilder,
    endpoint: &Endpoint,
    bounds: Bounds,
) -> Result<Answer, Error> {
    let asked = Instant::now();
    // A limit beyond the end of time is none.
    let far = asked + Duration::from_hours(24 * 365);
    let deadline = asked.checked_add(bounds.time).unwrap_or(far);
    let late = |_| NoAnswer::Timeout {
        endpoint: endpoint.to_string(),
        after: bounds.time,
    };
    let response = timeout_at(deadline, Box::pin(send(request, endpoint)))
        .await
        .map_err(late)??;
    let skew = Skew::from_headers(response.headers(), asked.elapsed());
    let taken = bounds.body == Need::Status && response.status().is_success();
    let status_alone = taken.then(|| Answer {
        path: response.url().path().to_owned(),
        status: response.status(),
        headers: HeaderMap::new(),
        body: Vec::new(),
        skew,
    });
    let read = timeout_at(deadline, Box::pin(read(response, endpoint, bounds, skew))).await;
    match (read, status_alone) {
        (_, Some(answer)) => Ok(answer),
        (read, None) => read.map_err(late)?,
    }
}

/// Sends the request and waits for the head of the answer.
pub(crate) async fn send(
    request: RequestBuilder,
    endpoint: &Endpoint,
) -> Result<Response, NoAnswer> {
    request
        .send()
        .await
        .map_err(|error| NoAnswer::from_reqwest(&error, endpoint))
}

/// Reads an answer whose head has come.
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
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| NoAnswer::from_reqwest(&error, endpoint))?
    {
        let room = limit_bytes - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            if status.is_success() {
                return Err(too_long().into());
            }
            break;
        }
    }
    let answer = Answer {
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
