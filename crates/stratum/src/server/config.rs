//! The settings of the server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use chainweb::Level;
use ipnet::IpNet;

use crate::context::SessionLimits;
use crate::difficulty_mode::DifficultyMode;
use crate::nonce1::{Instance, Nonce1Size};
use crate::server::proxy_protocol::ProxyProtocol;
use crate::share_log::ShareLog;
use crate::tls::Tls;

/// The settings of a [`Server`](crate::Server).
#[derive(Clone, Debug)]
pub struct Config {
    /// How share targets are chosen.
    pub difficulty: DifficultyMode,
    /// The lowest share difficulty of the automatic mode and of passwords, in leading zero bits. An
    /// easier block target or a lower fixed difficulty overrides it.
    pub min_level: Level,
    /// The longest time between two jobs of a session.
    pub rate: Duration,
    /// The size of the server's part of the nonce.
    pub nonce1: Nonce1Size,
    /// This server's part of all values of nonce1.
    pub instance: Instance,
    /// The most connections at a time.
    pub max_connections: NonZeroUsize,
    /// The most connections at a time from one IP address. `None` is no limit: a farm often shares
    /// one address.
    pub max_connections_per_ip: Option<NonZeroUsize>,
    /// What happens with PROXY protocol headers.
    pub proxy_protocol: ProxyProtocol,
    /// The addresses of proxies: a header from any other address is refused.
    pub proxy_from: Vec<IpNet>,
    /// The addresses of clients that may connect; empty for all.
    pub allow: Vec<IpNet>,
    /// The certificate for clients that speak TLS. `None` refuses them.
    pub tls: Option<Arc<Tls>>,
    /// The most worker names with statistics of their own.
    pub max_workers: usize,
    /// Timeouts and rate limits of a session.
    pub session: SessionLimits,
    /// How long a client may leave sent data unread or unacknowledged.
    pub write_stall: Duration,
    /// Where shares are logged, if they are.
    pub share_log: Option<ShareLog>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            difficulty: DifficultyMode::default(),
            min_level: Level::new(40).expect("at most 256"),
            rate: Duration::from_secs(1),
            nonce1: Nonce1Size::TWO,
            instance: Instance::WHOLE,
            max_connections: NonZeroUsize::new(10_000).expect("not zero"),
            max_connections_per_ip: None,
            proxy_protocol: ProxyProtocol::Off,
            proxy_from: private_networks().into(),
            allow: Vec::new(),
            tls: None,
            max_workers: 10_000,
            session: SessionLimits::default(),
            write_stall: Duration::from_mins(1),
            share_log: None,
        }
    }
}

/// Returns the loopback addresses and the private ones of RFC 1918 and RFC 4193.
fn private_networks() -> [IpNet; 6] {
    let v4 = |a, b, bits| (IpAddr::from(Ipv4Addr::new(a, b, 0, 0)), bits);
    let unique_local = Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0);
    [
        v4(127, 0, 8),
        v4(10, 0, 8),
        v4(172, 16, 12),
        v4(192, 168, 16),
        (Ipv6Addr::LOCALHOST.into(), 128),
        (unique_local.into(), 7),
    ]
    .map(|(ip, bits)| IpNet::new(ip, bits).expect("a valid length"))
}
