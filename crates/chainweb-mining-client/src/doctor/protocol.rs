//! Whether the port speaks the protocol of `--node`: plain HTTP, or TLS with a trusted certificate.
//!
//! Judged by the first request. If it failed as with the wrong protocol, one more request in the
//! other protocol decides.

use node::{CertificateFault, Client, Config, Endpoint, Error, Hint, Info, NoAnswer, Trust};

use super::check::{Check, Finding};

/// Judges the protocol by the answer to the first request, or its absence.
pub(super) async fn judge(node: &Config, answer: &Result<Info, Error>) -> Finding {
    let Err(Error::NoAnswer(failed)) = answer else {
        return spoken(node);
    };
    let (why, connected) = match failed {
        NoAnswer::Connect { why, .. } => (why.as_str(), false),
        NoAnswer::Broken { why, .. } => (why.as_str(), true),
        // The limit on connecting includes the handshake and is the shorter one.
        NoAnswer::Timeout { .. } => ("", node.endpoint.is_tls()),
    };
    match failed.hint() {
        Some(Hint::Certificate(fault)) => {
            return Finding::fail(Check::Protocol, why, certificate(fault));
        }
        Some(Hint::Proxy) => {
            return Finding::skipped(Check::Protocol, "the proxy does not lead to the node");
        }
        _ => {}
    }
    if node.endpoint.is_tls() && connected {
        return spoken(node);
    }
    if let Some(other) = other_protocol(node).await {
        let (figure, hint) = if other.is_tls() {
            ("plain HTTP to a port that speaks TLS", "")
        } else {
            let hint = " and leave --tls out";
            ("TLS to a port that speaks plain HTTP", hint)
        };
        let advice = format!("write --node {other}{hint}");
        return Finding::fail(Check::Protocol, figure, advice);
    }
    match (failed, failed.hint()) {
        (_, Some(Hint::Handshake) | None) if node.endpoint.is_tls() => Finding::fail(
            Check::Protocol,
            format!("the TLS handshake fails: {why}"),
            "is this the port of a proxy with TLS? A node serves its API without TLS, on port 1848 \
             by default",
        ),
        (_, Some(hint)) => Finding::fail(Check::Protocol, why, hint.to_string()),
        (NoAnswer::Broken { .. }, None) => {
            Finding::ok(Check::Protocol, "plain; the port does not speak TLS either")
        }
        _ => Finding::skipped(Check::Protocol, "the port does not respond"),
    }
}

fn spoken(node: &Config) -> Finding {
    let figure = match &node.trust {
        _ if !node.endpoint.is_tls() => "plain HTTP",
        Trust::Machine => "TLS, with a certificate that this machine trusts",
        Trust::Only(_) => "TLS, with a certificate that --node-ca trusts",
        Trust::Pinned(_) => "TLS, with the certificate of --node-fingerprint",
        Trust::Any => "TLS; --insecure accepts any certificate",
    };
    Finding::ok(Check::Protocol, figure)
}

/// Returns the endpoint with the other protocol if the port answers in it.
async fn other_protocol(node: &Config) -> Option<Endpoint> {
    let scheme = if node.endpoint.is_tls() {
        "http"
    } else {
        "https"
    };
    let (host, port) = (node.endpoint.host(), node.endpoint.port());
    let endpoint: Endpoint = format!("{scheme}://{host}:{port}").parse().ok()?;
    let mut config = node.clone();
    config.endpoint = endpoint.clone();
    config.trust = Trust::Any;
    config.limits.info = node.limits.connect;
    match Client::new(config).ok()?.info().await {
        Err(Error::NoAnswer(_)) => None,
        _ => Some(endpoint),
    }
}

fn certificate(fault: CertificateFault) -> &'static str {
    match fault {
        CertificateFault::Expired => {
            "renew the certificate, and check this machine's clock; until then --insecure accepts it"
        }
        CertificateFault::NotYetValid => {
            "check this machine's clock; if it is right, --insecure accepts the certificate"
        }
        CertificateFault::WrongName => {
            "set --node to a name that the certificate is for; --node-fingerprint trusts it for any \
             name"
        }
        CertificateFault::Untrusted => {
            "no authority that this machine trusts has signed the certificate: if it is your own, \
             --node-ca FILE or --node-fingerprint trusts it, and --insecure accepts any. A node's P2P port has such a certificate but serves no mining; \
             its service API is on another port (1848, without TLS)"
        }
        CertificateFault::OtherFingerprint => {
            "if the node has a new certificate, set --node-fingerprint to its fingerprint; if not, \
             something else answers in its place"
        }
    }
}
