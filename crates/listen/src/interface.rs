//! The value of a setting for where to listen.
//!
//! The forms are those of the `HostPreference` of Haskell's `streaming-commons`
//! (`Data.Streaming.Network`), which the Haskell mining client uses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::{fmt, io};

use tokio::net::TcpListener;

use crate::bind::{BindError, Families, listen};

/// The local addresses to listen on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Interface {
    /// `*` or `*6`: all IPv6 and IPv4 addresses; IPv4 alone where the system has no IPv6.
    #[default]
    All,
    /// `*4`: all IPv4 addresses; those of IPv6 where the system has no IPv4.
    PreferIpv4,
    /// `!4`: all IPv4 addresses.
    OnlyIpv4,
    /// `!6`: all IPv6 addresses, without IPv4 clients.
    OnlyIpv6,
    /// One address.
    Address(IpAddr),
    /// A host name: its first address available for binding.
    Host(String),
}

/// The error for a text that is not an interface; holds its first 80 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an interface is `*`, `*4`, `*6`, `!4`, `!6`, an address or a host name; got {0:?}")]
pub struct InterfaceError(String);

impl FromStr for Interface {
    type Err = InterfaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "*" | "*6" => Ok(Self::All),
            "*4" => Ok(Self::PreferIpv4),
            "!4" => Ok(Self::OnlyIpv4),
            "!6" => Ok(Self::OnlyIpv6),
            _ => match text.trim_start_matches('[').trim_end_matches(']').parse() {
                Ok(address) => Ok(Self::Address(address)),
                Err(_) if is_host_name(text) => Ok(Self::Host(text.to_owned())),
                Err(_) => Err(InterfaceError(text.chars().take(80).collect())),
            },
        }
    }
}

fn is_host_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

/// Writes a text that parses as the same interface.
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

const IPV4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const IPV6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

impl Interface {
    /// Listens on `port`; with port 0 the system picks one. Has to be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// Returns [`BindError::InUse`] if the port is in use, [`BindError::Host`] if the host name
    /// does not resolve, and [`BindError::Listen`] for any other error.
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

/// Tries the other family, unless the port is in use: that is an error to report.
fn or_other_family(
    error: BindError,
    other: impl FnOnce() -> Result<TcpListener, BindError>,
) -> Result<TcpListener, BindError> {
    match error {
        BindError::InUse(_) => Err(error),
        BindError::Host { .. } | BindError::Listen { .. } => other(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Interface, InterfaceError};

    #[test]
    fn interfaces_parse_and_print() {
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
