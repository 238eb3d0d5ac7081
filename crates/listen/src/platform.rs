//! What sockets and files need of the operating system.

#[cfg(unix)]
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpSocket;

/// The result of [`raise_descriptor_limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptors {
    /// The process may open at least as many files as it wants.
    Enough,
    /// The process may open fewer.
    Short {
        /// The soft limit now in force, in descriptors.
        limit: u64,
    },
}

/// Raises the soft limit on open files (`RLIMIT_NOFILE`) to `wanted`, or as far as the hard limit
/// allows. Never lowers it.
#[cfg(unix)]
pub fn raise_descriptor_limit(wanted: u64) -> Descriptors {
    let mut limit = getrlimit(Resource::Nofile);
    // `None` is no limit.
    let Some(present) = limit.current.filter(|&present| present < wanted) else {
        return Descriptors::Enough;
    };
    let most = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    limit.current = Some(most);
    let reached = if setrlimit(Resource::Nofile, limit).is_ok() {
        most
    } else {
        present
    };
    if reached >= wanted {
        Descriptors::Enough
    } else {
        Descriptors::Short { limit: reached }
    }
}

/// Windows has no limit on sockets.
#[cfg(windows)]
pub fn raise_descriptor_limit(_wanted: u64) -> Descriptors {
    Descriptors::Enough
}

/// Lets a socket take the port of an earlier run whose connections are in `TIME_WAIT`. On Windows
/// they do not hold it, and `SO_REUSEADDR` would let two programs listen on one port.
pub(crate) fn reuse_port_of_earlier_run(socket: &TcpSocket) -> std::io::Result<()> {
    socket.set_reuseaddr(cfg!(unix))
}
