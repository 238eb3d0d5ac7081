//! The first bytes of connections: PROXY protocol headers, TLS and other protocols.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use stratum::{Config, ProxyProtocol, Tls, TlsError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::Socket;
use crate::server::{Setting, config};

const PING: &str = r#"{"id":1,"method":"mining.ping"}"#;
const PONG: &str = r#"{"result":"pong","error":null,"id":1}"#;

/// A header of version 1 and its client.
fn header(client: &str) -> String {
    format!("PROXY TCP4 {client} 10.0.0.1 50000 1917\r\n")
}

/// A header of version 2 with the client 192.0.2.7.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xc3\x50\x07\x7d";

/// Returns the answer to a ping behind these bytes, or `None` if the connection is closed.
async fn ping(address: SocketAddr, first: &[u8]) -> Option<String> {
    let mut socket = Socket::connect(address).await;
    let bytes = [first, PING.as_bytes(), b"\n"].concat();
    // The server may have closed the connection already.
    socket.send_some(&bytes).await.ok();
    socket.line().await
}

async fn from(address: &str, setting: &Setting) -> Option<String> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(address.parse().unwrap()).unwrap();
    let mut socket = Socket::over(socket.connect(setting.address).await.unwrap());
    socket.send_some(format!("{PING}\n").as_bytes()).await.ok();
    socket.line().await
}

