//! The setting for PROXY protocol headers.

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

impl FromStr for ProxyProtocol {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "accept" => Ok(Self::Accept),
            "require" => Ok(Self::Require),
            _ => Err("expected off, accept or require"),
        }
    }
}
