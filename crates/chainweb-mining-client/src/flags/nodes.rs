//! The flags that say on which node to work and for whom: shared by every command that speaks to a node.

use ::node::{Endpoint, EndpointError, Miner};
use clap::Args;
use tracing::warn;

use super::timeouts::TimeoutArgs;
use crate::usage::UsageError;

/// Why the flags do not name a node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    #[error("--node appears {0} times: this version mines on one node; keep one of them")]
    Several(usize),
    #[error("--node {:?}", without_user(text))]
    Address { text: String, source: EndpointError },
    #[error("--tls contradicts --node {0:?}: write https:// or leave out one of the two")]
    PlainWithTls(String),
}

/// An address without the user and the password before its host.
fn without_user(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    scheme + host
}

/// On which node to work, and for whom.
#[derive(Clone, Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches and their opposites are flags of their own"
)]
#[command(next_help_heading = "Node")]
pub struct NodeArgs {
    /// The node: `host[:port]`, `[::1]:1848` or `http(s)://host[:port]`.
    #[arg(short, long, value_name = "ADDRESS", default_value = "localhost:1848")]
    pub node: Vec<String>,
    /// Speak TLS with the node.
    #[arg(short, long, overrides_with = "no_tls")]
    pub tls: bool,
    /// Speak plain HTTP: undoes an earlier --tls.
    #[arg(long, overrides_with = "tls")]
    no_tls: bool,
    /// Accept any TLS certificate of the node.
    #[arg(short = 'x', long, overrides_with = "no_insecure")]
    pub insecure: bool,
    /// Accept only certificates that can be trusted: undoes an earlier --insecure.
    #[arg(long, overrides_with = "insecure")]
    no_insecure: bool,
    /// The public key that is mined for, in hex, exactly as the node knows it.
    #[arg(short = 'k', long, value_name = "KEY")]
    pub public_key: Option<String>,
    /// The account that is mined for [default: `k:` and the public key].
    #[arg(short, long)]
    pub account: Option<String>,
    /// How long requests may take.
    #[command(flatten)]
    pub timeouts: TimeoutArgs,
}

impl NodeArgs {
    /// The node that the flags name. What looks like a mistake but need not be one is warned about in the log.
    pub fn config(&self) -> Result<::node::Config, UsageError> {
        let [address] = self.node.as_slice() else {
            return Err(UsageError::new(NodeError::Several(self.node.len())));
        };
        let endpoint = Endpoint::parse(address, self.tls).map_err(|source| {
            let text = address.clone();
            UsageError::new(NodeError::Address { text, source })
        })?;
        if self.tls && !endpoint.is_tls() {
            return Err(UsageError::new(NodeError::PlainWithTls(address.clone())));
        }
        if self.insecure && !endpoint.is_tls() {
            warn!("--insecure has no effect: without TLS there is no certificate");
        }
        let node = ::node::Config {
            endpoint,
            miner: Miner::new(self.public_key.as_deref(), self.account.as_deref()),
            insecure: self.insecure,
            limits: self.timeouts.limits(),
        };
        if let Some(doubt) = self.public_key.as_deref().and_then(doubt_about) {
            warn!(key = self.public_key, "{doubt}");
        }
        Ok(node)
    }
}

/// What is odd about a public key. It is sent as it is all the same: the node compares texts.
fn doubt_about(key: &str) -> Option<&'static str> {
    let is_key = |key: &str| key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if key.is_empty() || is_key(key) {
        None
    } else if key.strip_prefix("k:").is_some_and(is_key) {
        Some("the public key begins with k:, which belongs to the account; leave it out")
    } else {
        Some("the public key does not look like one: 64 hex digits are usual")
    }
}

#[cfg(test)]
mod tests {
    use super::{doubt_about, without_user};

    #[test]
    fn user_and_password_are_removed_from_addresses() {
        for (address, public) in [
            ("http://user:hunter2@host:1848", "http://host:1848"),
            ("user@host", "host"),
            ("https://a:b@c@host/d", "https://host/d"),
            ("http://host/path", "http://host/path"),
            ("host:port", "host:port"),
        ] {
            assert_eq!(without_user(address), public);
        }
    }

    #[test]
    fn what_does_not_look_like_a_public_key_is_doubted() {
        #[track_caller]
        fn check(key: &str, expected: Option<&str>) {
            let doubt = doubt_about(key);
            assert_eq!(doubt.is_some(), expected.is_some(), "{key:?}: {doubt:?}");
            let part = expected.unwrap_or_default();
            assert!(
                doubt.unwrap_or_default().contains(part),
                "{key:?}: {doubt:?}"
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
