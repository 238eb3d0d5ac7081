//! Who may connect, by which address and in which protocol: decided by the first bytes of a
//! connection.
//!
//! No Stratum client waits for the server before it sends, so a decision never delays one. Limits
//! on the number of connections are not known here.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use listen::ProxyHeader;
use tracing::warn;

use crate::log_limit::LogLimit;
use crate::server::config::Config;
use crate::server::proxy_protocol::ProxyProtocol;

/// The time between two warnings about one address.
const WARNING_PERIOD: Duration = Duration::from_hours(1);

/// The first byte of TLS, of a record with a handshake message (RFC 8446, section 5.1).
const TLS: u8 = 0x16;

/// How requests of HTTP start; `PRI` is version 2.
const HTTP: [&[u8]; 10] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"OPTIONS ",
    b"CONNECT ",
    b"DELETE ",
    b"PATCH ",
    b"TRACE ",
    b"PRI * ",
];

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Stratum,
    Tls,
    Http,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(super) enum Refused {
    #[error("the address is not in --stratum-allow")]
    NotAllowed,
    #[error("a PROXY protocol header from an address that is not in --stratum-proxy-from")]
    Untrusted,
    #[error("no PROXY protocol header, which --stratum-proxy-protocol require asks for")]
    NoHeader,
    #[error("an invalid PROXY protocol header")]
    Malformed,
}

/// The start of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// The bytes of the header, which precede those of the protocol.
    pub(super) header: usize,
    /// The client's address by that header.
    pub(super) client: Option<SocketAddr>,
    pub(super) protocol: Protocol,
}

/// What a warning about an address is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Notice {
    Refused(Refused),
    Foreign(Protocol),
    TlsFailed,
}

/// The rules for new connections.
pub(super) struct Gate {
    proxy_protocol: ProxyProtocol,
    proxy_from: Vec<IpNet>,
    /// Empty for all addresses.
    allow: Vec<IpNet>,
    warnings: LogLimit<(IpAddr, Notice)>,
    header_warnings: LogLimit<IpAddr>,
}

impl Gate {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            proxy_protocol: config.proxy_protocol,
            proxy_from: config.proxy_from.clone(),
            allow: config.allow.clone(),
            warnings: LogLimit::every(WARNING_PERIOD),
            header_warnings: LogLimit::once(),
        }
    }

    /// Whether connections from this address may start with a header, which decides on the
    /// client's address.
    pub(super) fn is_proxy(&self, ip: IpAddr) -> bool {
        self.proxy_protocol != ProxyProtocol::Off && contains(&self.proxy_from, ip)
    }

    /// Checks whether a client may connect from this address.
    pub(super) fn check(&self, ip: IpAddr) -> Result<(), Refused> {
        if self.allow.is_empty() || contains(&self.allow, ip) {
            Ok(())
        } else {
            Err(Refused::NotAllowed)
        }
    }

    /// Reads the start of a connection from `peer`, or returns `None` if more bytes are needed.
    pub(super) fn read(
        &self,
        now: Instant,
        peer: SocketAddr,
        bytes: &[u8],
    ) -> Result<Option<Opening>, Refused> {
        let is_off = self.proxy_protocol == ProxyProtocol::Off;
        let (header, client) = match ProxyHeader::parse(bytes) {
            ProxyHeader::Incomplete => return Ok(None),
            ProxyHeader::Absent if self.proxy_protocol == ProxyProtocol::Require => {
                return Err(Refused::NoHeader);
            }
            ProxyHeader::Absent => (0, None),
            ProxyHeader::Malformed if is_off => (0, None),
            ProxyHeader::Present { length, .. } if is_off => {
                if self.header_warnings.is_due(now, peer.ip()) {
                    warn!(event = "proxy_header_ignored", %peer, "ignoring a PROXY protocol header; to use the address in it, set --stratum-proxy-protocol accept");
                }
                (length, None)
            }
            ProxyHeader::Started if is_off => return Ok(None),
            // Before the end of the header, so that strangers cannot have many bytes kept.
            _ if !self.is_proxy(peer.ip()) => return Err(Refused::Untrusted),
            ProxyHeader::Started => return Ok(None),
            ProxyHeader::Malformed => return Err(Refused::Malformed),
            ProxyHeader::Present { length, client } => (length, client),
        };
        Ok(protocol(&bytes[header..]).map(|protocol| Opening {
            header,
            client,
            protocol,
        }))
    }

    /// Logs a refused connection, once an hour for each address and reason.
    pub(super) fn warn_of_refusal(&self, now: Instant, peer: SocketAddr, refused: Refused) {
        let key = (peer.ip(), Notice::Refused(refused));
        if self.warnings.is_due(now, key) {
            warn!(event = "client_refused", %peer, refusal = %refused, "client refused");
        }
    }

    /// Logs a protocol that is not Stratum, once an hour for each address.
    pub(super) fn warn_of_protocol(&self, now: Instant, peer: SocketAddr, protocol: Protocol) {
        if !self
            .warnings
            .is_due(now, (peer.ip(), Notice::Foreign(protocol)))
        {
            return;
        }
        match protocol {
            Protocol::Tls => {
                warn!(event = "foreign_protocol", %peer, protocol = "TLS", "device speaks TLS, and this server has no certificate: set the pool on the device to stratum+tcp://, or --stratum-tls-cert here");
            }
            Protocol::Http | Protocol::Stratum => {
                warn!(event = "foreign_protocol", %peer, protocol = "HTTP", "client speaks HTTP on the Stratum port: set the pool on the device to stratum+tcp://");
            }
        }
    }

    /// Logs a failed TLS handshake, once an hour for each address.
    pub(super) fn warn_of_tls(&self, now: Instant, peer: SocketAddr, error: &rustls::Error) {
        if self.warnings.is_due(now, (peer.ip(), Notice::TlsFailed)) {
            warn!(event = "tls_failed", %peer, %error, "TLS handshake failed: the device must trust the certificate of --stratum-tls-cert, or use stratum+tcp://");
        }
    }
}

