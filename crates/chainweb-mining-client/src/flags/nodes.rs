//! The flags for the node and the miner's key, shared by the commands that use a node.

mod address;
mod second_name;

use std::path::PathBuf;

use ::node::{Endpoint, Fingerprint, Miner, Trust};
use clap::Args;
use tracing::warn;

pub(crate) use self::address::NodeAddress;
use self::address::{NAME, Trusted, trusted};
pub(crate) use self::second_name::second_names;
use super::timeouts::TimeoutArgs;
use crate::usage::UsageError;

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
    #[arg(short, long, value_name = NAME, default_value = "localhost:1848")]
    pub node: Vec<NodeAddress>,
    /// A node that only takes solutions, of work that it holds as well as the node that issued it;
    /// repeatable.
    #[arg(long, value_name = NAME)]
    pub submit_only_node: Vec<NodeAddress>,
    /// Connect with TLS to all nodes whose address has no scheme.
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
    /// Returns the configurations of the nodes, the preferred one first; at least one. Those that
    /// only insure follow. Logs a warning for what looks like an error.
    ///
    /// # Errors
    /// Returns an error if the flags name no node or one twice, or contradict each other.
    pub fn configs(&self) -> Result<Vec<::node::Config>, UsageError> {
        let insurers = self.submit_only_node.iter();
        let nodes: Vec<_> = self
            .node
            .iter()
            .map(|node| ("--node", node))
            .chain(insurers.map(|node| ("--submit-only-node", node)))
            .collect();
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for (flag, node) in &nodes {
            let address = node.address();
            let endpoint = Endpoint::parse(address, self.tls).map_err(UsageError::new)?;
            if endpoints.contains(&endpoint) {
                return Err(UsageError::new(format!(
                    "{flag} {address:?} appears twice: leave one"
                )));
            }
            endpoints.push(endpoint);
        }
        if self.node.is_empty() {
            return Err(UsageError::new("--node: the list is empty; name a node"));
        }
        if self.tls && !endpoints.iter().any(Endpoint::is_tls) {
            return Err(UsageError::new(format!(
                "--tls contradicts --node {:?}: write https:// or leave out one of the two",
                self.node[0].address()
            )));
        }
        let trusts = self.trusts(&nodes, &endpoints).map_err(UsageError::new)?;
        if let Some(warning) = self.public_key.as_deref().and_then(warning_about) {
            warn!(
                event = "suspicious_setting",
                key = self.public_key,
                "{warning}"
            );
        }
        let configs = endpoints.into_iter().zip(trusts);
        let configs = configs.map(|(endpoint, trust)| ::node::Config {
            endpoint,
            miner: Miner::new(self.public_key.as_deref(), self.account.as_deref()),
            trust,
            limits: self.timeouts.limits(),
        });
        Ok(configs.collect())
    }

    /// Returns the same without second names of nodes, and the number of the last nodes that only
    /// insure. Logs a warning for each second name.
    ///
    /// # Errors
    /// Returns an error if the flags name no node or one twice, or contradict each other.
    pub(crate) async fn distinct(&self) -> Result<(Vec<::node::Config>, usize), UsageError> {
        let mut nodes = self.configs()?;
        let mut submit_only = self.submit_only_node.len();
        for (at, earlier) in second_names(&nodes).await.into_iter().rev() {
            let same_as = nodes[earlier].endpoint.to_string();
            let node = nodes.remove(at).endpoint;
            submit_only -= usize::from(at >= self.node.len());
            warn!(
                event = "node_named_twice",
                %node,
                same_as,
                "two names of one node: it is used once"
            );
        }
        Ok((nodes, submit_only))
    }

    /// Returns the certificates to trust of each node. Logs a warning for what has no effect or
    /// trusts anyone.
    fn trusts(
        &self,
        nodes: &[(&str, &NodeAddress)],
        endpoints: &[Endpoint],
    ) -> Result<Vec<Trust>, String> {
        let names = ["--insecure", "--node-ca", "--node-fingerprint"];
        let (ca, pinned) = (self.node_ca.clone(), self.node_fingerprint);
        let of_all = trusted(self.insecure, ca, pinned, names)?;
        let default = match &of_all {
            Some((trusted, name)) => trusted.read(name)?,
            None => Trust::Machine,
        };
        let mut trusts = Vec::new();
        let mut useless = of_all.as_ref().map(|(_, name)| (*name).to_owned());
        let mut insecure = None;
        for ((flag, node), endpoint) in nodes.iter().zip(endpoints) {
            let name = match &node.trusted {
                Some(own) => {
                    trusts.push(own.read(&format!("{flag} {:?}: ca", node.address()))?);
                    let name = format!("{flag} {:?}", node.to_string());
                    if !endpoint.is_tls() && *own != Trusted::Machine {
                        has_no_effect(&name);
                    }
                    name
                }
                None => {
                    trusts.push(default.clone());
                    useless = useless.filter(|_| !endpoint.is_tls());
                    "--insecure".to_owned()
                }
            };
            if trusts.last() == Some(&Trust::Any) && endpoint.is_tls() {
                insecure = Some(name);
            }
        }
        if let Some(flag) = useless {
            has_no_effect(&flag);
        }
        if let Some(name) = insecure {
            warn!(
                event = "suspicious_setting",
                "{name} accepts any certificate, so others on the network can pose as the node; \
                 --node-ca or --node-fingerprint trusts only the node's certificate"
            );
        }
        Ok(trusts)
    }
}

