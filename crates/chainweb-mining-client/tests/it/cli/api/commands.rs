//! The commands that ask a running program.

use serde_json::{Value, json};

use super::super::program::{check_usage, program, run, text};
use super::{NO_NODE, start, until, wait_for};

/// Runs `health` with more flags. Returns its exit code and its line.
fn health(address: &str, flags: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["health", "--api-listen", address], flags].concat());
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    let line = format!("{out}{error}");
    assert_eq!(line.lines().count(), 1, "{line}");
    (output.status.code(), line.trim_end().to_owned())
}

#[test]
fn health_is_an_exit_code_and_one_line() {
    let (demo, address) = start(&["demo", "--graph=pair", "--block-delay=2s"]);
    assert_eq!(health(&address, &[]), (Some(0), "alive".to_owned()));
    let ready = (Some(0), "ready: a node gives work".to_owned());
    until(&demo, || health(&address, &["--ready"]) == ready);
    // The settings of the running program lead to it, wherever they are from.
    let output = program()
        .args(["health"])
        .env("CHAINWEB_MINING_API_LISTEN", &address)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    let (_client, waiting) = start(&NO_NODE);
    assert_eq!(health(&waiting, &[]).0, Some(0));
    let (code, line) = health(&waiting, &["--ready"]);
    assert_eq!(code, Some(1));
    assert!(line.starts_with("not ready: "), "{line}");

    drop(demo);
    let (code, line) = health(&address, &[]);
    assert_eq!(code, Some(1));
    assert!(line.contains("does the program run"), "{line}");
    assert_eq!(health("off", &[]).0, Some(1));
}

#[test]
fn stats_are_printed_for_people_programs_and_hive() {
    let (demo, address) = start(&["demo", "--graph=pair", "--block-delay=2s"]);
    wait_for(&demo, &address, "/api/v1/status", |status| {
        status["blocks"]["submitted"].as_u64() > Some(0)
    });
    let stats = |format: &str| {
        let output = run(&["stats", "--api-listen", &address, "--format", format]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        text(&output.stdout).to_owned()
    };
    until(&demo, || {
        stats("table").contains("ready       a node gives work\n")
    });
    let table = stats("table");
    for part in ["\nrate  ", "H/s\n", "\nblocks  ", " found, "] {
        assert!(table.contains(part), "no {part:?} in {table}");
    }
    let json: Value = serde_json::from_str(&stats("json")).unwrap();
    assert_eq!(json["status"]["worker"], json!("cpu"));
    assert_eq!(json["workers"], json!([]));
    let hive = stats("hive");
    let (khs, stats) = hive.trim_end().split_once("\nstats='").unwrap();
    let khs: f64 = khs.strip_prefix("khs=").unwrap().parse().unwrap();
    assert!(khs > 0.0);
    let stats: Value = serde_json::from_str(stats.strip_suffix('\'').unwrap()).unwrap();
    assert_eq!(stats["hs"], json!([khs]));
    for (name, value) in [
        ("hs_units", json!("khs")),
        ("temp", json!([])),
        ("fan", json!([])),
        ("ver", json!(env!("CARGO_PKG_VERSION"))),
        ("algo", json!("blake2s")),
    ] {
        assert_eq!(stats[name], value, "{name}");
    }
    assert!(
        stats["uptime"].is_u64() && stats["ar"][0].is_u64(),
        "{stats}"
    );
}

#[test]
fn flags_of_the_commands_are_checked() {
    check_usage(&["stats", "--format=xml"], &["--format", "xml", "hive"]);
    check_usage(&["stats", "--format"], &["--format", "a value is missing"]);
    check_usage(&["health", "--ready=yes"], &["--ready", "takes no value"]);
    check_usage(
        &["stats", "--api-listen=x"],
        &["--api-listen", "[::1]:1918"],
    );
    let output = run(&["stats", "--api-listen=off"]);
    assert_eq!(output.status.code(), Some(1));
}