fn contains(networks: &[IpNet], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    networks.iter().any(|network| network.contains(&ip))
}

/// Returns the protocol that starts with these bytes, or `None` if more are needed.
fn protocol(bytes: &[u8]) -> Option<Protocol> {
    if *bytes.first()? == TLS {
        return Some(Protocol::Tls);
    }
    if HTTP.iter().any(|start| bytes.starts_with(start)) {
        return Some(Protocol::Http);
    }
    let may_be_http = HTTP.iter().any(|start| start.starts_with(bytes));
    (!may_be_http).then_some(Protocol::Stratum)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use super::{Gate, Opening, Protocol, ProxyProtocol, Refused};
    use crate::server::config::Config;

    const HEADER: &str = "PROXY TCP4 192.0.2.7 10.0.0.1 50000 1917\r\n";

    #[track_caller]
    fn check(
        mode: ProxyProtocol,
        peer: &str,
        bytes: &str,
        expected: Result<Option<(usize, bool, Protocol)>, Refused>,
    ) {
        let config = Config {
            proxy_protocol: mode,
            ..Config::default()
        };
        let peer: SocketAddr = peer.parse().expect("an address");
        let client: SocketAddr = "192.0.2.7:50000".parse().expect("an address");
        let expected = expected.map(|opening| {
            opening.map(|(header, is_proxied, protocol)| Opening {
                header,
                client: is_proxied.then_some(client),
                protocol,
            })
        });
        let read = Gate::new(&config).read(Instant::now(), peer, bytes.as_bytes());
        assert_eq!(read, expected);
    }

    #[test]
    fn headers_count_from_proxies_alone() {
        use super::ProxyProtocol::{Accept, Off, Require};
        let (proxy, other) = ("10.1.2.3:1", "[2001:db8::1]:1");
        let with_header = format!("{HEADER}{{");
        let length = HEADER.len();
        let plain = Ok(Some((0, false, Protocol::Stratum)));
        let proxied = Ok(Some((length, true, Protocol::Stratum)));
        let skipped = Ok(Some((length, false, Protocol::Stratum)));
        for peer in [proxy, other] {
            check(Off, peer, "{", plain);
            check(Off, peer, &with_header, skipped);
            check(Off, peer, "PROXY nonsense\r\n", plain);
            check(Accept, peer, "{", plain);
            check(Accept, peer, "", Ok(None));
            check(
                Accept,
                peer,
                HEADER,
                if peer == proxy {
                    Ok(None)
                } else {
                    Err(Refused::Untrusted)
                },
            );
            check(Accept, peer, &HEADER[..5], Ok(None));
            check(Require, peer, "{", Err(Refused::NoHeader));
        }
        for mode in [Accept, Require] {
            check(mode, proxy, &with_header, proxied);
            check(mode, "[::ffff:127.0.0.1]:1", &with_header, proxied);
            check(mode, other, &with_header, Err(Refused::Untrusted));
            check(mode, "172.32.0.1:1", &with_header, Err(Refused::Untrusted));
            check(mode, proxy, "PROXY nonsense\r\n", Err(Refused::Malformed));
            for start in ["PROXY ", "PROXY TCP4 192", "\r\n\r\n\0\r\nQUIT\n"] {
                check(mode, proxy, start, Ok(None));
                check(Off, other, start, Ok(None));
                check(mode, other, start, Err(Refused::Untrusted));
            }
        }
        let tls = format!("{HEADER}\x16");
        check(Accept, proxy, &tls, Ok(Some((length, true, Protocol::Tls))));
    }

    #[test]
    fn protocols_are_recognized_by_their_first_bytes() {
        #[track_caller]
        fn starts(bytes: &str, protocol: Option<Protocol>) {
            let expected = protocol.map(|protocol| (0, false, protocol));
            check(ProxyProtocol::Off, "192.0.2.1:1", bytes, Ok(expected));
        }
        starts("\x16", Some(Protocol::Tls));
        starts("\x16\x03\x01", Some(Protocol::Tls));
        starts("GET / HTTP/1.1\r\n", Some(Protocol::Http));
        starts("POST /", Some(Protocol::Http));
        starts("PRI * HTTP/2.0", Some(Protocol::Http));
        for text in ["G", "GET", "P", "PO", "\r\n"] {
            starts(text, None);
        }
        for text in ["{", "[", "x", "GETX", "\r\n{", "\u{80}"] {
            starts(text, Some(Protocol::Stratum));
        }
    }
}
