//! Binding by interface.

use std::net::SocketAddr;

use listen::{BindError, Interface};
use tokio::net::TcpListener;

async fn listen(interface: &str, port: u16) -> Result<TcpListener, BindError> {
    interface.parse::<Interface>().unwrap().listen(port).await
}

#[tokio::test]
async fn a_port_in_use_is_an_error() {
    let first = listen("127.0.0.1", 0).await.unwrap();
    let taken = first.local_addr().unwrap();
    match listen("127.0.0.1", taken.port()).await {
        Err(BindError::InUse(address)) => assert_eq!(address, taken),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn interfaces_accept_the_clients_that_they_should() {
    async fn check(interface: &str, client: &str, connects: bool) {
        let listener = listen(interface, 0).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = SocketAddr::new(client.parse().unwrap(), port);
        let connected = tokio::net::TcpStream::connect(client).await;
        assert_eq!(connected.is_ok(), connects, "{client} to {interface}");
    }
    check("*4", "127.0.0.1", true).await;
    check("!4", "127.0.0.1", true).await;
    check("localhost", "127.0.0.1", true).await;
    check("*", "127.0.0.1", true).await;
    if TcpListener::bind("[::1]:0").await.is_ok() {
        check("*", "::1", true).await;
        check("!4", "::1", false).await;
        check("!6", "::1", true).await;
        check("!6", "127.0.0.1", false).await;
        check("::1", "::1", true).await;
    }
    let unknown = listen("no-such-host.invalid", 0).await;
    assert!(matches!(unknown, Err(BindError::Host { host, .. }) if host == "no-such-host.invalid"));
}
