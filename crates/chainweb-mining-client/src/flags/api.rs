//! The flags of the HTTP API, and where it listens by default.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use listen::Interface;
use tokio::net::TcpListener;
use tracing::info;

use super::asic::interface;
use crate::api::Server;

/// The default ports, the best first.
pub(crate) const PORTS: RangeInclusive<u16> = 1918..=1921;
pub(crate) const LOOPBACK: Interface = Interface::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

/// Where others ask what the program does.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "API")]
pub struct ApiArgs {
    /// Address of the HTTP API, such as 0.0.0.0:1918, or `off` [default: 127.0.0.1:1918; the next
    /// free port if that is in use].
    #[arg(long, value_name = "ADDRESS")]
    pub api_listen: Option<ApiListen>,
    /// A name of this machine by which browsers may reach the API; repeatable.
    #[arg(long, value_name = "HOST")]
    pub api_allowed_host: Vec<String>,
}

/// Where the API listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiListen {
    /// Nowhere.
    Off,
    /// On this port of these addresses; with port 0 the system picks one.
    At(Interface, u16),
}

impl FromStr for ApiListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
        let is_bare = host.contains(':') && !host.starts_with('[');
        let parsed = port.parse().ok().filter(|_| !is_bare);
        let parsed = parsed.and_then(|port| Some(Self::At(interface(host).ok()?, port)));
        parsed.ok_or_else(|| {
            "expected `off`, a port, or an address with a port, as in 127.0.0.1:1918, [::1]:1918 \
             or *:1918"
                .to_owned()
        })
    }
}

impl ApiArgs {
    /// Returns the listening API for a kind of worker, or `None` if it is off. The default port
    /// gives way to other uses of it, and to `named`, the ports that the user named for something
    /// else.
    ///
    /// # Errors
    /// Returns an error if the API cannot listen where the user wants it.
    pub(crate) async fn bind(&self, worker: &str, named: &[u16]) -> anyhow::Result<Option<Server>> {
        let (listener, is_moved) = match &self.api_listen {
            Some(ApiListen::Off) => return Ok(None),
            Some(ApiListen::At(interface, port)) => {
                let listener = interface.listen(*port).await.with_context(|| {
                    format!(
                        "the API cannot listen on --api-listen {interface}:{port}: choose another \
                         address or port, free it, or use --api-listen off"
                    )
                })?;
                (listener, false)
            }
            None => match by_default(named).await {
                Ok(listener) => listener,
                Err(error) => {
                    let error = format!("{error:#}");
                    info!(
                        event = "api_off",
                        error, "no API: it cannot listen on loopback"
                    );
                    return Ok(None);
                }
            },
        };
        let allowed = self.api_allowed_host.clone();
        Ok(Some(Server::new(listener, is_moved, allowed, worker)))
    }
}

/// Listens on the first free one of the default ports or, if there is none, on any other. Returns
/// also whether it is not the first.
async fn by_default(named: &[u16]) -> anyhow::Result<(TcpListener, bool)> {
    for port in PORTS.filter(|port| !named.contains(port)) {
        if let Ok(listener) = LOOPBACK.listen(port).await {
            return Ok((listener, port != *PORTS.start()));
        }
    }
    Ok((LOOPBACK.listen(0).await?, true))
}

#[cfg(test)]
mod tests {
    use listen::Interface;

    use super::{ApiListen, LOOPBACK, by_default};

    #[test]
    fn an_address_has_a_port_and_perhaps_a_host() {
        let at = |interface, port| Some(ApiListen::At(interface, port));
        let address = |text: &str| Interface::Address(text.parse().expect("an address"));
        for (text, expected) in [
            ("off", Some(ApiListen::Off)),
            ("OFF", Some(ApiListen::Off)),
            ("1918", at(LOOPBACK, 1918)),
            ("0.0.0.0:80", at(address("0.0.0.0"), 80)),
            ("[::1]:0", at(address("::1"), 0)),
            ("*:1918", at(Interface::All, 1918)),
            ("miner:1918", at(Interface::Host("miner".to_owned()), 1918)),
            ("", None),
            (":1918", None),
            ("::1", None),
            ("::1:1918", None),
            ("127.0.0.1", None),
            ("127.0.0.1:", None),
            ("http://127.0.0.1:1918", None),
            ("1:65536", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn the_default_port_gives_way_to_a_port_that_the_user_named() {
        let (listener, is_moved) = by_default(&[1917, 1918, 1919]).await.expect("loopback");
        assert!(is_moved);
        let port = listener.local_addr().expect("an address").port();
        assert!(![1918, 1919].contains(&port), "{port}");
    }
}
