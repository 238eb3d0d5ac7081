//! Whether the port speaks what it is spoken to: plain HTTP, or TLS with a certificate to trust.
//!
//! What is known comes from the first request. Where that failed in a way that the wrong protocol would explain, the
//! port is asked once more in the other one.

use node::{CertificateFault, Client, Config, Endpoint, Error, Hint, Info, Limits, NoAnswer};

use super::check::{Check, Finding};

/// What the answer to the first request, or its absence, says about the protocol.
pub(super) async fn judge(node: &Config, answer: &Result<Info, Error>) -> Finding {
    let Err(Error::NoAnswer(failed)) = answer else {
        return spoken(node);
    };
    let (why, connected) = match failed {
        NoAnswer::Connect { why, .. } => (why.as_str(), false),
        NoAnswer::Broken { why, .. } => (why.as_str(), true),
        // The limit for connecting is the shorter one, and the handshake is a part of that.
        NoAnswer::Timeout { .. } => ("", node.endpoint.is_tls()),
    };
    if let Some(Hint::Certificate(fault)) = failed.hint() {
        return Finding::fail(Check::Protocol, why, certificate(fault));
    }
    if node.endpoint.is_tls() && connected {
        return spoken(node);
    }
    if let Some(other) = other_protocol(node).await {
        let (figure, hint) = if other.is_tls() {
            ("plain HTTP to a port that speaks TLS", "")
        } else {
            (
                "TLS to a port that speaks plain HTTP",
                " and leave --tls out",
            )
        };
        return Finding::fail(
            Check::Protocol,
            figure,
            format!("write --node {other}{hint}"),
        );
    }
    match (failed, failed.hint()) {
        (_, Some(hint)) => Finding::fail(Check::Protocol, why, hint.to_string()),
        (_, None) if node.endpoint.is_tls() => Finding::fail(
            Check::Protocol,
            format!("the TLS handshake fails: {why}"),
            "is this the port of a proxy with TLS? A node serves its API without TLS, on port 1848 unless it was told \
             otherwise",
        ),
        (NoAnswer::Broken { .. }, None) => {
            Finding::ok(Check::Protocol, "plain; the port does not speak TLS either")
        }
        _ => Finding::skipped(Check::Protocol, "nothing comes back that would tell"),
    }
}

fn spoken(node: &Config) -> Finding {
    let figure = match (node.endpoint.is_tls(), node.insecure) {
        (false, _) => "plain HTTP",
        (true, false) => "TLS, with a certificate that this machine trusts",
        (true, true) => "TLS; --insecure accepts any certificate",
    };
    Finding::ok(Check::Protocol, figure)
}

/// The same port in the other protocol, if it answers in that.
async fn other_protocol(node: &Config) -> Option<Endpoint> {
    let scheme = if node.endpoint.is_tls() {
        "http"
    } else {
        "https"
    };
    let (host, port) = (node.endpoint.host(), node.endpoint.port());
    let endpoint: Endpoint = format!("{scheme}://{host}:{port}").parse().ok()?;
    let limits = Limits {
        info: node.limits.connect,
        ..node.limits.clone()
    };
    let client = Client::new(Config {
        endpoint: endpoint.clone(),
        insecure: true,
        limits,
        ..node.clone()
    });
    match client.ok()?.info().await {
        Err(Error::NoAnswer(_)) => None,
        _ => Some(endpoint),
    }
}

fn certificate(fault: CertificateFault) -> &'static str {
    match fault {
        CertificateFault::Expired => {
            "have the certificate renewed, and see that this machine's clock is right; until then --insecure accepts it"
        }
        CertificateFault::NotYetValid => {
            "see that this machine's clock is right; if it is, --insecure accepts the certificate"
        }
        CertificateFault::WrongName => {
            "give a name that the certificate is for as --node; --insecure accepts any"
        }
        CertificateFault::Untrusted => {
            "nobody whom this machine trusts vouches for the certificate: if it is your own, --insecure accepts it. A \
             node's P2P port has such a one but serves no mining; its service API is another port (1848, without TLS)"
        }
    }
}
