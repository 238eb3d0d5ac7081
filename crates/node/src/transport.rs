//! The error of a request without a response, from the layers of errors below it.
//!
//! A common error of users, TLS to a port without TLS or the reverse, appears as a violation of
//! either protocol. It is detected and named.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use crate::Endpoint;

/// The error of a request without a complete response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The connection failed: unknown host, refused, unreachable, or a TLS error. The request was
    /// not sent.
    #[error("cannot connect to {endpoint}: {why}{}", after_semicolon(*hint))]
    Connect {
        /// The address of the node.
        endpoint: String,
        /// The cause.
        why: String,
        /// What to change, if known.
        hint: Option<Hint>,
    },
    /// The connection broke, or the response is not HTTP.
    #[error(
        "the connection to {endpoint} failed before the response was complete: {why}{}",
        after_semicolon(*hint)
    )]
    Broken {
        /// The address of the node.
        endpoint: String,
        /// The cause.
        why: String,
        /// What to change, if known.
        hint: Option<Hint>,
    },
    /// The time limit expired.
    #[error("no response from {endpoint} within {after:?}")]
    Timeout {
        /// The address of the node.
        endpoint: String,
        /// The limit.
        after: Duration,
    },
}

/// A likely error of the user behind a failed connection. Displays as what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hint {
    /// The port did not answer TLS with TLS.
    #[error("this looks like a port without TLS: use http:// or leave --tls out")]
    PlainPort,
    /// The port closed the connection during the TLS handshake.
    #[error("the port may be one without TLS: try http:// or leave --tls out")]
    PerhapsPlainPort,
    /// The port does not answer HTTP with HTTP.
    #[error("this is not HTTP; if the port speaks TLS, use https:// or --tls")]
    NotHttp,
    /// The port requires TLS.
    #[error("this looks like a port with TLS: use https:// or --tls")]
    TlsPort,
    /// The certificate is not trusted.
    #[error("--insecure accepts any certificate")]
    Certificate(CertificateFault),
}

/// The error of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// It has expired.
    Expired,
    /// It is not valid yet, by this machine's clock.
    NotYetValid,
    /// It is not valid for the requested name.
    WrongName,
    /// Its issuer is not trusted, or it cannot be read.
    Untrusted,
}

impl NoAnswer {
    /// Converts the error of a request or of a body.
    pub(crate) fn from_reqwest(error: &reqwest::Error, endpoint: &Endpoint) -> Self {
        let why = root_cause(error);
        let hint = hint(error, endpoint);
        let endpoint = endpoint.to_string();
        if error.is_connect() {
            Self::Connect {
                endpoint,
                why,
                hint,
            }
        } else {
            Self::Broken {
                endpoint,
                why,
                hint,
            }
        }
    }

    /// Returns what to change, if known.
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::Connect { hint, .. } | Self::Broken { hint, .. } => *hint,
            Self::Timeout { .. } => None,
        }
    }
}

fn after_semicolon(hint: Option<Hint>) -> String {
    hint.map_or_else(String::new, |hint| format!("; {hint}"))
}

/// Whether this is the text of nginx or Go for a plain request to a TLS port.
pub(crate) fn plain_request_to_tls_port(text: &str) -> bool {
    text.contains("plain HTTP request was sent to HTTPS port")
        || text.contains("HTTP request to an HTTPS server")
}

/// Returns the error for a [`plain_request_to_tls_port`].
pub(crate) fn tls_port(endpoint: &Endpoint) -> NoAnswer {
    NoAnswer::Broken {
        endpoint: endpoint.to_string(),
        why: "status 400".to_owned(),
        hint: Some(Hint::TlsPort),
    }
}

fn hint(error: &reqwest::Error, endpoint: &Endpoint) -> Option<Hint> {
    layers(error).find_map(|layer| {
        if let Some(tls) = layer.downcast_ref::<rustls::Error>() {
            return match tls {
                rustls::Error::InvalidMessage(_) => Some(Hint::PlainPort),
                rustls::Error::InvalidCertificate(fault) => {
                    Some(Hint::Certificate(CertificateFault::of(fault)))
                }
                _ => None,
            };
        }
        let io = layer.downcast_ref::<io::Error>();
        let closed = io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof);
        if closed && endpoint.is_tls() && error.is_connect() {
            return Some(Hint::PerhapsPlainPort);
        }
        let http = layer.downcast_ref::<hyper::Error>();
        let not_http = http.is_some_and(|http| http.is_parse() && !http.is_parse_too_large());
        (not_http && !endpoint.is_tls()).then_some(Hint::NotHttp)
    })
}

impl CertificateFault {
    fn of(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            _ => Self::Untrusted,
        }
    }
}

/// Returns the text of the innermost error.
fn root_cause(error: &reqwest::Error) -> String {
    layers(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// Returns an error and its sources, outermost first.
fn layers<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&layer| {
        // The source of an I/O error is that of the error it wraps, so look at the wrapped error
        // first.
        match layer
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => layer.source(),
        }
    })
}
