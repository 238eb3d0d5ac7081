//! Nodes of each line, by their answers to `/info`.

use std::collections::BTreeSet;

use super::*;

/// Returns the answer of a node on this network, with these fields.
fn node(network: &str, release: Option<&str>, fork_number: Option<u32>) -> Info {
    Info {
        version: network.parse().expect("a name"),
        chains: BTreeSet::new(),
        graph: None,
        block_delay: None,
        package_version: release.map(str::to_owned),
        fork_number,
        is_evm: false,
    }
}

#[test]
fn a_node_is_named_by_its_line_and_release() {
    #[track_caller]
    fn check(info: &Info, expected: &str) {
        assert_eq!(release_in_words(info), expected);
    }
    let on = |release| node("mainnet01", Some(release), None);
    check(&on("2.32.0"), "chainweb-node 2.32.0 (Kadena's line)");
    check(&on("2.31.1"), "chainweb-node 2.31.1 (Kadena's line)");
    check(&on("3.0.1"), "chainweb-node 3.0.1 (the community's line)");
    check(&on("3.2"), "chainweb-node 3.2 (the community's line)");
    let next = node("mainnet01", Some("3.3"), Some(2));
    check(&next, "chainweb-node 3.3 (the community's line)");
    let unnamed = node("mainnet01", None, Some(1));
    check(
        &unnamed,
        "chainweb-node of an unknown release (the community's line)",
    );
    let old = node("mainnet01", None, None);
    check(&old, "chainweb-node older than 2.24.1 (Kadena's line)");
    let stoa = node("stoa", Some("3.2.1-stoa.1"), None);
    check(&stoa, "chainweb-node 3.2.1-stoa.1 (StoaChain's line)");
    let evm = Info {
        is_evm: true,
        ..node("evm-development", Some("2.31.2"), None)
    };
    check(&evm, "chainweb-node 2.31.2 (the EVM line)");
    check(&on("next"), "chainweb-node next");
    check(&on(""), "chainweb-node ");
}

#[test]
fn a_node_older_than_its_network_requires_has_to_be_upgraded() {
    #[track_caller]
    fn check(network: &str, release: Option<&str>, required: Option<&str>) {
        let advice = upgrade(&node(network, release, None));
        assert_eq!(advice.is_some(), required.is_some(), "{advice:?}");
        if let Some((advice, required)) = advice.zip(required) {
            let start =
                format!("upgrade the node: {network} has required release {required} since ");
            assert!(advice.starts_with(&start), "{advice}");
            assert!(advice.contains("(https://github.com/"), "{advice}");
        }
    }
    let new = Some("3.2");
    for old in [
        "2.32.0",
        "2.9",
        "3.1",
        "3.0.1",
        "3",
        "0",
        "2.32.0-community",
    ] {
        check("mainnet01", Some(old), new);
        check("testnet06", Some(old), new);
    }
    check("mainnet01", None, new);
    for current in ["3.2", "3.2.0", "3.2.1", "3.10", "4", "18446744073709551615"] {
        check("mainnet01", Some(current), None);
    }
    check("stoa", Some("2.32.0"), Some("3.2.1"));
    check("stoa", Some("3.2"), Some("3.2.1"));
    check("stoa", Some("3.2.1-stoa.1"), None);
    check("development", Some("2.10"), None);
    check("evm-development", None, None);
    // Of unknown form.
    for odd in [
        "",
        ".",
        "3.",
        "v3.2",
        "latest",
        "18446744073709551616",
        "³.2",
        "\u{0}",
        "3..2",
    ] {
        check("mainnet01", Some(odd), None);
    }
}

#[test]
fn a_node_knows_forks_by_its_number_or_its_release() {
    #[track_caller]
    fn check(info: &Info, expected: [Option<bool>; 3]) {
        assert_eq!([0, 1, 2].map(|number| knows_fork(info, number)), expected);
    }
    let (yes, no) = (Some(true), Some(false));
    check(&node("mainnet01", Some("3.2"), None), [yes, yes, None]);
    check(&node("mainnet01", Some("3.3"), None), [yes, yes, None]);
    check(&node("mainnet01", Some("3.1"), None), [yes, no, no]);
    check(&node("mainnet01", None, None), [yes, no, no]);
    check(&node("mainnet01", Some("3.3"), Some(1)), [yes, yes, no]);
    check(&node("development", Some("2.32.0"), None), [yes, no, no]);
    check(&node("development", Some("3.2"), None), [None, None, None]);
    check(&node("stoa", Some("3.2.1"), None), [yes, None, None]);
    check(&node("mainnet01", Some("odd"), None), [None, None, None]);
}
