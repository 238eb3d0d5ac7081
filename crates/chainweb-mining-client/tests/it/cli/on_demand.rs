//! Blocks on demand, from the command line.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::process::Signal;

use super::program::{Running, check_usage, field, run, text};

#[test]
fn errors_in_the_flags_come_with_advice() {
    let check = |flags: &[&str], parts: &[&str]| {
        check_usage(&[&["--worker", "on-demand"], flags].concat(), parts);
    };
    check(&["--on-demand-port", "70000"], &["70000", "0 to 65535"]);
    check(&["--on-demand-interface", "a:1"], &["a:1", "host name"]);
    check(
        &["-c", "99"],
        &["--thread-count 99", "on-demand", "1 to 98"],
    );
    check(
        &["-c", "3", "--work-slots", "4"],
        &["--thread-count 3", "--work-slots 4", "on-demand"],
    );
}

#[test]
fn a_port_in_use_is_reported_with_its_address_and_its_flags() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = address.port().to_string();
    let output = run(&[
        "--worker",
        "on-demand",
        "--on-demand-interface",
        "\"127.0.0.1\"",
        "--on-demand-port",
        &port,
    ]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for part in [
        &format!("{address} is in use by another program"),
        "--on-demand-interface 127.0.0.1",
        &format!("--on-demand-port {port}"),
    ] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
}

#[test]
fn blocks_are_made_on_a_development_network_and_a_signal_ends_waiting_requests() {
    let network = Running::start(&["simnet", "--disable-pow", "--listen", "127.0.0.1:0"]);
    let node = field(&network.wait_for("simulated network starts"), "address").to_owned();
    let mut client = Running::start(&[
        "--public-key=f89ef46927f506c70b6a58fd322450a936311dc6ac91f4ec3d8ef949608dbf1f",
        &format!("--node={node}"),
        "--worker=on-demand",
        "--on-demand-port=0",
        "--on-demand-interface=127.0.0.1",
        "--thread-count=1",
        "--log-level=info",
    ]);
    let ready = client.wait_for("on-demand worker ready");
    let address = field(&ready, "address").to_owned();
    let request = |query: &str, body: &str| {
        let mut socket = TcpStream::connect(&address).unwrap();
        let length = body.len();
        write!(
            socket,
            "POST /make-blocks{query} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        socket
    };
    let answer = |mut socket: TcpStream| {
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    let made = answer(request("?wait=60", r#"{"0":1}"#));
    assert!(made.starts_with("HTTP/1.1 200 OK\r\n"), "{made}");
    network.wait_for("block mined");
    client.wait_for("all requested blocks are in the cut");
    // Without a network no block can be made.
    drop(network);
    let waiting = request("?wait=600", r#"{"0":1}"#);
    client.wait_for("blocks requested");
    client.signal(Signal::TERM);
    assert_eq!(client.wait().code(), Some(0));
    let ended = answer(waiting);
    assert!(ended.starts_with("HTTP/1.1 503 "), "{ended}");
    drop(TcpListener::bind(&address).unwrap());
}
