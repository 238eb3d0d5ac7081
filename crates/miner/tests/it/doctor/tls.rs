//! A node behind a proxy with TLS, and everything that can be wrong with that.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use simnet::{Config, Simnet};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Examined, KEY, network};
use crate::cli::program::program;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");

/// A node and the proxy before it.
struct Behind {
    _node: Simnet,
    port: u16,
    _proxy: JoinSet<()>,
}

impl Behind {
    async fn certificate(name: &str) -> Self {
        node::install_crypto_provider();
        let node = network(Config::default()).await;
        let read = |file: &str| std::fs::read(Path::new(DATA).join(file)).unwrap();
        let certificate = CertificateDer::from(read(name));
        let key = PrivatePkcs8KeyDer::from(read("key.der"));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut proxy = JoinSet::new();
        proxy.spawn(forward(listener, Arc::new(config).into(), node.address()));
        Self {
            _node: node,
            port,
            _proxy: proxy,
        }
    }

    /// What `doctor` says of it, on a machine that trusts the issuer of the certificates or one that does not.
    fn examined(&self, scheme: &str, trusted: Trusted, flags: &[&str]) -> Examined {
        let issuer = match trusted {
            Trusted::Issuer => Path::new(DATA).join("issuer.pem"),
            Trusted::Nobody => "/nonexistent".into(),
        };
        let output = program()
            .args(["doctor", "--json", "-k", KEY])
            .arg(format!("--node={scheme}://localhost:{}", self.port))
            .args(flags)
            .env("SSL_CERT_FILE", issuer)
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .unwrap();
        Examined::read(&output.stdout, output.status.success())
    }
}

#[derive(Clone, Copy)]
enum Trusted {
    Issuer,
    Nobody,
}

async fn forward(listener: TcpListener, tls: TlsAcceptor, node: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let tls = tls.clone();
        connections.spawn(async move {
            // A client that does not like the certificate hangs up.
            let Ok(mut client) = tls.accept(client).await else {
                return;
            };
            let mut node = TcpStream::connect(node).await.unwrap();
            copy_bidirectional(&mut client, &mut node).await.ok();
        });
    }
}

const REST: &str = "info network cut mining-api key work updates clock round-trip";

#[tokio::test(flavor = "multi_thread")]
async fn a_node_behind_tls_is_well() {
    let node = Behind::certificate("good.der").await;
    let seen = node.examined("https", Trusted::Issuer, &[]);
    seen.is_well("");
    assert_eq!(
        seen.check("protocol")["figure"],
        "TLS, with a certificate that this machine trusts"
    );
    node.examined("https", Trusted::Nobody, &["--insecure"])
        .is_well("");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_not_good() {
    for (certificate, trusted, figure, advice) in [
        (
            "good.der",
            Trusted::Nobody,
            "UnknownIssuer",
            "--insecure accepts it",
        ),
        (
            "expired.der",
            Trusted::Issuer,
            "expired",
            "have the certificate renewed",
        ),
        (
            "future.der",
            Trusted::Issuer,
            "not valid yet",
            "clock is right",
        ),
        (
            "elsewhere.der",
            Trusted::Issuer,
            "elsewhere.example",
            "give a name that",
        ),
    ] {
        let node = Behind::certificate(certificate).await;
        let seen = node.examined("https", trusted, &[]);
        seen.fails("protocol", figure, advice, REST);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_to_a_port_that_speaks_tls() {
    let node = Behind::certificate("good.der").await;
    let advice = format!("write --node https://localhost:{}", node.port);
    let seen = node.examined("http", Trusted::Nobody, &[]);
    seen.fails(
        "protocol",
        "plain HTTP to a port that speaks TLS",
        &advice,
        REST,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_to_a_port_that_speaks_plain_http() {
    let node = network(Config::default()).await;
    let port = node.address().port();
    for flags in [
        vec!["--tls", "--node", "localhost"],
        vec!["--node", "https://localhost"],
    ] {
        let [.., last] = flags.as_slice() else {
            unreachable!()
        };
        let address = format!("{last}:{port}");
        let output = program()
            .args(["doctor", "--json"])
            .args(&flags[..flags.len() - 1])
            .arg(&address)
            .output()
            .unwrap();
        let seen = Examined::read(&output.stdout, output.status.success());
        let advice = format!("write --node http://localhost:{port} and leave --tls out");
        seen.fails(
            "protocol",
            "TLS to a port that speaks plain HTTP",
            &advice,
            REST,
        );
    }
}
