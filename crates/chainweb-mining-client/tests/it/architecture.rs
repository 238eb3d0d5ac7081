//! The direction of dependencies, from `cargo metadata`, and what the sources of the pure crates
//! may not use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

type Edges = BTreeMap<String, BTreeSet<String>>;

fn cargo(args: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO"))
        .args(args)
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Returns the normal dependencies of every package by its name, without build and development
/// dependencies.
fn normal_edges() -> Edges {
    // Packages for other platforms may not be downloaded.
    let version = String::from_utf8(cargo(&["-vV"])).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let metadata = cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        host,
    ]);
    let metadata: Value = serde_json::from_slice(&metadata).unwrap();
    let name_of: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            (
                package["id"].as_str().unwrap(),
                package["name"].as_str().unwrap(),
            )
        })
        .collect();
    let mut edges = Edges::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let entry = edges
            .entry(name_of[node["id"].as_str().unwrap()].to_owned())
            .or_default();
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                entry.insert(name_of[dependency["pkg"].as_str().unwrap()].to_owned());
            }
        }
    }
    edges
}

/// The crates of the workspace.
const WORKSPACE: [&str; 11] = [
    "chainweb",
    "rounds",
    "pow",
    "node",
    "listen",
    "stratum",
    "simnet",
    "miner",
    "fixtures",
    "stratum-load",
    "chainweb-mining-client",
];

#[track_caller]
fn check(found: &BTreeSet<&str>, allowed: &[&str]) {
    let surplus: Vec<_> = found
        .iter()
        .filter(|name| !allowed.contains(name))
        .collect();
    assert!(surplus.is_empty(), "not allowed: {surplus:?}");
}

#[test]
fn crates_of_the_workspace_depend_on_each_other_in_one_direction() {
    let edges = normal_edges();
    let inside = |name: &str| -> BTreeSet<&str> {
        edges[name]
            .iter()
            .map(String::as_str)
            .filter(|other| WORKSPACE.contains(other))
            .collect()
    };
    check(&inside("chainweb"), &[]);
    check(&inside("rounds"), &[]);
    check(&inside("pow"), &["chainweb", "rounds"]);
    check(&inside("node"), &["chainweb"]);
    check(&inside("fixtures"), &["chainweb"]);
    check(&inside("listen"), &[]);
    check(&inside("stratum"), &["chainweb", "pow", "listen"]);
    check(&inside("simnet"), &["chainweb", "pow", "listen"]);
    check(
        &inside("stratum-load"),
        &["chainweb", "pow", "listen", "stratum"],
    );
    check(
        &inside("miner"),
        &["chainweb", "pow", "node", "listen", "stratum"],
    );
    for name in WORKSPACE {
        // `fixtures` is a development dependency only, which is no edge here.
        for top in ["chainweb-mining-client", "stratum-load", "fixtures"] {
            assert!(!inside(name).contains(top), "{name} depends on {top}");
        }
    }
}

/// Returns the libraries that a crate is built from, without build and development dependencies.
fn built(package: &str) -> BTreeSet<String> {
    // The metadata contain dependencies of disabled features; the tree contains what is built.
    let tree = cargo(&[
        "tree", "-p", package, "-e", "normal", "--prefix", "none", "--format", "{lib}",
    ]);
    let tree = String::from_utf8(tree).unwrap();
    tree.lines().map(str::to_owned).collect()
}

/// These crates get time and randomness as arguments, and have neither logging nor I/O.
#[test]
fn the_pure_crates_have_no_runtime_no_serde_no_clock_and_no_randomness() {
    const BANNED: [&str; 15] = [
        "tokio",
        "futures",
        "futures-util",
        "mio",
        "serde",
        "serde_core",
        "tracing",
        "log",
        "rand",
        "rand_core",
        "getrandom",
        "time",
        "chrono",
        "jiff",
        "humantime",
    ];
    for pure in ["chainweb", "pow"] {
        let built = built(pure);
        assert!(built.contains("sha2"), "{built:?}");
        let found: Vec<_> = BANNED
            .iter()
            .filter(|banned| built.contains(&banned.replace('-', "_")))
            .collect();
        assert_eq!(found, Vec::<&&str>::new(), "{pure}");
    }
}

/// The command line and the HTTP server are the program's.
#[test]
fn the_engine_has_no_command_line_and_no_http_server() {
    let built = built("miner");
    assert!(built.contains("stratum"), "{built:?}");
    for banned in ["clap", "axum", "chainweb_mining_client"] {
        assert!(!built.contains(banned), "{banned}");
    }
}

/// Returns all Rust sources in a folder and those below it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The standard library has clocks and I/O too, and the dependencies do not reveal their use.
#[test]
fn the_pure_crates_use_no_clock_no_randomness_and_no_io_of_the_standard_library() {
    const BANNED: [&str; 10] = [
        "Instant::now",
        "SystemTime",
        "RandomState",
        "thread_rng",
        "std::env",
        "std::fs",
        "std::net",
        "std::io",
        "std::process",
        "println!",
    ];
    for pure in ["chainweb", "pow"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../{pure}/src"));
        let sources = sources(&folder);
        assert!(sources.contains(&folder.join("lib.rs")), "{sources:?}");
        for path in sources {
            let source = fs::read_to_string(&path).unwrap();
            let used: Vec<_> = BANNED
                .iter()
                .filter(|banned| source.contains(**banned))
                .collect();
            assert!(used.is_empty(), "{}: {used:?}", path.display());
        }
    }
}
