//! The error of a request without a response, from the layers of errors below it.
//!
//! A common error of users, TLS to a port without TLS or the reverse, appears as a violation of
//! either protocol. It is detected and named.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

use rustls::CertificateError;

use crate::Endpoint;
use crate::tls::OtherFingerprint;

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
    #[error("{0}")]
    Certificate(CertificateFault),
    /// The proxy of the environment does not connect to the node.
    #[error("is this proxy right, and does it let this through? no_proxy lists hosts without one")]
    Proxy,
    /// The TLS handshake failed for another reason.
    #[error("the port has TLS that this client cannot use: is it one of a web server or proxy?")]
    Handshake,
}

/// The error of a certificate. Displays as what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// It has expired.
    #[error("renew it, or check this machine's clock; --insecure accepts any certificate")]
    Expired,
    /// It is not valid yet, by this machine's clock.
    #[error("check this machine's clock; --insecure accepts any certificate")]
    NotYetValid,
    /// It is not valid for the requested name.
    #[error(
        "use a name in the certificate, or --node-fingerprint; --insecure accepts any certificate"
    )]
    WrongName,
    /// Its issuer is not trusted, or it cannot be read.
    #[error("--node-ca or --node-fingerprint trusts it; --insecure accepts any certificate")]
    Untrusted,
    /// It is not the pinned one.
    #[error("if the node has a new certificate, change --node-fingerprint")]
    OtherFingerprint,
}

impl NoAnswer {
    /// Converts the error of a request or of a body.
    pub(crate) fn from_reqwest(error: &reqwest::Error, endpoint: &Endpoint) -> Self {
        let tls = layers(error).find_map(|layer| layer.downcast_ref::<rustls::Error>());
        let mut why = tls.map_or_else(|| root_cause(error), in_words);
        let mut hint = hint(error, endpoint);
        let proxy = endpoint
            .proxy()
            .filter(|_| tls.is_none() && error.is_connect());
        if let Some(proxy) = proxy {
            why = format!("{why}, by way of the proxy {proxy}");
            hint = Some(Hint::Proxy);
        }
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
                _ => Some(Hint::Handshake),
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
            CertificateError::Other(other) if other.0.is::<OtherFingerprint>() => {
                Self::OtherFingerprint
            }
            _ => Self::Untrusted,
        }
    }
}

/// Returns a TLS error in words. The library displays many by the names of its types.
fn in_words(error: &rustls::Error) -> String {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(fault) => match (CertificateFault::of(fault), fault) {
            (CertificateFault::Expired, _) => "the node's certificate has expired".to_owned(),
            (CertificateFault::NotYetValid, _) => {
                "the node's certificate is not valid yet".to_owned()
            }
            (_, CertificateError::NotValidForNameContext { presented, .. }) => names(presented),
            (CertificateFault::WrongName, _) => {
                "the node's certificate is for another name".to_owned()
            }
            (_, CertificateError::UnknownIssuer) => {
                "no trusted authority has issued the node's certificate".to_owned()
            }
            (CertificateFault::OtherFingerprint, CertificateError::Other(other)) => {
                other.to_string()
            }
            (_, CertificateError::Other(other)) => match words(&other.0) {
                // The type of this error is not public.
                marked if marked == "ca used as end entity" => {
                    "the node's certificate is marked as that of an authority (CA)".to_owned()
                }
                other => format!("the node's certificate is not accepted: {other}"),
            },
            (_, fault) => format!("the node's certificate is not accepted: {}", words(fault)),
        },
        Tls::AlertReceived(alert) => format!("the node refuses TLS: {}", words(alert)),
        Tls::InvalidMessage(what) => format!("the answer is not TLS: {}", words(what)),
        Tls::PeerIncompatible(what) => format!("the node's TLS is incompatible: {}", words(what)),
        Tls::PeerMisbehaved(what) => format!("the node violates TLS: {}", words(what)),
        error @ (Tls::InappropriateMessage { .. } | Tls::InappropriateHandshakeMessage { .. }) => {
            format!("the node violates TLS: {}", words(error))
        }
        error => error.to_string(),
    }
}

/// The names that a certificate is for.
fn names(presented: &[String]) -> String {
    // The library writes `DnsName("example.com")`.
    let names = presented.iter().map(|name| {
        let inner = name
            .split_once('(')
            .map_or(name.as_str(), |(_, inner)| inner);
        inner.trim_matches(['(', ')', '"'])
    });
    match names.collect::<Vec<_>>().as_slice() {
        [] => "the node's certificate is for no name (it has no subjectAltName)".to_owned(),
        names => format!("the node's certificate is only for {}", names.join(", ")),
    }
}

/// Returns the name of a variant such as `HandshakeFailure`, or of nested ones, as words.
fn words(value: impl fmt::Debug) -> String {
    let mut words = String::new();
    let mut was_lowercase = false;
    for c in format!("{value:?}").chars() {
        if c.is_uppercase() && was_lowercase {
            words.push(' ');
        }
        was_lowercase = c.is_lowercase();
        match c {
            '(' | '{' => words.push_str(": "),
            ')' | '}' | '"' | '_' => {}
            c => words.extend(c.to_lowercase()),
        }
    }
    words
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