fn has_no_effect(setting: &str) {
    warn!(
        event = "suspicious_setting",
        "{setting} has no effect without TLS"
    );
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
    use ::node::{Config, Trust};
    use clap::{Args, Command, FromArgMatches};

    use super::{NodeArgs, warning_about};

    fn parsed(args: &[&str]) -> NodeArgs {
        let command = NodeArgs::augment_args(Command::new("mine").no_binary_name(true));
        let matches = command.try_get_matches_from(args).expect("valid values");
        NodeArgs::from_arg_matches(&matches).expect("all flags")
    }

    fn configs(args: &[&str]) -> Result<Vec<Config>, String> {
        let configs = parsed(args).configs();
        configs.map_err(|error| error.to_string())
    }

    #[test]
    fn flags_for_all_nodes_hold_for_those_that_say_nothing_else() {
        let pin = format!("sha256:{}", "0a".repeat(32));
        let pinned = Trust::Pinned(pin.parse().expect("a fingerprint"));
        let pinned_node = format!("--node=d,fingerprint={pin}");
        let found = configs(&[
            "--tls",
            "--insecure",
            "--node=a:1",
            "--node=http://b",
            "--node=c,insecure=false",
            &pinned_node,
        ]);
        let found = found.expect("consistent settings").into_iter();
        let found: Vec<_> = found
            .map(|node| (node.endpoint.to_string(), node.trust))
            .collect();
        let expected = [
            ("https://a:1", Trust::Any),
            ("http://b:1848", Trust::Any),
            ("https://c:1848", Trust::Machine),
            ("https://d:1848", pinned),
        ];
        let expected = expected.map(|(address, trust)| (address.to_owned(), trust));
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn a_node_with_two_names_is_used_once() {
        let args = parsed(&[
            "--node=localhost:1",
            "--node=127.0.0.1:1",
            "--node=127.0.0.1:2",
            "--submit-only-node=127.0.0.1:3",
            "--submit-only-node=localhost:2",
        ]);
        let (nodes, submit_only) = args.distinct().await.expect("consistent settings");
        let nodes = nodes.iter().map(|node| node.endpoint.to_string());
        assert_eq!(
            nodes.collect::<Vec<_>>(),
            [
                "http://localhost:1",
                "http://127.0.0.1:2",
                "http://127.0.0.1:3"
            ]
        );
        assert_eq!(submit_only, 1);
    }

    #[test]
    fn nodes_that_contradict_other_settings_are_errors() {
        for (args, expected) in [
            (
                &["--tls", "-n", "http://a", "-n", "http://b"][..],
                "--tls contradicts",
            ),
            (
                &["-n", "a,insecure", "-n", "http://a:1848"],
                "appears twice",
            ),
            (
                &["-n", "https://a,ca=/nonexistent"],
                "--node \"https://a\": ca /nonexistent: cannot be read",
            ),
        ] {
            let error = configs(args).expect_err("a contradiction");
            assert!(error.contains(expected), "{error}");
        }
    }

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
