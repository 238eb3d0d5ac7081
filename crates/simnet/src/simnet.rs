//! A running network with one node: inspection and control.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use chainweb::{BlockHash, ChainId};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::config::Config;
use crate::endpoint::RequestCounts;
use crate::engine::Engine;
use crate::faults::Faults;
use crate::network::MoveError;
use crate::report::{Report, Tip};
use crate::server::connections::serve_connections;

/// Length of the socket's accept queue.
const BACKLOG: u32 = 1024;

/// A running network whose one node serves the API. Dropping it stops all tasks without waiting for
/// them.
#[derive(Debug)]
pub struct Simnet {
    engine: Arc<Engine>,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
    port: Mutex<Port>,
}

#[derive(Debug)]
enum Port {
    Open {
        stop: CancellationToken,
        served: JoinHandle<()>,
    },
    /// Connections are refused. The socket stays bound where possible, to reserve the port.
    Closed(Option<TcpSocket>),
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
        let port = open(&engine, listener, &stop, &tasks);
        Ok(Self {
            engine,
            address,
            stop,
            tasks,
            port: Mutex::new(port),
        })
    }

    /// Returns the address that the node listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the fault rules.
    pub fn faults(&self) -> &Faults {
        &self.engine.faults
    }

    /// Returns the number of requests to each endpoint.
    pub fn requests(&self) -> RequestCounts {
        self.engine.counters.read()
    }

    /// Returns the number of open update streams. A stream that its reader has closed counts until
    /// its next event.
    pub fn open_streams(&self) -> usize {
        let engine = &self.engine;
        let limit = engine.with(|network, _| network.config().limits.update_streams);
        let slots = limit.saturating_sub(1);
        slots.saturating_sub(engine.stream_slots.available_permits())
    }

    /// Returns the cut: the last block of each chain.
    pub fn tips(&self) -> BTreeMap<ChainId, Tip> {
        self.engine.with(|network, _| network.tips())
    }

    /// Returns the outcomes of all submissions.
    pub fn report(&self) -> Report {
        self.engine.with(|network, _| network.report())
    }

    /// Extends `chain` with a foreign block and returns its hash.
    ///
    /// # Errors
    /// Returns [`MoveError::UnknownChain`], or [`MoveError::Blocked`] while an adjacent chain is
    /// lower.
    pub fn mine_foreign(&self, chain: ChainId) -> Result<BlockHash, MoveError> {
        self.engine
            .with(|network, now| network.mine_foreign(chain, now))
    }

    /// Replaces the tip of `chain` with a foreign sibling and returns its hash. Work on adjacent
    /// chains becomes stale without an event on their streams.
    ///
    /// # Errors
    /// Returns [`MoveError::UnknownChain`], or [`MoveError::PinnedTip`] if the tip is the genesis
    /// block or an adjacent chain has a block above it.
    pub fn reorganise(&self, chain: ChainId) -> Result<BlockHash, MoveError> {
        self.engine
            .with(|network, now| network.reorganise(chain, now))
    }

    /// Refreshes the payload of `chain` and sends `Refreshed Block`. Has no effect while the chain
    /// has no work.
    ///
    /// # Errors
    /// Returns [`MoveError::UnknownChain`].
    pub fn refresh(&self, chain: ChainId) -> Result<(), MoveError> {
        self.engine.with(|network, _| network.refresh(chain))
    }

    /// Ends all open update streams cleanly, as their time limit does.
    pub fn end_streams(&self) {
        self.engine.stream_ends.send_replace(());
    }

    /// Restarts the node, optionally under another `nodeVersion`. Connections break and cached
    /// payloads are lost; the chains stay.
    ///
    /// # Errors
    /// Returns errors of binding the address again.
    pub async fn restart(&self, version: Option<String>) -> io::Result<()> {
        self.set_listening(false).await?;
        self.engine
            .with(|network, now| network.restart(version, now));
        self.set_listening(true).await
    }

    /// Closes the node's port, or opens it again. Closing breaks open connections; new ones are
    /// refused.
    ///
    /// # Errors
    /// Returns errors of binding the address again.
    pub async fn set_listening(&self, listening: bool) -> io::Result<()> {
        let mut port = self.port.lock().await;
        match (&mut *port, listening) {
            (Port::Open { stop, served }, false) => {
                stop.cancel();
                served.await.map_err(io::Error::other)?;
                *port = Port::Closed(listen::bind(self.address).ok());
            }
            (Port::Closed(placeholder), true) => {
                drop(placeholder.take());
                let listener = listen::bind(self.address)?.listen(BACKLOG)?;
                *port = open(&self.engine, listener, &self.stop, &self.tasks);
            }
            _ => {}
        }
        Ok(())
    }

    /// Stops the network, breaks all connections and waits for all tasks.
    pub async fn shutdown(self) {
        self.stop.cancel();
        for tasks in [&self.tasks, &self.engine.streams] {
            tasks.close();
            tasks.wait().await;
        }
    }
}

impl Drop for Simnet {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn open(
    engine: &Arc<Engine>,
    listener: TcpListener,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Port {
    let stop = stop.child_token();
    let served = tasks.spawn(serve_connections(
        Arc::clone(engine),
        listener,
        stop.clone(),
    ));
    Port::Open { stop, served }
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
        "simulated network stops: blocks of all its clients"
    );
    simnet.shutdown().await;
    Ok(())
}
