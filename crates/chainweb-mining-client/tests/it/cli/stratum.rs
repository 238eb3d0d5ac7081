//! The flags of the Stratum server.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustix::process::Signal;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

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
        ("--stratum-instance", "auto/0", "1/1 to 256/256"),
        ("--stratum-max-connections", "0", "1 to 65536"),
        ("--stratum-max-connections-per-ip", "none", "1 to 65536"),
        ("--stratum-allow", "10.0.0.0/33", "192.168.0.0/16"),
        ("--stratum-proxy-from", "haproxy", "192.168.0.0/16"),
        ("--stratum-proxy-protocol", "v2", "off, accept or require"),
    ] {
        check_usage(&["--worker", "stratum", flag, wrong], &[flag, wrong, hint]);
    }
}

#[test]
fn the_instance_can_be_that_of_the_host_name() {
    let printed = run(&["--stratum-instance", "auto/8", "--print-config"]);
    assert!(text(&printed.stdout).contains("auto/8"), "{printed:?}");
    // No machine of the tests has the only name that is good for one instance.
    let flags = [
        "--worker=stratum",
        "--stratum-interface=127.0.0.1",
        "--stratum-port=0",
    ];
    check_usage(
        &[&flags[..], &["--stratum-instance", "auto/1"]].concat(),
        &["auto/1", "name of this machine", "1/1 to 1/1"],
    );
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
    let _device = TcpStream::connect(&address).unwrap();
    client.signal(Signal::TERM);
    client.wait_for("stopped");
    assert_eq!(client.wait().code(), Some(0));
    drop(TcpListener::bind(&address).unwrap());
}

/// A certificate for `localhost`, its own issuer, and its key.
const CERTIFICATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../stratum/tests/data/tls/first.pem"
);
const CERTIFICATE_KEY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../stratum/tests/data/tls/first-key.pem"
);

#[test]
fn tls_files_that_cannot_be_used_are_usage_errors() {
    check_usage(&["--stratum-tls-cert=a.pem"], &["--stratum-tls-key FILE"]);
    check_usage(&["--stratum-tls-key=a.pem"], &["--stratum-tls-cert FILE"]);
    let check = |certificate, key, expected: &[&str]| {
        let flags = ["--stratum-tls-cert", certificate, "--stratum-tls-key", key];
        check_usage(&flags, expected);
    };
    check("none.pem", CERTIFICATE_KEY, &["none.pem", "No such file"]);
    check(CERTIFICATE_KEY, CERTIFICATE_KEY, &["no certificate in PEM"]);
    check(CERTIFICATE, CERTIFICATE, &["no private key in PEM"]);
    let other = CERTIFICATE_KEY.replace("first", "second");
    check(CERTIFICATE, &other, &["cannot use the certificate"]);
}

/// Sends bytes, then a ping, and returns the first line of the answer.
fn ping(mut socket: impl std::io::Read + Write, first: &[u8]) -> String {
    let ping = b"{\"id\":1,\"method\":\"mining.ping\"}\n";
    socket.write_all(&[first, ping].concat()).unwrap();
    let mut answer = String::new();
    BufReader::new(socket).read_line(&mut answer).unwrap();
    answer
}

#[test]
fn one_port_takes_plain_connections_and_tls_and_warns_of_other_protocols() {
    let client = Running::start(&[
        "--worker=stratum",
        "--stratum-interface=127.0.0.1",
        "--stratum-port=0",
        "--node=127.0.0.1:1",
        "--stratum-tls-cert",
        CERTIFICATE,
        "--stratum-tls-key",
        CERTIFICATE_KEY,
    ]);
    let ready = client.wait_for("Stratum server ready");
    let address = field(&ready, "address").to_owned();
    let socket = || TcpStream::connect(&address).unwrap();
    let pong = "{\"result\":\"pong\",\"error\":null,\"id\":1}\n";

    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(CERTIFICATE).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    assert_eq!(ping(StreamOwned::new(tls, socket()), b""), pong);

    assert_eq!(ping(socket(), b""), pong);
    let proxied = b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 1917\r\n";
    assert_eq!(ping(socket(), proxied), pong);
    let warning = client.wait_for("ignoring a PROXY protocol header");
    assert!(warning.contains("--stratum-proxy-protocol accept"));
    let answer = ping(socket(), b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(answer, "HTTP/1.1 400 Bad Request\r\n");
    let warning = client.wait_for("client speaks HTTP on the Stratum port");
    assert!(warning.contains("stratum+tcp://"), "{warning}");
}
