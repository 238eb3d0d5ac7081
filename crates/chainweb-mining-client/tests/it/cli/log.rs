//! The log of the running program, for people and for programs.

use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::Value;

use super::program::{Running, program, run, text};

#[test]
fn every_line_of_a_json_log_is_an_object() {
    let flags = ["simnet", "--listen=127.0.0.1:0", "--log-format=json"];
    let mut network = Running::start(&flags);
    let first = network.wait_for("simulated network starts");
    network.signal(Signal::TERM);
    assert_eq!(network.wait().code(), Some(0));
    for line in [first].into_iter().chain(network.rest()) {
        let object: Value = serde_json::from_str(&line).unwrap();
        for key in ["timestamp", "level", "target"] {
            assert!(object[key].is_string(), "no {key} in {line}");
        }
        assert!(object["fields"]["message"].is_string(), "{line}");
    }
}

#[test]
fn a_fatal_error_has_the_format_of_the_log() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let last = |format: &str, level: &str| {
        let output = run(&["simnet", &listen, "--log-format", format, "-l", level]);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr).lines().last().unwrap().to_owned()
    };
    let plain = last("plain", "info");
    let why = plain.strip_prefix("error: ").unwrap();
    assert!(why.contains(&listen[9..]), "{why}");
    let object: Value = serde_json::from_str(&last("json", "error")).unwrap();
    assert_eq!(object["level"], "ERROR");
    assert_eq!(object["fields"]["error"], why);
    assert_eq!(last("json", "quiet"), plain);
}

#[test]
fn a_log_without_a_terminal_has_colours_only_on_request() {
    let line = |flags: &[&str]| {
        let mut command = program();
        let network = Running::spawn(command.args(["simnet", "--listen=127.0.0.1:0"]).args(flags));
        network.wait_for("simulated network starts")
    };
    assert!(!line(&[]).contains('\u{1b}'));
    assert!(!line(&["--no-color"]).contains('\u{1b}'));
    assert!(line(&["--color=always"]).contains('\u{1b}'));
}
