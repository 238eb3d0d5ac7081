//! Questions to the API of a running program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use clap::Args;
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use listen::Interface;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::flags::{ApiArgs, ApiListen, LOOPBACK, PORTS};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any answer has.
const MAX_BYTES: usize = 64 << 20;

/// Which API to ask.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// Where it listens.
    #[command(flatten)]
    pub api: ApiArgs,
    /// The ports that the settings of the program name for something else.
    #[arg(long, hide = true)]
    stratum_port: Option<u16>,
    #[arg(long, hide = true)]
    on_demand_port: Option<u16>,
}

impl AskArgs {
    /// Asks the API that listens as these flags say. By default that is the first of the default
    /// ports at which one answers.
    ///
    /// # Errors
    /// Returns an error if it is off, or does not answer in time.
    pub(crate) async fn ask(&self, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        match &self.api.api_listen {
            Some(ApiListen::Off) => bail!("--api-listen off: there is no API to ask"),
            Some(ApiListen::At(interface, port)) => ask_at(&host(interface), *port, path).await,
            None => {
                let named = [self.stratum_port, self.on_demand_port];
                let ports = PORTS.filter(|port| !named.contains(&Some(*port)));
                ask_first(ports, path).await
            }
        }
    }
}

/// Asks the first of these ports of this machine at which an API answers.
async fn ask_first(
    ports: impl Iterator<Item = u16>,
    path: &str,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let mut first = None;
    for port in ports {
        let answer = ask_at(&host(&LOOPBACK), port, path).await;
        // Another server refuses the path; so does a Stratum port.
        let is_of_api = |status| matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE);
        if answer.as_ref().is_ok_and(|(status, _)| is_of_api(*status)) {
            return answer;
        }
        first.get_or_insert(answer);
    }
    first.unwrap_or_else(|| bail!("the settings use all ports of the API for something else"))
}

async fn ask_at(host: &str, port: u16, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    let asked = timeout(PATIENCE, exchange(host, port, path)).await;
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use hyper::StatusCode;
    use listen::bind;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::ask_first;

    fn listener() -> (TcpListener, u16) {
        let socket = bind(([127, 0, 0, 1], 0).into()).expect("loopback");
        let listener = socket.listen(8).expect("loopback");
        let port = listener.local_addr().expect("an address").port();
        (listener, port)
    }

    #[tokio::test]
    async fn the_first_port_with_an_api_answers() {
        let ((other, first), (web, second), (api, third)) = (listener(), listener(), listener());
        let mut servers = JoinSet::new();
        servers.spawn(async move {
            while let Ok((mut socket, _)) = other.accept().await {
                socket.write_all(b"{\"id\":null}\n").await.ok();
            }
        });
        servers.spawn(async move { axum::serve(web, Router::new()).await.unwrap_or(()) });
        let alive = Router::new().route("/healthz", get(async || "alive\n"));
        servers.spawn(async move { axum::serve(api, alive).await.unwrap_or(()) });
        let answer = ask_first([first, second, third].into_iter(), "/healthz").await;
        let (status, body) = answer.expect("the last one answers");
        assert_eq!((status, &*body), (StatusCode::OK, &b"alive\n"[..]));
        let none = ask_first([first].into_iter(), "/healthz").await;
        let error = format!("{:#}", none.expect_err("it speaks no HTTP"));
        assert!(error.contains(&format!("127.0.0.1:{first}")), "{error}");
    }
}
