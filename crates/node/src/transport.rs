//! Why no answer came, found out from the layers of errors below a request.
//!
//! The one mistake a user makes here, TLS spoken to a port without it or the reverse, shows up as a
//! violation of either protocol; it is recognised and named.

use std::{error::Error as StdError, io, time::Duration};

use crate::Endpoint;

/// Why no complete answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection: unknown host, refused, unreachable, or TLS failed. The request was not sent.
    #[error("cannot connect to {endpoint}: {why}")]
    Connect {
        /// The node.
        endpoint: String,
        /// The cause, and what to do about it where that is known.
        why: String,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("the connection to {endpoint} failed before the answer was complete: {why}")]
    Broken {
        /// The node.
        endpoint: String,
        /// The cause, and what to do about it where that is known.
        why: String,
    },
    /// The time limit passed.
    #[error("no answer from {endpoint} within {after:?}")]
    Timeout {
        /// The node.
        endpoint: String,
        /// The limit.
        after: Duration,
    },
}

const PLAIN_PORT: &str = "this looks like a port without TLS: use http:// or leave --tls out";
const CLOSED_IN_HANDSHAKE: &str = "the port may be one without TLS: try http:// or leave --tls out";
const NOT_HTTP: &str = "this is not HTTP; if the port speaks TLS, use https:// or --tls";
const TLS_PORT: &str = "this looks like a port with TLS: use https:// or --tls";
const UNTRUSTED: &str = "--insecure accepts any certificate";

impl NoAnswer {
    /// Reads a failed request or body.
    pub(crate) fn from_reqwest(error: &reqwest::Error, endpoint: &Endpoint) -> Self {
        let cause = root_cause(error);
        let hint = hint(error, endpoint);
        let why = match hint {
            Some(hint) => format!("{cause}; {hint}"),
            None => cause,
        };
        let endpoint = endpoint.to_string();
        if error.is_connect() {
            Self::Connect { endpoint, why }
        } else {
            Self::Broken { endpoint, why }
        }
    }
}

/// What a proxy says on a TLS port (nginx, Go) to a plain request.
pub(crate) fn plain_request_to_tls_port(text: &str) -> bool {
    text.contains("plain HTTP request was sent to HTTPS port")
        || text.contains("HTTP request to an HTTPS server")
}

/// What to answer where [`plain_request_to_tls_port`] holds.
pub(crate) fn tls_port(endpoint: &Endpoint) -> NoAnswer {
    NoAnswer::Broken {
        endpoint: endpoint.to_string(),
        why: TLS_PORT.to_owned(),
    }
}

fn hint(error: &reqwest::Error, endpoint: &Endpoint) -> Option<&'static str> {
    layers(error).find_map(|layer| {
        if let Some(tls) = layer.downcast_ref::<rustls::Error>() {
            return match tls {
                rustls::Error::InvalidMessage(_) => Some(PLAIN_PORT),
                rustls::Error::InvalidCertificate(_) => Some(UNTRUSTED),
                _ => None,
            };
        }
        let io = layer.downcast_ref::<io::Error>();
        let closed = io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof);
        if closed && endpoint.is_tls() && error.is_connect() {
            return Some(CLOSED_IN_HANDSHAKE);
        }
        let http = layer.downcast_ref::<hyper::Error>();
        let not_http = http.is_some_and(|http| http.is_parse() && !http.is_parse_too_large());
        (not_http && !endpoint.is_tls()).then_some(NOT_HTTP)
    })
}

/// What the innermost error says.
fn root_cause(error: &reqwest::Error) -> String {
    layers(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// An error and everything below it, outermost first.
fn layers<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&layer| {
        // An I/O error does not name the error that it wraps as its source, but that one's source.
        match layer
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => layer.source(),
        }
    })
}
