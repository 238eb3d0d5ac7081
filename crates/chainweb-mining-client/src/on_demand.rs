//! The HTTP server of the on-demand worker: takes requests for blocks and passes them on to the worker.

mod accept;
mod routes;
mod server;

use std::io;
use std::net::SocketAddr;

use listen::{BindError, Interface};
use miner::worker::on_demand::Order;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// A server that listens and answers once it is run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    orders: mpsc::Sender<Order>,
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
        orders: mpsc::Sender<Order>,
    ) -> Result<Self, BindError> {
        let listener = interface.listen(port).await?;
        Ok(Self { listener, orders })
    }

    /// Returns the address that the server listens on.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is cancelled, and returns when the last connection is closed.
    pub async fn run(self, stop: CancellationToken) {
        // With port 0 only this line names the port.
        if let Ok(address) = self.address() {
            info!("on-demand worker ready: POST blocks to http://{address}/make-blocks");
        }
        server::run(self.listener, self.orders, stop).await;
    }
}
