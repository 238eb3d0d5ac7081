//! The flags of the HTTP API, and where it listens by default.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use listen::Interface;
use tokio::net::TcpListener;
use tracing::info;

use super::asic::interface;
use crate::api::Server;

/// The default port.
const PORT: u16 = 1918;
const LOOPBACK: Interface = Interface::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

/// Where others ask what the program does.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "API")]
pub struct ApiArgs {
    /// Address of the HTTP API, such as 0.0.0.0:1918, or `off` [default: 127.0.0.1:1918; another
    /// port if that is in use].
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
    /// Returns where the API listens, unless the default has to give way.
    pub(crate) fn listen(&self) -> ApiListen {
        let default = || ApiListen::At(LOOPBACK, PORT);
        self.api_listen.clone().unwrap_or_else(default)
    }

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

/// Listens on the default port or, if that is not free, on any other.
async fn by_default(named: &[u16]) -> anyhow::Result<(TcpListener, bool)> {
    if !named.contains(&PORT)
        && let Ok(listener) = LOOPBACK.listen(PORT).await
    {
        return Ok((listener, false));
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
        let (listener, is_moved) = by_default(&[1917, 1918]).await.expect("loopback");
        assert!(is_moved);
        assert_ne!(listener.local_addr().expect("an address").port(), 1918);
    }
}
