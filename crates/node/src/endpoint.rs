//! The address of a node's service API: scheme, host and port.
//!
//! A node serves plain HTTP, by default on port 1848 (kadena-io/chainweb-node,
//! `Chainweb/Configuration.hs`); a reverse proxy may add TLS. The protocol determines the path, so
//! an address with a path is an error.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use reqwest::Url;

/// The default port of a chainweb node's service API.
pub const DEFAULT_PORT: u16 = 1848;

/// The address of a node's service API. Displays as a URL with the port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    tls: bool,
    /// As in a URL: IPv6 addresses in brackets, names in lower case.
    host: String,
    port: u16,
}

/// The error of parsing a node's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The scheme is neither `http` nor `https`.
    #[error("unknown scheme {0:?}: use http:// or https://")]
    Scheme(String),
    /// The text has more than a scheme, a host and a port.
    #[error(
        "leave the {part}{} out of the address: give HOST, HOST:PORT or http(s)://HOST:PORT",
        quoted(text)
    )]
    Surplus {
        /// The name of the surplus part.
        part: &'static str,
        /// The part; empty for what may be secret.
        text: String,
    },
    /// The host is missing.
    #[error("the host name is missing")]
    NoHost,
    /// The host is not a host name or address.
    #[error("{host:?} is not a host name or address: {why}")]
    Host {
        /// The host.
        host: String,
        /// The error of parsing it.
        why: String,
    },
    /// The port is not a number from 1 to 65535.
    #[error("port {0:?} is not a number from 1 to 65535")]
    Port(String),
}

impl EndpointError {
    fn credentials() -> Self {
        Self::Surplus {
            part: "user name or password",
            text: String::new(),
        }
    }
}

impl Endpoint {
    /// Parses `HOST`, `HOST:PORT`, `[IPV6]:PORT` or a URL of these. `tls` applies to a text without
    /// a scheme. The default port is 1848 with either scheme.
    ///
    /// # Errors
    /// If the text is anything else, such as a URL with a path.
    pub fn parse(text: &str, tls: bool) -> Result<Self, EndpointError> {
        let (tls, rest) = match text.split_once("://") {
            None => (tls, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, _)) if scheme.contains('@') => return Err(EndpointError::credentials()),
            Some((scheme, _)) => return Err(EndpointError::Scheme(scheme.to_owned())),
        };
        let authority = authority(rest)?;
        let (host, port) = host_and_port(authority)?;
        Ok(Self {
            tls,
            host: canonical_host(host)?,
            port,
        })
    }

    /// Whether connections use TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Returns the host, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the host without the brackets of an IPv6 address.
    pub fn bare_host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// Whether the host is this machine, for which no proxy applies.
    pub fn is_loopback(&self) -> bool {
        let bare = self.bare_host();
        match bare.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
        }
    }

    /// Returns the base URL of all requests.
    pub(crate) fn url(&self) -> Url {
        Url::parse(&self.to_string()).expect("the host is from a parsed URL")
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Parses as [`Endpoint::parse`], without TLS unless the scheme is `https`.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text, false)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" {text:?}")
    }
}

/// Returns host and port without a trailing slash.
fn authority(rest: &str) -> Result<&str, EndpointError> {
    let (authority, surplus) =
        rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(EndpointError::credentials());
    }
    let part = match surplus.chars().next() {
        None => return Ok(authority),
        Some('?') => "query",
        Some('#') => "fragment",
        Some(_) if surplus == "/" => return Ok(authority),
        Some(_) => "path",
    };
    // A query or a password with a slash may be secret.
    let end = surplus.find(['?', '#']).unwrap_or(surplus.len());
    let text = if surplus.contains('@') {
        String::new()
    } else {
        surplus[..end].to_owned()
    };
    Err(EndpointError::Surplus { part, text })
}

fn host_and_port(authority: &str) -> Result<(&str, u16), EndpointError> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => match &authority[end + 1..] {
            "" => (authority, None),
            tail => {
                let port = tail
                    .strip_prefix(':')
                    .ok_or_else(|| EndpointError::Port(tail.to_owned()))?;
                (&authority[..=end], Some(port))
            }
        },
        None if authority.matches(':').count() > 1 => {
            let why = format!("write an IPv6 address in brackets, as in [::1]:{DEFAULT_PORT}");
            return Err(EndpointError::Host {
                host: authority.to_owned(),
                why,
            });
        }
        None => match authority.split_once(':') {
            None => (authority, None),
            Some((host, port)) => (host, Some(port)),
        },
    };
    let port = port.map_or(Ok(DEFAULT_PORT), |port| {
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let number = port.parse().ok().filter(|&number| digits && number > 0);
        number.ok_or_else(|| EndpointError::Port(port.to_owned()))
    })?;
    Ok((host, port))
}

/// Returns the host as in a URL. The URL parser alone would drop control characters and unescape.
fn canonical_host(host: &str) -> Result<String, EndpointError> {
    let bad = |why: String| EndpointError::Host {
        host: host.to_owned(),
        why,
    };
    if host.is_empty() {
        return Err(EndpointError::NoHost);
    }
    let is_bracketed = host.starts_with('[');
    let is_odd = |c: char| match c {
        '[' | ']' | ':' => !is_bracketed,
        _ => !(c.is_alphanumeric() || "-_.".contains(c)),
    };
    if let Some(odd) = host.chars().find(|c| is_odd(*c)) {
        return Err(bad(format!("it contains {odd:?}")));
    }
    let url = Url::parse(&format!("http://{host}/")).map_err(|error| bad(error.to_string()))?;
    let canonical = url.host_str().ok_or(EndpointError::NoHost)?;
    // The URL parser also reads 1848 and 127.1 as addresses.
    if canonical.parse::<Ipv4Addr>().is_ok() && host.parse::<Ipv4Addr>().is_err() {
        let is_port = host.parse::<u16>().is_ok_and(|port| port > 0);
        return Err(bad(if is_port {
            format!("for a port of this machine write localhost:{host}")
        } else {
            "an IPv4 address consists of four numbers from 0 to 255".to_owned()
        }));
    }
    let name = canonical.strip_suffix('.').unwrap_or(canonical);
    if name.split('.').any(str::is_empty) {
        return Err(bad("a part between dots is empty".to_owned()));
    }
    Ok(canonical.to_owned())
}
