//! Second names of nodes, found by their addresses.
//!
//! Two addresses that no name has in common, such as those of one machine in two networks, are not
//! known to be of one node. Nor are two names with one address, which a proxy may tell apart.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ::node::{Config, Endpoint};
use futures_util::future::join_all;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// How long name servers may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns which nodes have an earlier name, with the position of the node of that name.
pub(crate) async fn second_names(nodes: &[Config]) -> Vec<(usize, usize)> {
    if nodes.len() < 2 {
        return Vec::new();
    }
    let lookups = nodes.iter().map(|node| addresses(&node.endpoint));
    let found = join_all(lookups).await;
    let second = (0..nodes.len()).filter_map(|at| {
        let earlier = (0..at).find(|earlier| {
            let is_exact = is_exact(&nodes[*earlier].endpoint) || is_exact(&nodes[at].endpoint);
            is_exact && are_of_one_node(&found[*earlier], &found[at])
        })?;
        Some((at, earlier))
    });
    second.collect()
}

/// Whether no proxy can tell the host of an address from others at its place.
fn is_exact(endpoint: &Endpoint) -> bool {
    endpoint.is_loopback() || endpoint.bare_host().parse::<IpAddr>().is_ok()
}

/// Returns the addresses of a host with the port; none if they are not known, or if only a proxy
/// knows them.
async fn addresses(endpoint: &Endpoint) -> BTreeSet<SocketAddr> {
    if endpoint.proxy().is_some() {
        return BTreeSet::new();
    }
    let place = (endpoint.bare_host(), endpoint.port());
    let found = timeout(PATIENCE, lookup_host(place)).await;
    let found = found.ok().and_then(Result::ok);
    let canonical = |address: SocketAddr| (address.ip().to_canonical(), address.port()).into();
    found.into_iter().flatten().map(canonical).collect()
}

/// Whether two names lead to one node: they have the same addresses, or each is a machine and they
/// have one in common. A name with several addresses of one kind may lead to several machines.
fn are_of_one_node(a: &BTreeSet<SocketAddr>, b: &BTreeSet<SocketAddr>) -> bool {
    let is_machine = |all: &BTreeSet<SocketAddr>| {
        let of_version_4 = all.iter().filter(|address| address.is_ipv4()).count();
        of_version_4 <= 1 && all.len() - of_version_4 <= 1
    };
    let are_equal = a == b && !a.is_empty();
    are_equal || is_machine(a) && is_machine(b) && !a.is_disjoint(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_common_address_are_of_one_node_unless_they_lead_to_several() {
        #[track_caller]
        fn check(a: &[&str], b: &[&str], expected: bool) {
            let set = |all: &[&str]| -> BTreeSet<SocketAddr> {
                let parsed = all.iter().map(|text| text.parse().expect("an address"));
                parsed.collect()
            };
            let (a, b) = (set(a), set(b));
            assert_eq!(are_of_one_node(&a, &b), expected, "{a:?} {b:?}");
            assert_eq!(are_of_one_node(&b, &a), expected, "{b:?} {a:?}");
        }
        check(&["127.0.0.1:1"], &["127.0.0.1:1"], true);
        check(&["127.0.0.1:1"], &["127.0.0.1:2"], false);
        check(&["127.0.0.1:1", "[::1]:1"], &["127.0.0.1:1"], true);
        check(&["127.0.0.1:1"], &["[::1]:1"], false);
        check(&["10.0.0.1:1", "10.0.0.2:1"], &["10.0.0.1:1"], false);
        let pool = &["10.0.0.1:1", "10.0.0.2:1"];
        check(pool, pool, true);
        check(&[], &[], false);
    }
}