#[tokio::test]
async fn a_header_neither_breaks_a_login_nor_swallows_its_first_request() {
    let setting = Setting::new(config()).await;
    for first in [header("192.0.2.7").as_bytes(), V2, b"PROXY UNKNOWN\r\n"] {
        assert_eq!(ping(setting.address, first).await.as_deref(), Some(PONG));
        // A KA3 reads one line, and it must be the answer.
        let mut device = Socket::connect(setting.address).await;
        device.send(first).await;
        let subscribe = r#"{"id":1,"method":"mining.subscribe","params":["GodMiner/2.0.0",null]}"#;
        device.send(format!("{subscribe}\n")).await;
        let answer = device.line().await.unwrap();
        assert!(answer.starts_with(r#"{"result":[null,"#), "{answer}");
    }
    // Byte by byte, with the request in the same packet as the end.
    let mut slow = Socket::connect(setting.address).await;
    for byte in V2 {
        slow.send([*byte]).await;
    }
    assert_eq!(slow.ask(PING).await, PONG);
}

#[tokio::test]
async fn the_clients_address_is_the_one_in_the_header_of_a_proxy() {
    let setting = Setting::new(Config {
        proxy_protocol: ProxyProtocol::Accept,
        max_connections_per_ip: NonZeroUsize::new(1),
        allow: vec![
            "192.0.2.0/24".parse().unwrap(),
            "127.0.0.1/32".parse().unwrap(),
        ],
        ..config()
    })
    .await;
    let mut first = Socket::connect(setting.address).await;
    first.send(V2).await;
    assert_eq!(first.ask(PING).await, PONG);
    // The limit is that of the client's address, in either version of the header.
    let again = header("192.0.2.7");
    assert_eq!(ping(setting.address, again.as_bytes()).await, None);
    let mut second = Socket::connect(setting.address).await;
    second.send(header("192.0.2.8")).await;
    assert_eq!(second.ask(PING).await, PONG);
    // A proxy may connect without a header, for itself.
    let mut own = Socket::connect(setting.address).await;
    assert_eq!(own.ask(PING).await, PONG);
    // Who may connect is decided after the header.
    let foreign = header("198.51.100.1");
    assert_eq!(ping(setting.address, foreign.as_bytes()).await, None);
    assert_eq!(from("127.0.0.2:0", &setting).await, None);
    let refused = &setting.counters.refused_connections;
    assert_eq!(refused.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn headers_of_other_addresses_are_refused_and_may_be_required() {
    for mode in [ProxyProtocol::Accept, ProxyProtocol::Require] {
        let setting = Setting::new(Config {
            proxy_protocol: mode,
            proxy_from: vec!["10.0.0.0/8".parse().unwrap()],
            ..config()
        })
        .await;
        assert_eq!(ping(setting.address, V2).await, None);
        let plain = ping(setting.address, b"").await;
        let is_served = mode == ProxyProtocol::Accept;
        assert_eq!(plain.is_some(), is_served, "{mode:?}");
    }
    let setting = Setting::new(Config {
        proxy_protocol: ProxyProtocol::Require,
        ..config()
    })
    .await;
    assert_eq!(ping(setting.address, V2).await.as_deref(), Some(PONG));
    assert_eq!(ping(setting.address, b"").await, None);
    assert_eq!(ping(setting.address, b"PROXY x\r\n").await, None);
}

#[tokio::test]
async fn only_allowed_addresses_connect() {
    let setting = Setting::new(Config {
        allow: vec!["127.0.0.2/31".parse().unwrap()],
        ..config()
    })
    .await;
    assert_eq!(from("127.0.0.1:0", &setting).await, None);
    assert_eq!(from("127.0.0.2:0", &setting).await.as_deref(), Some(PONG));
}

#[tokio::test]
async fn other_protocols_are_answered_in_their_own_way_and_closed() {
    let setting = Setting::new(config()).await;
    let mut browser = TcpStream::connect(setting.address).await.unwrap();
    browser
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    browser.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("stratum+tcp://"), "{answer}");
    assert!(connect(setting.address, "first").await.is_err());
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/tls")
        .join(name)
}

/// Returns a connection that trusts this certificate alone.
async fn connect(address: SocketAddr, trusted: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(file(&format!("{trusted}.pem"))).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await
}

/// A folder for a certificate that changes, removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn copy(&self, name: &str) {
        std::fs::copy(file(&format!("{name}.pem")), self.0.join("cert.pem")).unwrap();
        std::fs::copy(file(&format!("{name}-key.pem")), self.0.join("key.pem")).unwrap();
    }

    fn load(&self) -> Result<Tls, TlsError> {
        Tls::load(self.0.join("cert.pem"), self.0.join("key.pem"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[tokio::test]
async fn one_port_serves_tls_and_plain_clients_and_a_changed_certificate() {
    let folder = Folder::new("changed");
    folder.copy("first");
    let tls = Arc::new(folder.load().unwrap());
    let setting = Setting::new(Config {
        tls: Some(Arc::clone(&tls)),
        ..config()
    })
    .await;
    assert_eq!(ping(setting.address, b"").await.as_deref(), Some(PONG));
    let first = connect(setting.address, "first").await.unwrap();
    let mut device = Socket::over(first);
    device.log_in().await;
    let job = device.job().await;
    assert_eq!(job.header.height(), 1);
    // Further jobs arrive without a request.
    assert_ne!(device.job().await.id, job.id);

    // Files that do not belong together change nothing.
    std::fs::copy(file("second.pem"), folder.0.join("cert.pem")).unwrap();
    tls.reload();
    assert!(connect(setting.address, "first").await.is_ok());
    folder.copy("second");
    tls.reload();
    let mut second = Socket::over(connect(setting.address, "second").await.unwrap());
    assert_eq!(second.ask(PING).await, PONG);
    assert!(connect(setting.address, "first").await.is_err());
    assert_eq!(device.ask(PING).await, PONG);
}

#[tokio::test]
async fn tls_behind_a_proxy_has_its_header_outside() {
    let folder = Folder::new("proxied");
    folder.copy("first");
    let setting = Setting::new(Config {
        tls: Some(Arc::new(folder.load().unwrap())),
        proxy_protocol: ProxyProtocol::Require,
        ..config()
    })
    .await;
    assert!(
        connect(setting.address, "first").await.is_err(),
        "no header"
    );
    let mut stream = TcpStream::connect(setting.address).await.unwrap();
    stream.write_all(V2).await.unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file("first.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await;
    assert_eq!(Socket::over(stream.unwrap()).ask(PING).await, PONG);
}

#[test]
fn files_without_a_usable_pair_are_errors_that_name_the_file() {
    #[track_caller]
    fn check(certificate: &str, key: &str, message: &str) {
        let error = Tls::load(file(certificate), file(key)).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    check("none.pem", "first-key.pem", "cannot read");
    check("first-key.pem", "first-key.pem", "no certificate in PEM");
    check("first.pem", "first.pem", "no private key in PEM");
    check("first.pem", "second-key.pem", "cannot use the certificate");
}
