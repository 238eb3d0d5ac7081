//! The lines of the log on the page about troubleshooting, each provoked.

use std::fs;
use std::net::TcpListener;

use super::page;
use crate::cli::program::{Running, field};
use crate::tidy::source::repository;

/// The flags of a simulated node, those of the client, and a line on the page that they provoke.
/// `NODE` is the address of the node, `TAKEN` a port in use, `NAMELESS` a name that is too long
/// for a server to be asked for it.
const PROVOKED: [(&str, &str, &str); 22] = [
    ("", "--node 127.0.0.1:1", "Connection refused"),
    (
        "",
        "--node NAMELESS",
        "failed to lookup address information",
    ),
    (
        "",
        "--node https://NODE",
        "this looks like a port without TLS",
    ),
    (
        "--fault info=status:502",
        "--node NODE",
        "could not read /info",
    ),
    (
        "--fault info=hang",
        "--node NODE --timeout 1s",
        "no response from",
    ),
    (
        "--mining-public-key 0000000000000000000000000000000000000000000000000000000000000000",
        "--node NODE --public-key KEY",
        "node refuses to issue work",
    ),
    (
        "--fault work=status:404",
        "--node NODE",
        "mining coordination is disabled",
    ),
    (
        "--fault work=hang",
        "--node NODE --timeout 1s",
        "could not fetch work",
    ),
    (
        "",
        "--node NODE --worker simulation",
        "node requires proof of work",
    ),
    ("", "--node NODE", "blocks will be paid to no one"),
    (
        "",
        "--node NODE --worker stratum --stratum-interface 127.0.0.1 --stratum-port TAKEN",
        "is in use by another program",
    ),
    (
        "--start-difficulty 1k --fault solved=status:404:No_associated_Payload",
        "--node NODE",
        "several nodes answer at this address",
    ),
    (
        "--start-difficulty 20k --foreign-hash-rate 1M --fault solved=delay:3s",
        "--node NODE",
        "blocks are orphaned in a row",
    ),
    (
        "--start-difficulty 20k --foreign-hash-rate 1M --fault solved=delay:3s",
        "--node NODE",
        "all recent blocks came too late",
    ),
    (
        "--block-delay 1s --foreign-hash-rate 1M --fault event=drop",
        "--node NODE",
        "update streams are open but silent",
    ),
    (
        "--fault updates=status:503",
        "--node NODE",
        "update streams do not open",
    ),
    ("--no-cut", "--node NODE", "node does not serve /cut"),
    (
        "--start-difficulty 1k --clock-offset 2h",
        "--node NODE",
        "node clock is ahead",
    ),
    (
        "--start-difficulty 1k --clock-offset -2h",
        "--node NODE",
        "node clock is behind",
    ),
    (
        "--start-difficulty 1k --fault solved=status:404:login",
        "--node NODE",
        "which is not a node's text",
    ),
    (
        "--start-difficulty 1k --fault solved=status:400:Invalid_solved_work:_Invalid_POW_hash",
        "--node NODE",
        "node refuses verified proof of work",
    ),
    ("", "--nodee NODE --tlss", "errors in the settings"),
];

/// Lines that other tests provoke.
const ELSEWHERE: [&str; 10] = [
    "client speaks HTTP on the Stratum port",
    "device speaks TLS, and this server has no certificate",
    "connected, but sending no shares",
    "device asks for a difficulty outside the limits",
    "the limit of open files allows fewer connections",
    "block of an earlier run is lost",
    "API ready: its default port is taken",
    "cannot keep the history in",
    "cannot write the history",
    "external command failed",
];

/// Starts a node and a client with these flags, and waits for the line.
#[track_caller]
fn provoke(node: &str, client: &str, line: &str, taken: &TcpListener) {
    let words = |flags: &str| -> Vec<String> {
        let words = flags.split_whitespace();
        words.map(|word| word.replace('_', " ")).collect()
    };
    let mut args = vec!["simnet".to_owned(), "--listen=127.0.0.1:0".to_owned()];
    args.extend(words(node));
    let node = Running::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let started = node.wait_for("simulated network starts");
    let port = taken.local_addr().unwrap().port().to_string();
    let client = client
        .replace("NODE", field(&started, "address"))
        .replace("TAKEN", &port)
        .replace("NAMELESS", &"a".repeat(64));
    let mut args = words("--data-dir none --api-listen off");
    if !client.contains("--worker") {
        args.extend(words("--worker cpu --thread-count 1"));
    }
    args.extend(words(&client));
    let client = Running::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    client.wait_for(line);
}

#[test]
fn the_lines_on_the_page_about_troubleshooting_are_logged() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    for (node, client, line) in PROVOKED {
        provoke(node, client, line, &taken);
    }
}

#[test]
fn each_line_on_the_page_about_troubleshooting_is_provoked() {
    let text = fs::read_to_string(page("troubleshooting.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut lines: Vec<_> = rows.map(|row| row.split('`').next().unwrap()).collect();
    let provoked = PROVOKED.iter().map(|(_, _, line)| *line);
    let mut expected: Vec<_> = provoked.chain(ELSEWHERE).collect();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
    let sources = repository();
    for line in ELSEWHERE {
        let is_logged = sources
            .iter()
            .any(|source| source.path.contains("/src/") && source.text.contains(line));
        assert!(is_logged, "no code logs {line:?}");
    }
}
