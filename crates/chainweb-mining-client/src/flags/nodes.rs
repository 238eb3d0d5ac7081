//! The flags for the node and the miner's key, shared by the commands that use a node.

use std::path::PathBuf;
use std::str::FromStr;
use std::{fmt, fs};

use ::node::{Endpoint, EndpointError, Fingerprint, Miner, Trust};
use clap::Args;
use tracing::warn;

use super::timeouts::TimeoutArgs;
use crate::usage::UsageError;

/// The address of a node as it is written. `--tls` applies to one without a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress(String);

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NodeAddress {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        text.parse::<Endpoint>()?;
        Ok(Self(text.to_owned()))
    }
}

/// The nodes to mine on, and the account to mine for.
#[derive(Clone, Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches and their opposites are flags of their own"
)]
#[command(next_help_heading = "Node")]
pub struct NodeArgs {
    /// The node's mining API: `host[:port]`, `[::1]:1848` or `http(s)://host[:port]`. Repeat it for
    /// several nodes of one network, the preferred one first.
    #[arg(short, long, value_name = "ADDRESS", default_value = "localhost:1848")]
    pub node: Vec<NodeAddress>,
    /// Connect to all nodes with TLS.
    #[arg(short, long, overrides_with = "no_tls")]
    pub tls: bool,
    /// Connect with plain HTTP; undoes --tls.
    #[arg(long, overrides_with = "tls")]
    no_tls: bool,
    /// Accept any TLS certificate of the node, such as a self-signed one.
    #[arg(short = 'x', long, overrides_with = "no_insecure")]
    pub insecure: bool,
    /// Accept only trusted TLS certificates; undoes --insecure.
    #[arg(long, overrides_with = "insecure")]
    no_insecure: bool,
    /// Trust only the certificates in this PEM file, and those issued by them.
    #[arg(long, value_name = "FILE")]
    pub node_ca: Option<PathBuf>,
    /// Trust only the TLS certificate with this SHA-256 fingerprint, for any name: `sha256:<hex>`.
    #[arg(long, value_name = "FINGERPRINT")]
    pub node_fingerprint: Option<Fingerprint>,
    /// Public key to mine for, in hex, as configured on the node.
    #[arg(short = 'k', long, value_name = "KEY")]
    pub public_key: Option<String>,
    /// Account to mine for [default: `k:` and the public key].
    #[arg(short, long)]
    pub account: Option<String>,
    /// The time limits of requests.
    #[command(flatten)]
    pub timeouts: TimeoutArgs,
}

impl NodeArgs {
    /// Returns the configurations of the nodes, the preferred one first; at least one. Logs a
    /// warning for what looks like an error.
    ///
    /// # Errors
    /// Returns an error if the flags name no node or one twice, or contradict each other.
    pub fn configs(&self) -> Result<Vec<::node::Config>, UsageError> {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for NodeAddress(address) in &self.node {
            let endpoint = Endpoint::parse(address, self.tls).map_err(UsageError::new)?;
            if self.tls && !endpoint.is_tls() {
                return Err(UsageError::new(format!(
                    "--tls contradicts --node {address:?}: write https:// or leave out one of the \
                     two"
                )));
            }
            if endpoints.contains(&endpoint) {
                return Err(UsageError::new(format!(
                    "--node {address:?} appears twice: leave one"
                )));
            }
            endpoints.push(endpoint);
        }
        if endpoints.is_empty() {
            return Err(UsageError::new("--node: the list is empty; name a node"));
        }
        let (trust, flag) = self.trust().map_err(UsageError::new)?;
        match flag {
            Some(flag) if !endpoints.iter().any(Endpoint::is_tls) => {
                warn!(
                    event = "suspicious_setting",
                    "{flag} has no effect without TLS"
                );
            }
            Some("--insecure") => {
                warn!(
                    event = "suspicious_setting",
                    "--insecure accepts any certificate, so others on the network can pose as the \
                     node; --node-ca or --node-fingerprint trusts only the node's certificate"
                );
            }
            _ => {}
        }
        let nodes = endpoints.into_iter().map(|endpoint| ::node::Config {
            endpoint,
            miner: Miner::new(self.public_key.as_deref(), self.account.as_deref()),
            trust: trust.clone(),
            limits: self.timeouts.limits(),
        });
        if let Some(warning) = self.public_key.as_deref().and_then(warning_about) {
            warn!(
                event = "suspicious_setting",
                key = self.public_key,
                "{warning}"
            );
        }
        Ok(nodes.collect())
    }

    /// Returns the certificates to trust, and the flag that names them.
    fn trust(&self) -> Result<(Trust, Option<&'static str>), String> {
        const CA: &str = "--node-ca";
        const FINGERPRINT: &str = "--node-fingerprint";
        let contradict = |one, other| {
            Err(format!(
                "{one} contradicts {other}: leave out one of the two"
            ))
        };
        match (self.insecure, &self.node_ca, self.node_fingerprint) {
            (false, None, None) => Ok((Trust::Machine, None)),
            (true, None, None) => Ok((Trust::Any, Some("--insecure"))),
            (false, None, Some(pinned)) => Ok((Trust::Pinned(pinned), Some(FINGERPRINT))),
            (false, Some(file), None) => {
                let unreadable = |why: String| format!("--node-ca {}: {why}", file.display());
                let text = fs::read(file);
                let text = text.map_err(|error| unreadable(format!("cannot be read: {error}")))?;
                let trust = Trust::only_pem(&text);
                let trust = trust.map_err(|error| unreadable(error.to_string()))?;
                Ok((trust, Some(CA)))
            }
            (true, Some(_), _) => contradict("--insecure", CA),
            (true, None, Some(_)) => contradict("--insecure", FINGERPRINT),
            (false, Some(_), Some(_)) => contradict(CA, FINGERPRINT),
        }
    }
}

/// Returns a warning about a public key that looks wrong. It is sent unchanged: the node compares
/// texts.
fn warning_about(key: &str) -> Option<&'static str> {
    let is_key = |key: &str| key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if key.is_empty() || is_key(key) {
        None
    } else if key.strip_prefix("k:").is_some_and(is_key) {
        Some("the public key starts with k:, which is part of the account; leave it out")
    } else {
        Some("the public key does not look like one: expected 64 hex digits")
    }
}

#[cfg(test)]
mod tests {
    use super::warning_about;

    #[test]
    fn a_text_that_does_not_look_like_a_public_key_is_a_warning() {
        #[track_caller]
        fn check(key: &str, expected: Option<&str>) {
            let warning = warning_about(key);
            assert_eq!(
                warning.is_some(),
                expected.is_some(),
                "{key:?}: {warning:?}"
            );
            let part = expected.unwrap_or_default();
            assert!(
                warning.unwrap_or_default().contains(part),
                "{key:?}: {warning:?}"
            );
        }
        const KEY: &str = fixtures::PUBLIC_KEY;
        check(KEY, None);
        check(&KEY.to_uppercase(), None);
        check("", None);
        check(&format!("k:{KEY}"), Some("leave it out"));
        check(&format!("k:{}", &KEY[1..]), Some("64 hex digits"));
        check(&KEY[1..], Some("64 hex digits"));
        check(&format!("{KEY}0"), Some("64 hex digits"));
        check(&format!("0x{KEY}"), Some("64 hex digits"));
        check(&format!(" {KEY}"), Some("64 hex digits"));
        check(&KEY.replace('f', "g"), Some("64 hex digits"));
        check("é", Some("64 hex digits"));
    }
}
