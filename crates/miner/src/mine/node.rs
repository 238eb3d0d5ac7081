//! The flags that say on which node to work and for whom: shared by every command that speaks to a node.

use std::time::Duration;

use ::node::{Endpoint, Limits, Miner};
use clap::Args;
use tracing::warn;

use crate::units::positive_duration;
use crate::usage::UsageError;

/// On which node to work, and for whom.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Node")]
pub struct NodeArgs {
    /// The node: `host[:port]`, `[::1]:1848` or `http(s)://host[:port]`.
    #[arg(short, long, value_name = "ADDRESS", default_value = "localhost:1848")]
    pub node: Vec<String>,
    /// Speak TLS with the node.
    #[arg(short, long)]
    pub tls: bool,
    /// Accept any TLS certificate of the node.
    #[arg(short = 'x', long)]
    pub insecure: bool,
    /// The public key that is mined for, in hex, exactly as the node knows it.
    #[arg(short = 'k', long, value_name = "KEY")]
    pub public_key: Option<String>,
    /// The account that is mined for [default: `k:` and the public key].
    #[arg(short, long)]
    pub account: Option<String>,
    /// The time limit of a request, such as `10s` or `1500ms`.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = positive_duration)]
    pub timeout: Duration,
}

impl NodeArgs {
    /// The node that the flags name. What looks like a mistake but need not be one is warned about in the log.
    pub fn config(&self) -> Result<::node::Config, UsageError> {
        let [address] = self.node.as_slice() else {
            return Err(UsageError::SeveralNodes(self.node.len()));
        };
        let endpoint = Endpoint::parse(address, self.tls).map_err(|source| UsageError::Node {
            text: address.clone(),
            source,
        })?;
        if self.tls && !endpoint.is_tls() {
            return Err(UsageError::PlainWithTls(address.clone()));
        }
        if self.insecure && !endpoint.is_tls() {
            warn!("--insecure has no effect: without TLS there is no certificate");
        }
        let node = ::node::Config {
            endpoint,
            miner: Miner::new(self.public_key.as_deref(), self.account.as_deref()),
            insecure: self.insecure,
            limits: Limits {
                info: self.timeout,
                work: self.timeout,
                solved: self.timeout,
                cut: self.timeout,
                ..Limits::default()
            },
        };
        if let Some(key) = self.public_key.as_deref()
            && !key.is_empty()
            && !(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            warn!(
                key,
                "the public key does not look like one: 64 hex digits are usual"
            );
        }
        Ok(node)
    }
}
