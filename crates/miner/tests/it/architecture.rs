//! The direction of dependencies, read from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

type Edges = BTreeMap<String, BTreeSet<String>>;

/// The normal dependencies of every package, by package name: what is built into a program, without build scripts'
/// and tests' needs.
fn normal_edges() -> Edges {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name_of: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let mut edges = Edges::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let entry = edges.entry(name_of[node["id"].as_str().unwrap()].to_owned()).or_default();
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                entry.insert(name_of[dependency["pkg"].as_str().unwrap()].to_owned());
            }
        }
    }
    edges
}

const HOUSE: [&str; 6] =
    ["chainweb", "pow", "node", "stratum", "simnet", "chainweb-mining-client"];

#[test]
fn crates_of_the_workspace_depend_on_each_other_in_one_direction_only() {
    let edges = normal_edges();
    let inside = |name: &str| -> BTreeSet<&str> {
        edges[name].iter().map(String::as_str).filter(|other| HOUSE.contains(other)).collect()
    };
    #[track_caller]
    fn check(found: &BTreeSet<&str>, allowed: &[&str]) {
        let surplus: Vec<_> = found.iter().filter(|name| !allowed.contains(name)).collect();
        assert!(surplus.is_empty(), "not allowed: {surplus:?}");
    }
    check(&inside("chainweb"), &[]);
    check(&inside("pow"), &["chainweb"]);
    check(&inside("node"), &["chainweb"]);
    check(&inside("stratum"), &["chainweb", "pow"]);
    check(&inside("simnet"), &["chainweb", "pow"]);
    for name in HOUSE {
        assert!(!inside(name).contains("chainweb-mining-client"), "{name} looks up");
    }
}

/// Time, randomness, logging and I/O reach these crates as arguments or not at all.
#[test]
fn the_pure_crates_have_no_runtime_no_serde_no_clock_and_no_randomness() {
    const BANNED: [&str; 15] = [
        "tokio", "futures", "futures-util", "mio", "serde", "serde_core", "tracing", "log", "rand",
        "rand_core", "getrandom", "time", "chrono", "jiff", "humantime",
    ];
    let edges = normal_edges();
    for pure in ["chainweb", "pow"] {
        let mut reached = BTreeSet::new();
        let mut queue = vec![pure.to_owned()];
        while let Some(name) = queue.pop() {
            if reached.insert(name.clone()) {
                queue.extend(edges[&name].iter().cloned());
            }
        }
        let found: Vec<_> = BANNED.into_iter().filter(|name| reached.contains(*name)).collect();
        assert!(found.is_empty(), "{pure} reaches {found:?}");
    }
}
