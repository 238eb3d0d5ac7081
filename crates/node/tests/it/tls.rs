//! A node behind a TLS proxy with a self-signed certificate.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use node::{
    CertificateFault, Client, Config, Error, Hint, Info, Limits, Miner, NoAnswer,
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

async fn info(insecure: bool) -> Result<Info, Error> {
    install_crypto_provider();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let server = thread::spawn(move || serve_once(&listener));
    let client = Client::new(Config {
        endpoint: endpoint.parse().unwrap(),
        miner: Miner::new(None, None),
        insecure,
        limits: Limits::default(),
    });
    let result = client.unwrap().info().await;
    server.join().unwrap();
    result
}

#[tokio::test]
async fn an_untrusted_certificate_is_an_error_with_a_hint() {
    let error = info(false).await.unwrap_err();
    let hint = Some(Hint::Certificate(CertificateFault::Untrusted));
    assert!(
        matches!(&error, Error::NoAnswer(failed @ NoAnswer::Connect { .. }) if failed.hint() == hint),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .ends_with("; --insecure accepts any certificate"),
        "{error}"
    );
}

#[tokio::test]
async fn insecure_accepts_any_certificate() {
    assert_eq!(info(true).await.unwrap().version.as_str(), "x");
}
