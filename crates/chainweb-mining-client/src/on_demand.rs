//! The HTTP server of the on-demand worker.
//!
//! `http` answers requests and passes them on to the worker. Each connection has limits in time,
//! and on shutdown idle ones are closed at once.

mod accept;
mod browser;
mod counts;
mod http;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use listen::{BindError, Interface};
use miner::worker::on_demand::Request;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Connections at a time; more wait in the backlog of the socket.
const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");
/// The time within which a connection has to send the head of a request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The time for the last responses on shutdown.
const LAST_RESPONSES: Duration = Duration::from_secs(1);

/// A listening server, which responds once it runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    requests: mpsc::Sender<Request>,
    /// Names of this machine, by which browsers may address it.
    names: Vec<String>,
}

impl Server {
    /// Binds the port; with port 0 the system picks one.
    ///
    /// # Errors
    ///
    /// Returns an error if the interface does not exist or the port is in use.
    pub async fn bind(
        interface: &Interface,
        port: u16,
        requests: mpsc::Sender<Request>,
    ) -> Result<Self, BindError> {
        let listener = interface.listen(port).await?;
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
        Ok(Self {
            listener,
            requests,
            names: name.iter().map(|name| name.trim().to_owned()).collect(),
        })
    }

    /// Lets browsers address this machine by these names as well.
    #[must_use]
    pub fn allow_hosts(mut self, names: &[String]) -> Self {
        self.names.extend_from_slice(names);
        self
    }

    /// Returns the address of the listening socket.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is cancelled, and returns when the last connection is closed.
    pub async fn run(self, stop: CancellationToken) {
        // The system may have picked the port.
        if let Ok(address) = self.address() {
            info!(event = "worker_ready", %address, "on-demand worker ready: POST blocks to /make-blocks");
            if !address.ip().is_loopback() {
                warn!(event = "listens_beyond_loopback", %address, "other machines can request blocks; --on-demand-interface 127.0.0.1 prevents it");
            }
        }
        let router = http::router(self.requests, self.names);
        let connection = |socket| serve(socket, router.clone(), stop.clone());
        listen::serve(self.listener, MAX_CONNECTIONS, stop.clone(), connection).await;
    }
}

async fn serve(socket: TcpStream, router: Router, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(LAST_RESPONSES, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        debug!(%error, "connection failed");
    }
}
