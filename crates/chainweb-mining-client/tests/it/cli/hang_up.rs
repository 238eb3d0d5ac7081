//! SIGHUP: the end of a terminal, or a request to reload.

use std::fs;
use std::process::Command;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::config::Folder;
use super::program::{PROGRAM, Running, command, field};

/// Mining without a node.
const MINING: [&str; 6] = ["--node", "127.0.0.1:1", "-w", "cpu", "-c", "1"];

/// Starts the program in a session without a controlling terminal.
fn in_new_session(before: &str, args: &[&str]) -> Running {
    let start = format!("{before} exec setsid \"$0\" \"$@\"");
    let mut command = with_default_signal();
    Running::spawn(command.args(["/bin/sh", "-c", &start, PROGRAM]).args(args))
}

/// Returns a command that starts a command with SIGHUP as it usually is: the tests may run under
/// nohup.
fn with_default_signal() -> Command {
    let mut command = command("env");
    command.arg("--default-signal=HUP");
    command
}

#[test]
fn the_end_of_the_controlling_terminal_ends_cleanly() {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let other_end = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let mut command = with_default_signal();
    let command = command.args(["setsid", "-c", PROGRAM]).args(MINING);
    let mut client = Running::spawn(command.stdin(other_end));
    client.wait_for("cannot connect");
    drop(terminal);
    assert_eq!(field(&client.wait_for("shutting down"), "signal"), "SIGHUP");
    assert_eq!(client.wait().code(), Some(0));
}

#[test]
fn without_a_terminal_sighup_reloads_the_log_level_and_names_what_needs_a_restart() {
    let folder = Folder::new("reload");
    let file = folder.file("miner.yaml", "logLevel: warn\naccount: k:a");
    let flags = ["--config-file", &file];
    let mut client = in_new_session("", &[&MINING[..], &flags].concat());
    client.wait_for("cannot connect");
    let reload = |text: &str| {
        fs::write(&file, text).unwrap();
        client.signal(Signal::HUP);
    };

    reload("logLevel: debug\naccount: k:a");
    assert_eq!(field(&client.wait_for("reloaded"), "log_level"), "debug");
    client.wait_for("DEBUG");

    // The account is a default now, and a flag still sets the worker.
    reload("logLevel: info\nexternalEnv: [SECRET=x]\nstratumPort: 1\nworker: stratum");
    assert_eq!(field(&client.wait_for("reloaded"), "log_level"), "info");
    let line = client.wait_for("take effect after a restart");
    assert!(line.contains("account, externalEnv, stratumPort"), "{line}");

    reload("logLevel: loud");
    let line = client.wait_for("cannot reload the settings");
    assert!(line.contains("loud"), "{line}");

    // Each setting is right by itself, but a start with these would fail.
    reload("stratumTlsCert: none.pem");
    let line = client.wait_for("cannot reload the settings");
    assert!(line.contains("--stratum-tls-key"), "{line}");

    // What needs a restart is forgotten once the file is as it was.
    reload("logLevel: info\naccount: k:a");
    client.wait_for("reloaded");
    client.signal(Signal::TERM);
    let rest = client.lines_until("shutting down");
    assert!(
        !rest.iter().any(|line| line.contains("restart")),
        "{rest:?}"
    );
    assert_eq!(client.wait().code(), Some(0));
}

#[test]
fn without_a_terminal_sighup_reloads_the_certificate() {
    let folder = Folder::new("reload-certificate");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../stratum/tests/data/tls/");
    let copy = |name: &str, to: &str| {
        let bytes = fs::read(format!("{data}{name}.pem")).unwrap();
        folder.file(to, bytes)
    };
    let (certificate, key) = (copy("first", "cert.pem"), copy("first-key", "key.pem"));
    let mut client = in_new_session(
        "",
        &[
            "--node=127.0.0.1:1",
            "--stratum-port=0",
            "--stratum-tls-cert",
            &certificate,
            "--stratum-tls-key",
            &key,
        ],
    );
    client.wait_for("cannot connect");
    copy("second", "cert.pem");
    copy("second-key", "key.pem");
    client.signal(Signal::HUP);
    client.wait_for("certificate reloaded");
    client.wait_for("settings reloaded");
    client.signal(Signal::TERM);
    assert_eq!(client.wait().code(), Some(0));
}

#[test]
fn sighup_that_is_ignored_at_the_start_stays_ignored() {
    let mut client = in_new_session("trap '' HUP;", &MINING);
    client.wait_for("cannot connect");
    client.signal(Signal::HUP);
    client.signal(Signal::TERM);
    let lines = client.lines_until("shutting down");
    assert!(
        !lines.iter().any(|line| line.contains("reload")),
        "{lines:?}"
    );
    assert_eq!(client.wait().code(), Some(0));
}
