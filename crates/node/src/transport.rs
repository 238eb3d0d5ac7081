//! Why no answer came, found out from the layers of errors below a request.
//!
//! The one mistake a user makes here, TLS spoken to a port without it or the reverse, shows up as a
//! violation of either protocol; it is recognised and named.

use std::{error::Error as StdError, io, time::Duration};

use rustls::CertificateError;

use crate::Endpoint;

/// Why no complete answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection: unknown host, refused, unreachable, or TLS failed. The request was not sent.
    #[error("cannot connect to {endpoint}: {why}{}", after_semicolon(*hint))]
    Connect {
        /// The node.
        endpoint: String,
        /// The cause.
        why: String,
        /// The mistake behind it, where it is known.
        hint: Option<Hint>,
    },
    /// The connection broke, or what came is not HTTP.
    #[error(
        "the connection to {endpoint} failed before the answer was complete: {why}{}",
        after_semicolon(*hint)
    )]
    Broken {
        /// The node.
        endpoint: String,
        /// The cause.
        why: String,
        /// The mistake behind it, where it is known.
        hint: Option<Hint>,
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

/// The mistake of a user behind a failed connection; displays as what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hint {
    /// TLS was spoken to a port that answered something else.
    #[error("this looks like a port without TLS: use http:// or leave --tls out")]
    PlainPort,
    /// The port hung up on a TLS greeting.
    #[error("the port may be one without TLS: try http:// or leave --tls out")]
    PerhapsPlainPort,
    /// The port does not answer HTTP with HTTP.
    #[error("this is not HTTP; if the port speaks TLS, use https:// or --tls")]
    NotHttp,
    /// The port said that it wants TLS.
    #[error("this looks like a port with TLS: use https:// or --tls")]
    TlsPort,
    /// The certificate is not to be trusted.
    #[error("--insecure accepts any certificate")]
    Certificate(CertificateFault),
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// It is not valid any more.
    Expired,
    /// It is not valid yet, by this machine's clock.
    NotYetValid,
    /// It is for other names than the one that was asked.
    WrongName,
    /// Nobody that this machine trusts vouches for it, or it cannot be read.
    Untrusted,
}

impl NoAnswer {
    /// Reads a failed request or body.
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

    /// The mistake behind it, where it is known.
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

/// What a proxy says on a TLS port (nginx, Go) to a plain request.
pub(crate) fn plain_request_to_tls_port(text: &str) -> bool {
    text.contains("plain HTTP request was sent to HTTPS port")
        || text.contains("HTTP request to an HTTPS server")
}

/// What to answer where [`plain_request_to_tls_port`] holds.
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
