//! The HTTP server of the on-demand worker.
//!
//! `http` answers requests and passes them on to the worker.

mod accept;
mod counts;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod http;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use listen::{BindError, Interface};
use miner::worker::on_demand::Request;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::http::{guarded, serve};

/// Connections at a time; more wait in the backlog of the socket.
const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");

/// A listening server, which responds once it runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    requests: mpsc::Sender<Request>,
    /// Further names of this machine, by which browsers may address it.
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
        Ok(Self {
            listener: interface.listen(port).await?,
            requests,
            names: Vec::new(),
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
            info!(
                event = "worker_ready",
                %address,
                "on-demand worker ready: POST blocks to /make-blocks"
            );
            if !address.ip().is_loopback() {
                warn!(
                    event = "listens_beyond_loopback",
                    %address,
                    "other machines can request blocks; --on-demand-interface 127.0.0.1 prevents \
                     it"
                );
            }
        }
        let router = http::router(self.requests);
        let router = guarded(router, &self.names, None, http::refused);
        serve(self.listener, router, MAX_CONNECTIONS, stop).await;
    }
}
