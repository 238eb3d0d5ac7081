//! Requests of web pages, all of which the node allows (`chainwebCors` in `Chainweb/RestAPI.hs`).
//!
//! The checks of a preflight are those of wai-cors: method and headers must be simple ones.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode};

use super::answer::Answer;

const METHODS: &str = "GET, HEAD, POST";
const HEADERS: &str = "Accept, Accept-Language, Content-Language, Content-Type";

/// Whether a browser asks for permission to send a request.
pub(crate) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS && head.headers.contains_key(ORIGIN)
}

/// Answers a preflight: 200 or 400, on any path.
pub(crate) fn preflight(head: &Parts) -> Answer {
    let are_in = |list: &str, names: &str| {
        let is_in = |name: &str| {
            list.split(", ")
                .any(|known| known.eq_ignore_ascii_case(name))
        };
        names.split(',').map(str::trim).all(is_in)
    };
    let asked = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let is_allowed = asked(ACCESS_CONTROL_REQUEST_METHOD).is_some_and(|it| are_in(METHODS, it))
        && asked(ACCESS_CONTROL_REQUEST_HEADERS).is_none_or(|it| are_in(HEADERS, it));
    if is_allowed {
        Answer {
            is_permission: true,
            ..Answer::empty(StatusCode::OK)
        }
    } else {
        let message = "method or headers are not supported in a CORS request";
        Answer::error(StatusCode::BAD_REQUEST, message)
    }
}

/// Adds the headers for web pages to an answer.
pub(crate) fn add_headers(headers: &mut HeaderMap, is_permission: bool) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if is_permission {
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(METHODS),
        );
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(HEADERS),
        );
    }
}
