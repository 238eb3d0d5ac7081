//! A running network.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::Config;
use crate::engine::Engine;
use crate::node::Node;
use crate::report::Report;
use crate::service::Service;

/// A running network, which is used like its first node. Dropping it stops all tasks without
/// waiting for them.
#[derive(Debug)]
pub struct Simnet {
    engine: Arc<Engine>,
    nodes: Vec<Arc<Node>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Simnet {
    /// Starts a network whose nodes listen on the addresses of [`bind`].
    ///
    /// # Errors
    /// Returns `InvalidInput` for a [`ConfigError`](crate::ConfigError), and the errors of
    /// [`bind`].
    pub async fn start(config: Config, address: SocketAddr) -> io::Result<Self> {
        let listeners = bind(address, config.nodes).await?;
        Self::start_all(config, listeners)
    }

    /// Starts a network of one node, which accepts connections from `listener`.
    ///
    /// # Errors
    /// Returns `InvalidInput` for a [`ConfigError`](crate::ConfigError) or several nodes.
    pub fn start_on(config: Config, listener: TcpListener) -> io::Result<Self> {
        Self::start_all(config, vec![listener])
    }

    /// Starts a network whose nodes accept connections from one of `listeners` each.
    ///
    /// # Errors
    /// Returns `InvalidInput` for a [`ConfigError`](crate::ConfigError), or another number of
    /// listeners than of nodes.
    pub fn start_all(config: Config, listeners: Vec<TcpListener>) -> io::Result<Self> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        config.check().map_err(|error| invalid(error.to_string()))?;
        if listeners.len() != config.nodes {
            let (nodes, listeners) = (config.nodes, listeners.len());
            return Err(invalid(format!(
                "{nodes} nodes need as many listeners, not {listeners}"
            )));
        }
        let address = listeners[0].local_addr()?;
        let (seed, chains) = (config.seed, config.graph.len());
        info!(event = "simnet_started", %address, version = config.version, chains, seed, "simulated network starts");
        let engine = Arc::new(Engine::new(&config));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn({
            let (engine, stop) = (Arc::clone(&engine), stop.clone());
            async move { engine.run_timers(stop).await }
        });
        let mut nodes = Vec::new();
        for (number, listener) in listeners.into_iter().enumerate() {
            let service = Service::new(Arc::clone(&engine), number, &config);
            let node = Node::start(service, listener, stop.clone(), tasks.clone())?;
            if config.nodes > 1 {
                let address = node.address();
                info!(event = "simnet_node_started", node = number, %address, "simulated node starts");
            }
            nodes.push(Arc::new(node));
        }
        for incident in config.incidents {
            let (node, stop) = (Arc::clone(&nodes[incident.node]), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    happened = node.suffer(incident) => if let Err(error) = happened {
                        let node = incident.node;
                        warn!(event = "simnet_incident_failed", node, %error, "fault of a node failed");
                    }
                }
            });
        }
        Ok(Self {
            engine,
            nodes,
            stop,
            tasks,
        })
    }

    /// Returns the nodes, in the order of their numbers.
    pub fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// Returns a node by its number, from 0.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn node(&self, number: usize) -> &Node {
        &self.nodes[number]
    }

    /// Returns the address that the first node listens on.
    pub fn address(&self) -> SocketAddr {
        self.node(0).address()
    }

    /// Returns the outcomes of all submissions.
    pub fn report(&self) -> Report {
        self.engine.with(|nodes, _| nodes.report())
    }

    /// Runs the network until `shutdown` completes, then logs its counts.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) {
        shutdown.await;
        let tally = self.report().tally;
        info!(
            event = "simnet_stopped",
            accepted = tally.accepted,
            orphaned = tally.orphaned_later + tally.stale + tally.frozen,
            refused = tally.bad_pow + tally.unknown_payload + tally.malformed + tally.invalid,
            foreign_blocks = tally.foreign_blocks,
            "simulated network stops: blocks of all its clients"
        );
        self.shutdown().await;
    }

    /// Stops the network, breaks all connections and waits for all tasks.
    pub async fn shutdown(self) {
        self.stop.cancel();
        let streams = self.nodes.iter().map(|node| &node.service.streams);
        for tasks in [&self.tasks].into_iter().chain(streams) {
            tasks.close();
            tasks.wait().await;
        }
    }
}

impl Deref for Simnet {
    type Target = Node;

    fn deref(&self) -> &Node {
        self.node(0)
    }
}

impl Drop for Simnet {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Binds the sockets of nodes: consecutive ports from that of `address` on, or free ones for port
/// 0.
///
/// # Errors
/// Returns the error of the first address that cannot be bound, and names the address.
pub async fn bind(address: SocketAddr, nodes: usize) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for number in 0..nodes {
        let mut address = address;
        if address.port() != 0 {
            let port = u16::try_from(usize::from(address.port()) + number).map_err(|_| {
                let message = format!("{address}: no port for node {number}");
                io::Error::new(io::ErrorKind::InvalidInput, message)
            })?;
            address.set_port(port);
        }
        let bound = TcpListener::bind(address).await;
        listeners.push(
            bound.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?,
        );
    }
    Ok(listeners)
}

/// Runs a network of one node until `shutdown` completes.
///
/// # Errors
/// Returns the errors of [`Simnet::start_on`].
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    Simnet::start_on(config, listener)?
        .run_until(shutdown)
        .await;
    Ok(())
}
