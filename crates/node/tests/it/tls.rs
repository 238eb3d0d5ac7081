//! A node behind a TLS proxy with a self-signed certificate, marked as that of an authority, as by
//! `openssl req -x509`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use node::{
    CertificateFault, Client, Config, Error, Hint, Info, Limits, Miner, NoAnswer, PemError, Trust,
    install_crypto_provider,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

/// Answers one request with `/info`, as far as the client lets it.
fn serve_once(listener: &TcpListener) {
    let certificate =
        CertificateDer::from(include_bytes!("../data/tls/self-signed.der").as_slice());
    let key =
        PrivatePkcs8KeyDer::from(include_bytes!("../data/tls/self-signed-key.der").as_slice());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
    let mut socket: TcpStream = listener.accept().unwrap().0;
    let mut stream = Stream::new(&mut tls, &mut socket);
    let mut buffer = [0; 4096];
    if stream.read(&mut buffer).is_ok() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"nodeVersion\":\"x\"}";
        stream.write_all(answer).unwrap();
    }
}

async fn info(host: &str, trust: Trust) -> Result<Info, Error> {
    install_crypto_provider();
    // All of 127.0.0.0/8 is this machine.
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let endpoint = format!("https://{host}:{}", listener.local_addr().unwrap().port());
    let server = thread::spawn(move || serve_once(&listener));
    let client = Client::new(Config {
        endpoint: endpoint.parse().unwrap(),
        miner: Miner::new(None, None),
        trust,
        limits: Limits::default(),
    });
    let result = client.unwrap().info().await;
    server.join().unwrap();
    result
}

/// Checks that the certificate is refused, with this message and hint.
#[track_caller]
fn check_refused(result: Result<Info, Error>, fault: CertificateFault, why: &str) {
    let error = result.unwrap_err();
    let hint = Some(Hint::Certificate(fault));
    assert!(
        matches!(&error, Error::NoAnswer(failed @ NoAnswer::Connect { .. }) if failed.hint() == hint),
        "{error:?}"
    );
    let message = error.to_string();
    assert!(message.ends_with(&format!("{why}; {fault}")), "{message}");
}

const PEM: &[u8] = include_bytes!("../data/tls/self-signed.pem");

/// The hash as `openssl x509 -fingerprint -sha256` prints it.
const FINGERPRINT: &str = "sha256:A2:D9:BF:7A:27:00:EE:33:5E:F8:74:EE:E8:0B:5E:DB:E4:81:C5:CE:85:7D:58:BF:F2:E3:CE:44:A9:9A:34:53";

#[tokio::test]
async fn an_untrusted_certificate_is_an_error_with_a_hint() {
    let result = info("localhost", Trust::Machine).await;
    let fault = CertificateFault::Untrusted;
    assert!(
        fault
            .to_string()
            .ends_with("; --insecure accepts any certificate")
    );
    check_refused(
        result,
        fault,
        "the node's certificate is marked as that of an authority (CA)",
    );
}

#[tokio::test]
async fn insecure_accepts_any_certificate() {
    let info = info("localhost", Trust::Any).await.unwrap();
    assert_eq!(info.version.as_str(), "x");
}

#[tokio::test]
async fn a_certificate_in_the_file_is_trusted_for_its_names_even_if_it_is_an_authority() {
    let trust = Trust::only_pem(PEM).unwrap();
    for host in ["localhost", "127.0.0.1"] {
        assert!(info(host, trust.clone()).await.is_ok(), "{host}");
    }
    let result = info("127.0.0.2", trust).await;
    let why = "the node's certificate is only for localhost, 127.0.0.1";
    check_refused(result, CertificateFault::WrongName, why);
}

#[tokio::test]
async fn another_certificate_than_those_in_the_file_is_not_trusted() {
    let other = Trust::only_pem(include_bytes!("../data/tls/other.pem")).unwrap();
    let result = info("localhost", other).await;
    let why = "the node's certificate is marked as that of an authority (CA)";
    check_refused(result, CertificateFault::Untrusted, why);
}

#[tokio::test]
async fn only_the_certificate_with_the_fingerprint_is_trusted() {
    let pinned = Trust::Pinned(FINGERPRINT.parse().unwrap());
    for host in ["localhost", "127.0.0.2"] {
        assert!(info(host, pinned.clone()).await.is_ok(), "{host}");
    }
    let other = format!("sha256:{}", "00".repeat(32));
    let result = info("localhost", Trust::Pinned(other.parse().unwrap())).await;
    let plain = FINGERPRINT.parse::<node::Fingerprint>().unwrap();
    let why = format!("the node's certificate has the fingerprint {plain}");
    check_refused(result, CertificateFault::OtherFingerprint, &why);
}

#[test]
fn a_file_without_certificates_is_an_error() {
    assert_eq!(Trust::only_pem(b""), Err(PemError::Empty));
    assert_eq!(Trust::only_pem(b"a: b\n"), Err(PemError::Empty));
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(Trust::only_pem(broken), Err(PemError::Certificate(1)));
}
