//! `/metrics` of a running program.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::json;

use super::api::{get, request, start, wait_for};
use super::program::{Running, field};

/// The text for a reader that takes this.
fn metrics(address: &str, accept: &str) -> (String, String) {
    let headers = format!("Host: here\r\nAccept: {accept}\r\n");
    let answer = request(address, "GET", "/metrics", &headers);
    assert_eq!(answer.status, 200, "{answer:?}");
    (answer.head, answer.body)
}

/// Returns the value of a series.
pub(super) fn value(text: &str, series: &str) -> Option<f64> {
    let start = format!("chainweb_mining_{series} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start))?;
    Some(line.parse().unwrap())
}

/// Checks a text with `promtool`, where it is installed.
#[track_caller]
#[expect(
    clippy::print_stdout,
    reason = "the log of the tests shows what is skipped"
)]
fn check_with_promtool(text: &str) {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        println!("skipped: promtool (Debian package prometheus) is not installed");
        return;
    };
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let found = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && found.is_empty(), "{found}");
}

#[test]
fn a_miner_counts_hashes_blocks_and_requests_to_its_node() {
    let (mut demo, address) = start(&["demo", "--graph=pair", "--block-delay=2s"]);
    wait_for(&demo, &address, "/api/v1/status", |status| {
        status["blocks"]["accepted"].as_u64() > Some(1) && status["ready"] == json!(true)
    });
    let (head, mut text) = metrics(&address, "application/openmetrics-text; version=1.0.0");
    let content_type = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.contains(content_type), "{head}");
    assert!(text.ends_with("\n# EOF\n"));
    let node = text.split("node=\"").nth(1).unwrap();
    let node = format!("node=\"{}\"", node.split('"').next().unwrap());
    let positive = [
        "hashes_total",
        "work_expected_blocks_total",
        "blocks_total{fate=\"found\"}",
        "blocks_total{fate=\"submitted\"}",
        "blocks_total{fate=\"accepted\"}",
        "jobs_total",
        "job_age_seconds_count",
        "jobs_retired_total{reason=\"new_cut\"}",
        "update_events_total",
        &format!("node_up{{{node}}}"),
        &format!("node_connections_opened_total{{{node}}}"),
        &format!("node_cut_height{{{node}}}"),
        &format!("node_first_event_total{{{node}}}"),
        &format!("node_used_total{{{node}}}"),
        &format!("node_request_duration_seconds_count{{{node},op=\"work\",result=\"ok\"}}"),
        &format!("node_request_duration_seconds_count{{{node},op=\"submit\",result=\"ok\"}}"),
        "ready",
        "start_time_seconds",
        "process_cpu_seconds_total",
    ];
    // Some events take their time, such as a foreign block on the chain of a job.
    for series in positive {
        let mut tries = 0..6000;
        while value(&text, series) <= Some(0.0) {
            assert!(tries.next().is_some(), "{series}: {text}");
            demo.pause();
            text = metrics(&address, "application/openmetrics-text").1;
        }
    }
    let streams = value(&text, &format!("node_streams_open{{{node}}}"));
    assert_eq!(streams, Some(2.0));
    assert_eq!(value(&text, "sessions"), None, "there is no Stratum server");
    let (head, text) = metrics(&address, "*/*");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    check_with_promtool(&text);
    demo.signal(Signal::TERM);
    assert_eq!(demo.wait().code(), Some(0));
}

#[test]
fn a_stratum_server_without_a_node_counts_nothing_that_it_does_not_know() {
    let flags = ["--node=127.0.0.1:1", "--worker=stratum", "--stratum-port=0"];
    let client = Running::start(&[&flags[..], &["--api-listen=127.0.0.1:0"]].concat());
    // Either may be the first.
    let mut lines = client.lines_until(" ready");
    lines.extend(client.lines_until(" ready"));
    let address = |of: &str| {
        let line = lines.iter().find(|line| line.contains(of)).unwrap();
        field(line, "address").to_owned()
    };
    let mut device = TcpStream::connect(address("Stratum server ready")).unwrap();
    let address = address("API ready");
    let log_in = br#"{"id":1,"method":"mining.subscribe","params":[]}
{"id":2,"method":"mining.authorize","params":["k:x.\"} 1\n\u202e\\","x"]}
"#;
    device.write_all(log_in).unwrap();
    let node = r#"node="http://127.0.0.1:1""#;
    let request = format!("node_request_duration_seconds_count{{{node},op=\"info\"");
    let failed = format!("{request},result=\"unreachable\"}}");
    let shares = r#"worker_shares_total{worker="\"}%201%0A%E2%80%AE\\",result="accepted"}"#;
    for _ in 0..6000 {
        let text = get(&address, "/metrics").body;
        if value(&text, &failed) >= Some(1.0) && value(&text, shares).is_some() {
            let zeros = [
                &*format!("node_up{{{node}}}"),
                "ready",
                "blocks_total{fate=\"found\"}",
                "shares_total{result=\"accepted\",reason=\"current\"}",
                "hashes_total",
                shares,
            ];
            for series in zeros {
                assert_eq!(value(&text, series), Some(0.0), "{series}: {text}");
            }
            assert_eq!(value(&text, "sessions"), Some(1.0));
            for unknown in [
                "node_cut_height",
                "node_clock_skew",
                "worker_best",
                "last_share",
            ] {
                assert!(!text.contains(unknown), "{unknown}: {text}");
            }
            check_with_promtool(&text);
            return;
        }
        client.pause();
    }
    panic!("{}", get(&address, "/metrics").body);
}
