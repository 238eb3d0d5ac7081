//! Where the server listens.
//!
//! The forms are those of the Haskell client: `*` for everything, `*4` and `*6` for everything with a preference, `!4`
//! and `!6` for one family alone, an address, or a host name.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4096;

/// One or more of the machine's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Interface {
    /// `*` or `*6`: all addresses, or all of IPv4 where there is no IPv6.
    #[default]
    All,
    /// `*4`: all addresses of IPv4, or all of IPv6 where there is no IPv4.
    PreferIpv4,
    /// `!4`: all addresses of IPv4.
    OnlyIpv4,
    /// `!6`: all addresses of IPv6.
    OnlyIpv6,
    /// One address.
    Address(IpAddr),
    /// The first address of this name that can be used.
    Host(String),
}

/// Why a text names no interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an interface is `*`, `*4`, `*6`, `!4`, `!6`, an address or a host name; got {0:?}")]
pub struct InterfaceError(String);

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{0} is in use by another program")]
    InUse(SocketAddr),
    /// The name has no address.
    #[error("no address for the host {host:?}")]
    Host {
        /// The name.
        host: String,
        /// What the resolver says.
        #[source]
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl FromStr for Interface {
    type Err = InterfaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |text: &str| {
            !text.is_empty()
                && text.len() <= 253
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        };
        match text {
            "*" | "*6" => Ok(Self::All),
            "*4" => Ok(Self::PreferIpv4),
            "!4" => Ok(Self::OnlyIpv4),
            "!6" => Ok(Self::OnlyIpv6),
            _ => match text.trim_start_matches('[').trim_end_matches(']').parse() {
                Ok(address) => Ok(Self::Address(address)),
                Err(_) if is_name(text) => Ok(Self::Host(text.to_owned())),
                Err(_) => Err(InterfaceError(text.chars().take(80).collect())),
            },
        }
    }
}

/// The text that is read as the same interface.
impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::PreferIpv4 => f.write_str("*4"),
            Self::OnlyIpv4 => f.write_str("!4"),
            Self::OnlyIpv6 => f.write_str("!6"),
            Self::Address(address) => address.fmt(f),
            Self::Host(host) => f.write_str(host),
        }
    }
}

/// Whether a socket for IPv6 takes clients of IPv4 too.
#[derive(Clone, Copy)]
enum Families {
    Both,
    One,
}

const IPV4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const IPV6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

impl Interface {
    /// Listens on a port; with port 0 the system picks one. To be called in a tokio runtime.
    pub async fn listen(&self, port: u16) -> Result<TcpListener, BindError> {
        let all = |ip: IpAddr| listen(SocketAddr::new(ip, port), Families::Both);
        match self {
            Self::All => all(IPV6).or_else(|error| or_other_family(error, || all(IPV4))),
            Self::PreferIpv4 => all(IPV4).or_else(|error| or_other_family(error, || all(IPV6))),
            Self::OnlyIpv4 => all(IPV4),
            Self::OnlyIpv6 => listen(SocketAddr::new(IPV6, port), Families::One),
            Self::Address(address) => listen(SocketAddr::new(*address, port), Families::One),
            Self::Host(host) => {
                let unknown = |source| BindError::Host {
                    host: host.clone(),
                    source,
                };
                let found = tokio::net::lookup_host((host.as_str(), port)).await;
                let mut failure = None;
                for address in found.map_err(unknown)? {
                    match listen(address, Families::One) {
                        Ok(listener) => return Ok(listener),
                        Err(error) => failure = failure.or(Some(error)),
                    }
                }
                Err(failure.unwrap_or_else(|| unknown(io::ErrorKind::NotFound.into())))
            }
        }
    }
}

/// Tries the other family unless the port is taken: then the operator wants to know.
fn or_other_family(
    error: BindError,
    other: impl FnOnce() -> Result<TcpListener, BindError>,
) -> Result<TcpListener, BindError> {
    match error {
        BindError::InUse(_) => Err(error),
        BindError::Host { .. } | BindError::Listen { .. } => other(),
    }
}

fn listen(address: SocketAddr, families: Families) -> Result<TcpListener, BindError> {
    let attempt = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => {
                let socket = TcpSocket::new_v6()?;
                sockopt::set_ipv6_v6only(&socket, matches!(families, Families::One))?;
                socket
            }
        };
        // Connections of the last run that wait for their end are no hindrance.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    attempt().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        _ => BindError::Listen { address, source },
    })
}

#[cfg(test)]
mod tests {
    use super::{Interface, InterfaceError};

    #[test]
    fn interfaces_are_read_and_written() {
        #[track_caller]
        fn check(text: &str, interface: &Interface, written: &str) {
            assert_eq!(text.parse().as_ref(), Ok(interface));
            assert_eq!(interface.to_string(), written);
        }
        let address = |text: &str| Interface::Address(text.parse().expect("an address"));
        check("*", &Interface::All, "*");
        check("*6", &Interface::All, "*");
        check("*4", &Interface::PreferIpv4, "*4");
        check("!4", &Interface::OnlyIpv4, "!4");
        check("!6", &Interface::OnlyIpv6, "!6");
        check("127.0.0.1", &address("127.0.0.1"), "127.0.0.1");
        check("::1", &address("::1"), "::1");
        check("[::1]", &address("::1"), "::1");
        check(
            "localhost",
            &Interface::Host("localhost".to_owned()),
            "localhost",
        );
        for text in ["", "!", "*5", "a b", "host:1917"] {
            let error = InterfaceError(text.to_owned());
            assert_eq!(text.parse::<Interface>(), Err(error));
        }
    }
}
