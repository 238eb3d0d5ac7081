//! Questions to the API of a running program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use listen::Interface;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::flags::{ApiArgs, ApiListen};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any answer has.
const MAX_BYTES: usize = 64 << 20;

/// Asks the API that listens as these flags say.
///
/// # Errors
/// Returns an error if it is off, or does not answer in time.
pub(crate) async fn ask(api: &ApiArgs, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    let (host, port) = match api.listen() {
        ApiListen::Off => bail!("--api-listen off: there is no API to ask"),
        ApiListen::At(interface, port) => (host(&interface), port),
    };
    let asked = timeout(PATIENCE, exchange(&host, port, path)).await;
    let answer = asked.unwrap_or_else(|_| bail!("no answer within {PATIENCE:?}"));
    answer.with_context(|| {
        format!(
            "no API at {host}:{port}: does the program run, and with this --api-listen? Its log \
             names the address"
        )
    })
}

/// Returns where a program on this machine reaches an interface.
fn host(interface: &Interface) -> String {
    let (ipv4, ipv6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    let address: IpAddr = match interface {
        Interface::Host(host) => return host.clone(),
        Interface::Address(address) if !address.is_unspecified() => *address,
        Interface::Address(IpAddr::V6(_)) | Interface::OnlyIpv6 => ipv6,
        _ => ipv4,
    };
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

async fn exchange(host: &str, port: u16, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    let socket = TcpStream::connect(format!("{host}:{port}")).await?;
    let (mut sender, connection) = handshake(TokioIo::new(socket)).await?;
    let request = Request::get(path)
        .header(HOST, host)
        .body(Body::empty())
        .context("not a path")?;
    let answer = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = to_bytes(Body::new(response.into_body()), MAX_BYTES).await?;
        anyhow::Ok((status, body))
    };
    // The connection ends with its sender.
    let (answer, _) = tokio::join!(answer, connection);
    answer
}
