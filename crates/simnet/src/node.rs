//! One node of a running network: inspection and control.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chainweb::{BlockHash, ChainId};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::endpoint::RequestCounts;
use crate::faults::Faults;
use crate::incident::{Incident, IncidentKind};
use crate::link::Link;
use crate::network::MoveError;
use crate::report::Tip;
use crate::server::connections::serve_connections;
use crate::service::Service;

/// Length of the socket's accept queue.
const BACKLOG: u32 = 1024;

/// A node, which serves the API on an address of its own.
#[derive(Debug)]
pub struct Node {
    pub(crate) service: Arc<Service>,
    address: SocketAddr,
    /// Ends with the network.
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

impl Node {
    /// Starts a node until `stop` is cancelled; `tasks` waits for its tasks.
    pub(crate) fn start(
        service: Service,
        listener: TcpListener,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> io::Result<Self> {
        let service = Arc::new(service);
        let address = listener.local_addr()?;
        let port = open(&service, listener, &stop, &tasks);
        Ok(Self {
            service,
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
        &self.service.faults
    }

    /// Returns the number of requests to each endpoint.
    pub fn requests(&self) -> RequestCounts {
        self.service.counters.read()
    }

    /// Returns the number of open update streams. A stream that its reader has closed counts until
    /// its next event.
    pub fn open_streams(&self) -> usize {
        let service = &self.service;
        let slots = service.with(|network, _| network.config().stream_slots());
        slots.saturating_sub(service.stream_slots.available_permits())
    }

    /// Returns the node's cut: the last block of each chain.
    pub fn tips(&self) -> BTreeMap<ChainId, Tip> {
        self.service.with(|network, _| network.tips())
    }

    /// Extends `chain` with a foreign block and returns its hash.
    ///
    /// # Errors
    /// Returns [`MoveError::UnknownChain`], or [`MoveError::Blocked`] while an adjacent chain is
    /// lower.
    pub fn mine_foreign(&self, chain: ChainId) -> Result<BlockHash, MoveError> {
        self.service
            .with(|network, now| network.mine_foreign(chain, now))
    }

    /// Replaces the tip of `chain` with a foreign sibling and returns its hash. Work on adjacent
    /// chains becomes stale without an event on their streams. Other nodes keep the old tip until
    /// this node's cut is heavier.
    ///
    /// # Errors
    /// Returns [`MoveError::UnknownChain`], or [`MoveError::PinnedTip`] if the tip is the genesis
    /// block or an adjacent chain has a block above it.
    pub fn reorganise(&self, chain: ChainId) -> Result<BlockHash, MoveError> {
        self.service
            .with(|network, now| network.reorganise(chain, now))
    }

    /// Refreshes the payload of `chain` and sends `Refreshed Block`. Has no effect while the chain
    /// has no work.
    ///
    /// # Errors
    /// Returns [`MoveError::UnknownChain`].
    pub fn refresh(&self, chain: ChainId) -> Result<(), MoveError> {
        self.service.with(|network, _| network.refresh(chain))
    }

    /// Ends all open update streams cleanly, as their time limit does.
    pub fn end_streams(&self) {
        self.service.stream_ends.send_replace(());
    }

    /// Restarts the node, optionally under another `nodeVersion`. Connections break and cached
    /// payloads are lost; the chains stay.
    ///
    /// # Errors
    /// Returns errors of binding the address again.
    pub async fn restart(&self, version: Option<String>) -> io::Result<()> {
        self.set_listening(false).await?;
        self.service
            .with(|network, now| network.restart(version, now));
        self.set_listening(true).await
    }

    /// Stops the node for `pause` and starts it again, as [`restart`](Self::restart) does.
    /// Meanwhile it gets no blocks; then it receives the cuts of the other nodes.
    ///
    /// # Errors
    /// Returns errors of binding the address again.
    ///
    /// # Cancel safety
    /// Not cancel-safe: the node stays stopped.
    pub async fn restart_after(&self, pause: Duration) -> io::Result<()> {
        self.set_listening(false).await?;
        let link = self.set_link(Link::Frozen);
        sleep(pause).await;
        self.service.with(|network, now| network.restart(None, now));
        self.set_link(link);
        self.set_listening(true).await
    }

    /// Returns the node's link to the others.
    pub fn link(&self) -> Link {
        self.service.link()
    }

    /// Connects the node to the others or disconnects it, and returns its former link.
    pub fn set_link(&self, link: Link) -> Link {
        self.service.set_link(link)
    }

    /// Partitions the node, and replaces its last blocks by a fork: each chain is `ahead` blocks
    /// above the highest chain, and the cut is lighter than before. Its blocks are easier than the
    /// rules allow.
    ///
    /// # Errors
    /// Returns [`MoveError::NoFork`] while the chains are too short or too easy for that.
    pub fn fork(&self, ahead: u64) -> Result<(), MoveError> {
        let link = self.set_link(Link::Partitioned);
        let forked = self.service.with(|network, now| network.fork(ahead, now));
        if forked.is_err() {
            self.set_link(link);
        }
        forked
    }

    /// Waits for the time of an incident, carries it out, and ends it.
    ///
    /// # Errors
    /// Returns the errors of [`set_listening`](Self::set_listening) and [`fork`](Self::fork).
    pub(crate) async fn suffer(&self, incident: Incident) -> io::Result<()> {
        let Incident {
            node,
            kind,
            after,
            lasting,
        } = incident;
        sleep(after).await;
        info!(
            event = "simnet_incident",
            node,
            ?kind,
            "fault of a node begins"
        );
        match kind {
            IncidentKind::Partition => drop(self.set_link(Link::Partitioned)),
            IncidentKind::Freeze => drop(self.set_link(Link::Frozen)),
            IncidentKind::Fork(ahead) => self.fork(ahead).map_err(io::Error::other)?,
            IncidentKind::Restart => self.restart_after(lasting.unwrap_or_default()).await?,
            IncidentKind::Close => self.set_listening(false).await?,
        }
        if kind != IncidentKind::Restart {
            let Some(lasting) = lasting else {
                return Ok(());
            };
            sleep(lasting).await;
            if kind == IncidentKind::Close {
                self.set_listening(true).await?;
            } else {
                self.set_link(Link::Connected);
            }
        }
        info!(
            event = "simnet_incident_over",
            node,
            ?kind,
            "fault of a node is over"
        );
        Ok(())
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
                *port = open(&self.service, listener, &self.stop, &self.tasks);
            }
            _ => {}
        }
        Ok(())
    }
}

fn open(
    service: &Arc<Service>,
    listener: TcpListener,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Port {
    let stop = stop.child_token();
    let served = tasks.spawn(serve_connections(
        Arc::clone(service),
        listener,
        stop.clone(),
    ));
    Port::Open { stop, served }
}
