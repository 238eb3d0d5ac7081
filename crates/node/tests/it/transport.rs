//! Unreachable nodes, and ports of other protocols.

use std::time::Duration;

use node::{Error, Limits, NoAnswer, Retry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::scripted::{Act, Scripted, client_of, plain};

/// Sends a request to a port that responds with the given bytes and closes the connection.
async fn request_from_port(scheme: &str, answer: &'static [u8]) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    let client = client_of(&url, Limits::default());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        assert_ne!(stream.read(&mut buffer).await.unwrap(), 0);
        stream.write_all(answer).await.unwrap();
    };
    let (error, ()) = tokio::join!(client.info(), serve);
    error.unwrap_err()
}

#[tokio::test]
async fn a_refused_connection_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client_of(&endpoint, Limits::default())
        .info()
        .await
        .unwrap_err();
    let why = "Connection refused (os error 111)".to_owned();
    assert_eq!(
        error,
        Error::NoAnswer(NoAnswer::Connect {
            endpoint,
            why,
            hint: None
        })
    );
    assert_eq!(error.retry(), Retry::Soon);
}

#[tokio::test]
async fn an_unknown_host_is_an_error() {
    // A label has at most 63 letters, so the resolver fails without a query.
    let endpoint = format!("http://{}:1848", "x".repeat(64));
    let error = client_of(&endpoint, Limits::default())
        .info()
        .await
        .unwrap_err();
    let expected = format!("cannot connect to {endpoint}: failed to lookup address information");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn tls_to_a_plain_port_is_detected() {
    let error = request_from_port("https", b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert!(
        matches!(error, Error::NoAnswer(NoAnswer::Connect { .. })),
        "{error:?}"
    );
    let hint = "this looks like a port without TLS: use http:// or leave --tls out";
    assert!(error.to_string().ends_with(hint), "{error}");
}

#[tokio::test]
async fn a_port_closed_during_the_tls_handshake_may_be_plain() {
    let error = request_from_port("https", b"").await;
    let hint = "the port may be one without TLS: try http:// or leave --tls out";
    assert!(error.to_string().ends_with(hint), "{error}");
}

#[tokio::test]
async fn a_plain_request_to_a_tls_port_is_detected() {
    let maybe = "this is not HTTP; if the port speaks TLS, use https:// or --tls";
    let surely = "this looks like a port with TLS: use https:// or --tls";
    let answers: [(&[u8], &str); 4] = [
        // A TLS alert: unexpected message.
        (b"\x15\x03\x01\x00\x02\x02\x0a", maybe),
        (b"{\"id\":null,\"error\":\"not stratum\"}\n", maybe),
        (
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 73\r\n\r\n<title>400 The plain HTTP \
              request was sent to HTTPS port</title> nginx/1.25",
            surely,
        ),
        (
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
            surely,
        ),
    ];
    for (answer, hint) in answers {
        let error = request_from_port("http", answer).await;
        assert!(
            matches!(error, Error::NoAnswer(NoAnswer::Broken { .. })),
            "{error:?}"
        );
        assert!(error.to_string().ends_with(hint), "{error}");
    }
}

#[tokio::test]
async fn an_endless_response_head_is_an_error() {
    let flood = vec![
        Act::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec()),
        Act::SendForEver(b"all work and no play ".repeat(100)),
    ];
    let node = Scripted::start([flood]).await;
    let endpoint = node.url();
    let error = node.client().info().await.unwrap_err();
    let why = "message head is too large".to_owned();
    assert_eq!(
        error,
        Error::NoAnswer(NoAnswer::Broken {
            endpoint,
            why,
            hint: None
        })
    );
}

#[tokio::test]
async fn a_silent_port_times_out() {
    for scheme in ["http", "https"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("{scheme}://{}", listener.local_addr().unwrap());
        let after = Duration::from_millis(60);
        let limits = Limits {
            info: after,
            ..Limits::default()
        };
        let error = client_of(&endpoint, limits).info().await.unwrap_err();
        assert_eq!(
            error,
            Error::NoAnswer(NoAnswer::Timeout { endpoint, after })
        );
    }
}

#[tokio::test]
async fn a_time_limit_beyond_the_clock_is_no_limit() {
    let node = Scripted::start([plain("200 OK", b"{}")]).await;
    let limits = Limits {
        info: Duration::MAX,
        ..Limits::default()
    };
    let error = node.client_with(limits).info().await.unwrap_err();
    assert!(matches!(error, Error::Malformed(_)), "{error}");
}

#[tokio::test]
async fn a_silent_tls_handshake_ends_at_the_connect_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let limits = Limits {
        connect: Duration::from_millis(60),
        ..Limits::default()
    };
    let error = client_of(&endpoint, limits).info().await.unwrap_err();
    let why = "operation timed out".to_owned();
    assert_eq!(
        error,
        Error::NoAnswer(NoAnswer::Connect {
            endpoint,
            why,
            hint: None
        })
    );
}

#[tokio::test]
async fn connections_are_reused_and_counted() {
    let body = br#"{"nodeVersion":"x"}"#;
    let node = Scripted::start((0..3).map(|_| plain("200 OK", body))).await;
    let client = node.client_with(Limits {
        info: Duration::from_secs(5),
        ..Limits::default()
    });
    assert_eq!(client.connections_opened(), 0);
    for _ in 0..3 {
        client.info().await.unwrap();
    }
    assert_eq!(node.connections(), 1);
    assert_eq!(client.connections_opened(), 1);
    // Those of a client without a pool count as well.
    client.unpooled().info().await.unwrap_err();
    assert_eq!(client.connections_opened(), 2);
}

/// Runs another test of this binary with its own environment.
fn rerun(test: &str, environment: &[(&str, &str)]) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    for name in ["no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
    let output = command
        .args(["--exact", test])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("test result: ok. 1 passed"), "{report}");
}

#[test]
fn no_proxy_is_used_for_this_machine() {
    // Port 1 is closed: through the proxy the test would fail.
    let proxy = "http://127.0.0.1:1";
    let environment = [
        ("http_proxy", proxy),
        ("all_proxy", proxy),
        ("ALL_PROXY", proxy),
    ];
    rerun(
        "transport::connections_are_reused_and_counted",
        &environment,
    );
}

#[tokio::test]
async fn a_client_for_tls_can_be_built() {
    client_of("https://node.example", Limits::default());
}

#[test]
fn a_client_can_be_built_without_platform_certificates() {
    let nowhere = [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ];
    rerun("transport::a_client_for_tls_can_be_built", &nowhere);
}
