//! A running network with its node, to be watched and steered.

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
use crate::server::serve_connections;

/// Connections that the socket queues.
const BACKLOG: u32 = 1024;

/// A running network with one node that serves its API. Dropping it stops everything without waiting.
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
    /// Refuses connections. Bound nevertheless where possible, so that nobody else gets the port.
    Closed(Option<TcpSocket>),
}

impl Simnet {
    /// Starts a network whose node listens on an address; port 0 is any free port.
    ///
    /// # Errors
    /// `InvalidInput` for a [`ConfigError`](crate::ConfigError), and what binding the address gives.
    pub async fn start(config: Config, address: SocketAddr) -> io::Result<Self> {
        Self::start_on(config, TcpListener::bind(address).await?)
    }

    /// Starts a network whose node serves a listener.
    ///
    /// # Errors
    /// `InvalidInput` for a [`ConfigError`](crate::ConfigError).
    pub fn start_on(config: Config, listener: TcpListener) -> io::Result<Self> {
        config
            .check()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let address = listener.local_addr()?;
        let (seed, chains) = (config.seed, config.graph.len());
        info!(%address, version = config.version, chains, seed, "simulated network starts");
        let engine = Arc::new(Engine::new(config));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn({
            let (engine, stop) = (Arc::clone(&engine), stop.clone());
            async move { engine.keep_time(stop).await }
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

    /// Where the node listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.engine.faults
    }

    /// How often each endpoint was asked.
    pub fn requests(&self) -> RequestCounts {
        self.engine.counters.read()
    }

    /// How many update streams hold a place; one that its reader has left does so until its next event.
    pub fn open_streams(&self) -> usize {
        let limits = self
            .engine
            .with(|network, _| network.config().limits.clone());
        let slots = limits.update_streams.saturating_sub(1);
        slots.saturating_sub(self.engine.stream_slots.available_permits())
    }

    /// The cut.
    pub fn tips(&self) -> BTreeMap<ChainId, Tip> {
        self.engine.with(|network, _| network.tips())
    }

    /// What became of everything that was submitted.
    pub fn report(&self) -> Report {
        self.engine.with(|network, _| network.report())
    }

    /// Extends a chain by a foreign block now.
    ///
    /// # Errors
    /// There is no such chain, or a neighbour is lower.
    pub fn mine_foreign(&self, chain: ChainId) -> Result<BlockHash, MoveError> {
        self.engine
            .with(|network, now| network.mine_foreign(chain, now))
    }

    /// Replaces the tip of a chain by a foreign sibling: the neighbours' adjacent parent changes without an event on
    /// their streams.
    ///
    /// # Errors
    /// There is no such chain, a neighbour stands on the tip, or the tip is the genesis block.
    pub fn reorganise(&self, chain: ChainId) -> Result<BlockHash, MoveError> {
        self.engine
            .with(|network, now| network.reorganise(chain, now))
    }

    /// Renews a chain's payload now: `Refreshed Block`. Without effect while the chain has no work.
    ///
    /// # Errors
    /// There is no such chain.
    pub fn refresh(&self, chain: ChainId) -> Result<(), MoveError> {
        self.engine.with(|network, _| network.refresh(chain))
    }

    /// Ends all open update streams properly, as their time limit does.
    pub fn end_streams(&self) {
        self.engine.end_streams();
    }

    /// Restarts the node: connections break, payloads are forgotten, the chains stay. It may come back under another
    /// `nodeVersion`.
    ///
    /// # Errors
    /// The address cannot be bound again.
    pub async fn restart(&self, version: Option<String>) -> io::Result<()> {
        self.set_listening(false).await?;
        self.engine
            .with(|network, now| network.restart(version, now));
        self.set_listening(true).await
    }

    /// Takes the node off the network (connections break, new ones are refused) or puts it back.
    ///
    /// # Errors
    /// The address cannot be bound again.
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

    /// Stops the network, breaks all connections and waits until everything has ended.
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

/// Runs a network until `shutdown` completes.
///
/// # Errors
/// As [`Simnet::start_on`].
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let simnet = Simnet::start_on(config, listener)?;
    shutdown.await;
    let tally = simnet.report().tally;
    info!(
        accepted = tally.accepted,
        orphaned = tally.orphaned_later + tally.stale,
        refused = tally.bad_pow + tally.unknown_payload + tally.malformed + tally.invalid,
        foreign_blocks = tally.foreign_blocks,
        "simulated network stops"
    );
    simnet.shutdown().await;
    Ok(())
}
