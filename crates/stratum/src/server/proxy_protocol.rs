//! The setting for PROXY protocol headers.

use std::fmt;
use std::str::FromStr;

/// What happens with PROXY protocol headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// They are ignored, with a warning.
    #[default]
    Off,
    /// Proxies may send one.
    Accept,
    /// Every connection needs one.
    Require,
}

/// The error for a text that is not a [`ProxyProtocol`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected off, accept or require")]
pub struct ProxyProtocolError;

impl FromStr for ProxyProtocol {
    type Err = ProxyProtocolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "accept" => Ok(Self::Accept),
            "require" => Ok(Self::Require),
            _ => Err(ProxyProtocolError),
        }
    }
}

impl fmt::Display for ProxyProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Accept => "accept",
            Self::Require => "require",
        })
    }
}
