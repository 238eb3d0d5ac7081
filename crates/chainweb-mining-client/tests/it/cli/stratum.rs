//! The flags of the Stratum server.

use std::net::TcpListener;

use rustix::process::Signal;

use super::program::{Running, check_usage, field, run, text};

#[test]
fn errors_in_the_flags_say_what_to_do() {
    for (flag, wrong, hint) in [
        ("--stratum-port", "70000", "0 to 65535"),
        ("--stratum-port", "http", "0 to 65535"),
        ("--stratum-interface", "host:1917", "host name"),
        ("--stratum-interface", "\"*", "host name"),
        ("--stratum-difficulty", "257", "0 to 256"),
        ("--stratum-difficulty", "vardiff", "auto:<seconds>"),
        ("--stratum-difficulty", "auto:0", "1 to 3600"),
        ("--stratum-rate", "-1", "milliseconds"),
        ("--stratum-rate", "1s", "milliseconds"),
        ("--stratum-min-difficulty", "300", "0 to 256"),
        ("--stratum-instance", "9/8", "1/1 to 256/256"),
        ("--stratum-max-connections", "0", "1 to 65536"),
        ("--stratum-max-connections-per-ip", "none", "1 to 65536"),
    ] {
        check_usage(&["--worker", "stratum", flag, wrong], &[flag, wrong, hint]);
    }
}

#[test]
fn work_slots_are_set_once_and_do_not_exceed_the_chains() {
    let stratum = ["--worker", "stratum", "--thread-count"];
    check_usage(
        &[&stratum[..], &["3", "--work-slots", "4"]].concat(),
        &[
            "--thread-count 3",
            "--work-slots 4",
            "leave one of them out",
        ],
    );
    check_usage(
        &[&stratum[..], &["99"]].concat(),
        &["--thread-count 99", "--worker stratum", "1 to 98"],
    );
}

#[test]
fn a_port_in_use_is_reported_with_its_address_and_its_flags() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = run(&[
        "--worker",
        "stratum",
        "--stratum-interface",
        "\"127.0.0.1\"",
        "--stratum-port",
        &address.port().to_string(),
    ]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for part in [
        &format!("{address} is in use by another program"),
        "--stratum-interface 127.0.0.1",
        &format!("--stratum-port {}", address.port()),
    ] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
}

#[test]
fn the_server_listens_while_the_node_is_down_and_ends_with_the_first_signal() {
    let mut client = Running::start(&[
        "--worker",
        "STRATUM",
        "--stratum-interface",
        "127.0.0.1",
        "--stratum-port",
        "0",
        "--thread-count",
        "3",
        "--node",
        "127.0.0.1:1",
    ]);
    let ready = client.wait_for("Stratum server ready");
    let address = field(&ready, "address").to_owned();
    let _device = std::net::TcpStream::connect(&address).unwrap();
    client.signal(Signal::TERM);
    client.wait_for("stopped");
    assert_eq!(client.wait().code(), Some(0));
    drop(TcpListener::bind(&address).unwrap());
}
