//! Nonblocking connections from several source addresses.
//!
//! One source address has some 28,000 ports, and a closed connection occupies its port for a
//! minute. Towards a loopback server, every few thousand sessions therefore use another address of
//! 127.0.0.0/8.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};

/// Number of connections from one source address.
const PER_ADDRESS: u32 = 4000;

/// Source addresses of connections to one server.
#[derive(Clone, Debug)]
pub(super) struct SourceAddresses {
    to: SocketAddr,
    used: u32,
    /// Second byte of the addresses: separates successive runs, as closed ports stay occupied.
    block: u8,
}

impl SourceAddresses {
    pub(super) fn new(to: SocketAddr, seed: u64) -> Self {
        let [block, ..] = seed.to_le_bytes();
        Self { to, used: 0, block }
    }

    /// Returns the next source address, or `None` to let the system choose.
    fn next(&mut self) -> Option<SocketAddr> {
        if !matches!(self.to.ip(), IpAddr::V4(to) if to.is_loopback()) {
            return None;
        }
        let [group, host] = u16::try_from(self.used / PER_ADDRESS % 0xfffe)
            .expect("the remainder is smaller")
            .wrapping_add(1)
            .to_be_bytes();
        self.used = self.used.wrapping_add(1);
        let from = Ipv4Addr::new(127, self.block, group, host);
        Some(SocketAddr::V4(SocketAddrV4::new(from, 0)))
    }

    /// Starts connecting. The connection is established, or has failed, once the socket is
    /// writable.
    ///
    /// # Errors
    /// Returns errors of creating the socket, and immediate errors of connecting.
    pub(super) fn open(&mut self) -> io::Result<TcpStream> {
        let family = match self.to {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        if let Some(from) = self.next() {
            bind(&socket, &from)?;
        }
        match connect(&socket, &self.to) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::SourceAddresses;

    fn sources(to: &str, count: usize) -> BTreeMap<String, usize> {
        let to = to.parse().expect("an address");
        let mut addresses = SourceAddresses::new(to, 7);
        let mut counts = BTreeMap::new();
        for _ in 0..count {
            let from = addresses.next();
            let from = from.map_or("any".to_owned(), |from| from.ip().to_string());
            *counts.entry(from).or_default() += 1;
        }
        counts
    }

    #[test]
    fn connections_to_loopback_use_several_source_addresses() {
        let expected = [("127.7.0.1", 4000), ("127.7.0.2", 4000), ("127.7.0.3", 1)];
        let expected = expected.map(|(address, count)| (address.to_owned(), count));
        assert_eq!(sources("127.0.0.1:1917", 8001), expected.into());
        let any = |count| BTreeMap::from([("any".to_owned(), count)]);
        assert_eq!(sources("192.0.2.1:1917", 5), any(5));
        assert_eq!(sources("[::1]:1917", 5), any(5));
    }
}
