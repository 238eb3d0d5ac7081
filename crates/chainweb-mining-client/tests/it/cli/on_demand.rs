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

/// Starts a client without a node, and returns it with the address of its server.
fn without_node(flags: &[&str]) -> (Running, String) {
    let mining = [
        "--node=127.0.0.1:1",
        "--worker=on-demand",
        "--on-demand-port=0",
    ];
    let client = Running::start(&[&mining, flags].concat());
    let ready = client.wait_for("on-demand worker ready");
    let address = field(&ready, "address").to_owned();
    (client, address)
}

#[test]
fn listening_beyond_loopback_is_a_warning() {
    const WARNING: &str = "WARN other machines can request blocks";
    let (mut client, address) = without_node(&["--on-demand-interface=*4"]);
    assert_eq!(field(&client.wait_for(WARNING), "address"), address);
    client.signal(Signal::TERM);
    assert_eq!(client.wait().code(), Some(0));

    let (mut client, _) = without_node(&["--on-demand-interface=127.0.0.1"]);
    let lines = client.lines_until("cannot connect");
    client.signal(Signal::TERM);
    let lines = [lines, client.rest()].concat();
    assert!(
        !lines.iter().any(|line| line.contains(WARNING)),
        "{lines:?}"
    );
    assert_eq!(client.wait().code(), Some(0));
}

#[test]
fn requests_of_foreign_web_pages_are_refused_and_those_of_programs_are_not() {
    let (_client, address) = without_node(&[
        "--on-demand-interface=127.0.0.1",
        "--on-demand-allowed-host=miner.example",
    ]);
    let ask = |method: &str, headers: &[&str]| {
        let mut socket = TcpStream::connect(&address).unwrap();
        let headers = headers.join("\r\n");
        let head = format!("{method} /make-blocks HTTP/1.1\r\n{headers}\r\n");
        let end = "Connection: close\r\nContent-Length: 7\r\n\r\n{\"0\":1}";
        socket.write_all((head + end).as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    let outstanding = || {
        let answer = ask("GET", &["Host: service"]);
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let mozilla = "User-Agent: Mozilla/5.0";
    for headers in [
        ["Host: 127.0.0.1", "Origin: https://evil.example"],
        ["Host: 127.0.0.1", "Sec-Fetch-Site: cross-site"],
        // A name of the page that its owner resolves to this machine.
        ["Host: evil.example", mozilla],
    ] {
        for method in ["POST", "GET", "DELETE", "OPTIONS"] {
            let answer = ask(method, &headers);
            assert!(answer.starts_with("HTTP/1.1 403 "), "{method}: {answer}");
            assert!(answer.contains("--on-demand-allowed-host"), "{answer}");
        }
        assert_eq!(outstanding(), "{}", "{headers:?}");
    }
    for (made, headers) in [
        ["Host: service:1917", "User-Agent: curl/8.5.0"],
        ["Host: localhost", mozilla],
        ["Host: miner.example:1917", mozilla],
        ["Host: 127.0.0.1", "Origin: http://127.0.0.1"],
    ]
    .iter()
    .enumerate()
    {
        let answer = ask("POST", headers);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{headers:?}: {answer}");
        assert_eq!(outstanding(), format!("{{\"0\":{}}}", made + 1));
    }
}
