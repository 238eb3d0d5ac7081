//! Accepts devices within the limits and starts a session for each.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use listen::{Acceptor, Permits};
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::connection::{Connection, House};
use super::{Server, Slices};
use crate::{Session, Solution};

/// How long a connection is silent before the system asks whether the peer is still there, and how often it asks.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

/// What accepting needs.
pub(super) struct Accept {
    house: Arc<House>,
    permits: Permits,
    slices: Slices,
    stop: CancellationToken,
    /// Connections so far: deals out slices and lanes.
    dealt: usize,
}

impl Accept {
    pub(super) fn new(
        server: &Server,
        max_connections: NonZeroUsize,
        slices: Slices,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            house: Arc::new(House {
                terms: Arc::clone(&server.terms),
                counters: Arc::clone(&server.counters),
                solutions,
                write_stall: server.config.write_stall,
            }),
            permits: Permits::new(max_connections, server.config.max_connections_per_ip),
            slices,
            stop,
            dealt: 0,
        }
    }

    /// Accepts until stopped; returns when the last connection is closed.
    pub(super) async fn run(mut self, listener: TcpListener) {
        let connections = TaskTracker::new();
        let mut acceptor = Acceptor::new(listener, self.stop.clone());
        while let Some((socket, peer)) = acceptor.accept().await {
            self.admit(socket, peer, &connections);
        }
        drop(acceptor);
        connections.close();
        connections.wait().await;
    }

    fn admit(&mut self, socket: TcpStream, peer: SocketAddr, connections: &TaskTracker) {
        let permit = match self.permits.try_acquire(peer.ip()) {
            Ok(permit) => permit,
            Err(limit) => {
                let refused = &self.house.counters.refused_connections;
                let before = refused.fetch_add(1, Ordering::Relaxed);
                // A storm is said each time that it has doubled.
                if (before + 1).is_power_of_two() {
                    warn!(%peer, %limit, so_far = before + 1, "connection refused");
                }
                return;
            }
        };
        if let Err(error) = self.set_options(&socket) {
            debug!(%peer, %error, "cannot set the options of a connection");
        }
        let slice = self.dealt % self.slices.len();
        // Neighbours lie on different lanes, so that a handful of devices is spread over the works too, and so do the
        // sessions of one slice.
        let rank = self.dealt / self.slices.len() + slice;
        let rank = u32::try_from(rank % (1 << 20)).expect("20 bits");
        self.dealt = self.dealt.wrapping_add(1);
        let (board, mut boards) = self.slices[slice].read();
        let terms = Arc::clone(&self.house.terms);
        let session = Session::new(terms, board, rank, Instant::now());
        let mut connection = Connection::new(Arc::clone(&self.house), socket, peer, session);
        connections.spawn(async move {
            connection.run(&mut boards).await;
            drop(permit);
        });
    }

    fn set_options(&self, socket: &TcpStream) -> std::io::Result<()> {
        sockopt::set_socket_keepalive(socket, true)?;
        sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
        sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
        sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)?;
        // Nothing asks for a sign of life while data is on its way: that has a limit of its own.
        #[cfg(target_os = "linux")]
        sockopt::set_tcp_user_timeout(
            socket,
            u32::try_from(self.house.write_stall.as_millis()).unwrap_or(u32::MAX),
        )?;
        Ok(())
    }
}
