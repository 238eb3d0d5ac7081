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
    for layer in layers(error) {
        if let Some(tls) = tls_error(layer) {
            return match tls {
                rustls::Error::InvalidMessage(_) => Some(PLAIN_PORT),
                rustls::Error::InvalidCertificate(_) => Some(UNTRUSTED),
                _ => None,
            };
        }
        let http = layer.downcast_ref::<hyper::Error>();
        if http.is_some_and(hyper::Error::is_parse) && !endpoint.is_tls() {
            return Some(TLS_PORT);
        }
    }
    None
}

/// What the innermost error says.
fn root_cause(error: &reqwest::Error) -> String {
    let texts = layers(error).map(|layer| match tls_error(layer) {
        Some(tls) => tls.to_string(),
        None => layer.to_string(),
    });
    texts.last().unwrap_or_default()
}

fn layers<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&layer| layer.source())
}

/// The TLS error a layer is, or wraps without naming it as its source.
fn tls_error<'a>(layer: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = layer
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    layer.downcast_ref().or_else(|| wrapped?.downcast_ref())
}
