//! A running network.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::config::Config;
use crate::engine::Engine;
use crate::node::Node;
use crate::report::Report;
use crate::service::Service;

/// A running network, which is used like its node. Dropping it stops all tasks without waiting for
/// them.
#[derive(Debug)]
pub struct Simnet {
    engine: Arc<Engine>,
    node: Node,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Simnet {
    /// Starts a network whose node listens on `address`; port 0 selects a free port.
    ///
    /// # Errors
    /// Returns `InvalidInput` for a [`ConfigError`](crate::ConfigError), and errors of binding
    /// `address`.
    pub async fn start(config: Config, address: SocketAddr) -> io::Result<Self> {
        Self::start_on(config, TcpListener::bind(address).await?)
    }

    /// Starts a network whose node accepts connections from `listener`.
    ///
    /// # Errors
    /// Returns `InvalidInput` for a [`ConfigError`](crate::ConfigError).
    pub fn start_on(config: Config, listener: TcpListener) -> io::Result<Self> {
        config
            .check()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let address = listener.local_addr()?;
        let (seed, chains) = (config.seed, config.graph.len());
        info!(event = "simnet_started", %address, version = config.version, chains, seed, "simulated network starts");
        let engine = Arc::new(Engine::new(config));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn({
            let (engine, stop) = (Arc::clone(&engine), stop.clone());
            async move { engine.run_timers(stop).await }
        });
        let service = Service::new(Arc::clone(&engine));
        let node = Node::start(service, listener, stop.clone(), tasks.clone())?;
        Ok(Self {
            engine,
            node,
            stop,
            tasks,
        })
    }

    /// Returns the address that the node listens on.
    pub fn address(&self) -> SocketAddr {
        self.node.address()
    }

    /// Returns the outcomes of all submissions.
    pub fn report(&self) -> Report {
        self.engine.with(|network, _| network.report())
    }

    /// Stops the network, breaks all connections and waits for all tasks.
    pub async fn shutdown(self) {
        self.stop.cancel();
        for tasks in [&self.tasks, &self.node.service.streams] {
            tasks.close();
            tasks.wait().await;
        }
    }
}

impl Deref for Simnet {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl Drop for Simnet {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Runs a network until `shutdown` completes, then logs its counts.
///
/// # Errors
/// Returns the errors of [`Simnet::start_on`].
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let simnet = Simnet::start_on(config, listener)?;
    shutdown.await;
    let tally = simnet.report().tally;
    info!(
        event = "simnet_stopped",
        accepted = tally.accepted,
        orphaned = tally.orphaned_later + tally.stale,
        refused = tally.bad_pow + tally.unknown_payload + tally.malformed + tally.invalid,
        foreign_blocks = tally.foreign_blocks,
        "simulated network stops"
    );
    simnet.shutdown().await;
    Ok(())
}
