//! Accepts devices within the limits and starts a session for each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use listen::{Acceptor, Permits};
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::server::connection::Connection;
use crate::server::publisher::Slices;
use crate::server::shared::Shared;
use crate::session::Session;

/// The TCP keepalive: how long a connection is silent before the first probe, the time between
/// probes, and their number.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;

/// Accepts connections.
pub(super) struct Accept {
    shared: Arc<Shared>,
    permits: Permits,
    slices: Slices,
    stop: CancellationToken,
    /// Sessions so far; selects the slice and lane of the next.
    sessions: usize,
}

impl Accept {
    pub(super) fn new(
        shared: Shared,
        permits: Permits,
        slices: Slices,
        stop: CancellationToken,
    ) -> Self {
        Self {
            shared: Arc::new(shared),
            permits,
            slices,
            stop,
            sessions: 0,
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
        let gate = &self.shared.gate;
        // The client of a proxy is known only after the first bytes.
        let is_proxy = gate.is_proxy(peer.ip());
        if !is_proxy && let Err(refused) = gate.check(peer.ip()) {
            return self.shared.refuse(Instant::now(), peer, refused);
        }
        let permit = if is_proxy {
            self.permits.try_acquire_unknown()
        } else {
            self.permits.try_acquire(peer.ip())
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(limit) => return self.shared.refuse_beyond(peer, &limit),
        };
        if let Err(error) = self.set_options(&socket) {
            debug!(%peer, %error, "cannot set socket options");
        }
        let slice = self.sessions % self.slices.len();
        // Sessions that connect one after the other, and those of one slice, get different lanes:
        // a handful of devices is spread over the live work too.
        let rank = self.sessions / self.slices.len() + slice;
        let rank = u32::try_from(rank % (1 << 20)).expect("20 bits");
        self.sessions = self.sessions.wrapping_add(1);
        let (jobs, mut reader) = self.slices[slice].read();
        let context = Arc::clone(&self.shared.context);
        let session = Session::new(context, jobs, rank, Instant::now());
        let mut connection =
            Connection::new(Arc::clone(&self.shared), socket, peer, session, permit);
        connections.spawn(async move { connection.run(&mut reader).await });
    }

    fn set_options(&self, socket: &TcpStream) -> std::io::Result<()> {
        sockopt::set_socket_keepalive(socket, true)?;
        sockopt::set_tcp_keepidle(socket, KEEPALIVE_IDLE)?;
        sockopt::set_tcp_keepintvl(socket, KEEPALIVE_INTERVAL)?;
        sockopt::set_tcp_keepcnt(socket, KEEPALIVE_PROBES)?;
        // Keepalive does not probe while data is unacknowledged; this bounds that time.
        #[cfg(target_os = "linux")]
        sockopt::set_tcp_user_timeout(
            socket,
            u32::try_from(self.shared.write_stall.as_millis()).unwrap_or(u32::MAX),
        )?;
        Ok(())
    }
}
