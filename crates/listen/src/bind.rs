//! Binding TCP sockets.

use std::io;
use std::net::SocketAddr;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpSocket};

use super::platform::reuse_port_of_earlier_run;

/// Connections that the system queues until they are accepted; it may allow fewer.
const BACKLOG: u32 = 4096;

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The port is in use.
    #[error("{0} is in use by another program")]
    InUse(SocketAddr),
    /// The host name does not resolve.
    #[error("no address for the host {host:?}")]
    Host {
        /// The host name.
        host: String,
        /// The error of the resolver.
        #[source]
        source: io::Error,
    },
    /// Any other error of the system.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
}

/// Whether an IPv6 socket accepts IPv4 clients too.
#[derive(Clone, Copy)]
pub(crate) enum Families {
    Both,
    One,
}

/// Binds a socket without listening yet: until then it holds the port, and connections are
/// refused. Has to be called within a tokio runtime.
///
/// Connections of an earlier run in `TIME_WAIT` do not hold the port. On `[::]` the socket accepts
/// IPv4 clients too.
///
/// # Errors
/// Returns the error of the system.
pub fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    bind_families(address, Families::Both)
}

fn bind_families(address: SocketAddr, families: Families) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => {
            let socket = TcpSocket::new_v6()?;
            sockopt::set_ipv6_v6only(&socket, matches!(families, Families::One))?;
            socket
        }
    };
    reuse_port_of_earlier_run(&socket)?;
    socket.bind(address)?;
    Ok(socket)
}

pub(crate) fn listen(address: SocketAddr, families: Families) -> Result<TcpListener, BindError> {
    bind_families(address, families)
        .and_then(|socket| socket.listen(BACKLOG))
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse(address),
            _ => BindError::Listen { address, source },
        })
}
