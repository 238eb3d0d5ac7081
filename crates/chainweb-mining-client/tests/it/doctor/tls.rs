//! A node behind a proxy with TLS, and its possible faults.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use simnet::{Config, Simnet};
use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Examined, IMPATIENCE, KEY, PATIENCE, examined, network};
use crate::cli::program::{Running, program};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");

/// A node and a proxy with TLS before it.
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

    /// Examines it, on a machine that does or does not trust the issuer of the certificates.
    fn examined(&self, scheme: &str, trusted: Trusted, flags: &[&str]) -> Examined {
        let issuer = match trusted {
            Trusted::Issuer => Path::new(DATA).join("issuer.pem"),
            Trusted::Nothing => "/nonexistent".into(),
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
    Nothing,
}

async fn forward(listener: TcpListener, tls: TlsAcceptor, node: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let tls = tls.clone();
        connections.spawn(async move {
            // A client that does not accept the certificate hangs up.
            let Ok(mut client) = tls.accept(client).await else {
                return;
            };
            let mut node = TcpStream::connect(node).await.unwrap();
            copy_bidirectional(&mut client, &mut node).await.ok();
        });
    }
}

const REST: &str = "info network cut mining-api key work forks updates clock round-trip one-node";

#[tokio::test(flavor = "multi_thread")]
async fn a_node_behind_tls_is_well() {
    let node = Behind::certificate("good.der").await;
    let seen = node.examined("https", Trusted::Issuer, &[]);
    seen.is_well("");
    assert_eq!(
        seen.check("protocol")["figure"],
        "TLS, with a certificate that this machine trusts"
    );
    node.examined("https", Trusted::Nothing, &["--insecure"])
        .is_well("");
}

/// The fingerprint of `good.der`.
const FINGERPRINT: &str = "--node-fingerprint=sha256:E2:04:C4:DB:D9:CA:A0:0C:12:37:84:07:E1:19:B3:A7:27:D5:CD:F0:82:24:69:EF:52:BE:51:63:6F:DF:82:FD";

#[tokio::test(flavor = "multi_thread")]
async fn flags_trust_an_issuer_or_one_certificate() {
    let issuer = format!("--node-ca={DATA}/issuer.pem");
    let node = Behind::certificate("good.der").await;
    for (flag, figure) in [
        (
            issuer.as_str(),
            "TLS, with a certificate that --node-ca trusts",
        ),
        (
            FINGERPRINT,
            "TLS, with the certificate of --node-fingerprint",
        ),
    ] {
        let seen = node.examined("https", Trusted::Nothing, &[flag]);
        seen.is_well("");
        assert_eq!(seen.check("protocol")["figure"], figure);
    }
    let elsewhere = Behind::certificate("elsewhere.der").await;
    let seen = elsewhere.examined("https", Trusted::Nothing, &[&issuer]);
    let figure = "the node's certificate is only for elsewhere.example";
    seen.fails("protocol", figure, "set --node to a name that", REST);
    let seen = elsewhere.examined("https", Trusted::Issuer, &[FINGERPRINT]);
    let figure = "the node's certificate has the fingerprint sha256:";
    seen.fails("protocol", figure, "set --node-fingerprint to", REST);
}

/// A miner reports what is wrong with the certificate, and does not ask whether the node runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_miner_names_the_fault_of_a_certificate() {
    let node = Behind::certificate("good.der").await;
    let address = format!("https://localhost:{}", node.port);
    let start = |flags: &[&str]| {
        let flags = [&["-wcpu", "-c1", "--node", &address], flags].concat();
        let mut command = program();
        command.args(flags).env("SSL_CERT_FILE", "/nonexistent");
        Running::spawn(command.env("SSL_CERT_DIR", "/nonexistent"))
    };
    let line = start(&[]).wait_for("no TLS connection to the node");
    let why = "no trusted authority has issued the node's certificate";
    assert!(line.contains(why) && line.contains("--node-ca"), "{line}");
    start(&["--insecure"]).wait_for("--insecure accepts any certificate, so others");
    start(&[FINGERPRINT]).wait_for("connected to network");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_certificates() {
    for (certificate, trusted, figure, advice) in [
        (
            "good.der",
            Trusted::Nothing,
            "no trusted authority",
            "--node-ca FILE or --node-fingerprint trusts it",
        ),
        (
            "expired.der",
            Trusted::Issuer,
            "expired",
            "renew the certificate",
        ),
        (
            "future.der",
            Trusted::Issuer,
            "not valid yet",
            "this machine's clock",
        ),
        (
            "elsewhere.der",
            Trusted::Issuer,
            "elsewhere.example",
            "set --node to a name that",
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
    let seen = node.examined("http", Trusted::Nothing, &[]);
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

#[tokio::test]
async fn a_port_that_does_not_answer_a_tls_greeting() {
    // The system accepts the connections, but nothing is read from them.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let node = format!("https://{}", listener.local_addr().unwrap());
    let seen = examined(&node, &[], IMPATIENCE).await;
    let figure = "the TLS handshake fails: operation timed out";
    seen.fails("protocol", figure, "without TLS, on port 1848", REST);
}

#[tokio::test]
async fn a_port_that_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let hang_up = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _: usize = stream.read(&mut [0; 4096]).await.unwrap();
        }
    };
    let both = async {
        let tls = examined(&address, &["--tls"], PATIENCE).await;
        let plain = examined(&address, &[], PATIENCE).await;
        (tls, plain)
    };
    let (tls, plain) = tokio::select! {
        both = both => both,
        () = hang_up => unreachable!("it hangs up for ever"),
    };
    tls.fails("protocol", "eof", "may be one without TLS", REST);
    let rest = REST.strip_prefix("info ").unwrap();
    plain.fails("info", "before the answer was complete", "hangs up", rest);
    assert_eq!(
        plain.check("protocol")["figure"],
        "plain; the port does not speak TLS either"
    );
}
