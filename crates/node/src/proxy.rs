//! The proxy between this machine and a node.
//!
//! Reads `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` with the library that requests
//! use, so the two cannot differ.

use hyper_util::client::proxy::matcher::Matcher;

use crate::Endpoint;

impl Endpoint {
    /// Returns the proxy for requests to this node, without its password, or `None` without a
    /// proxy.
    pub fn proxy(&self) -> Option<String> {
        if self.is_loopback() {
            return None;
        }
        let proxy = Matcher::from_system().intercept(&self.to_string().parse().ok()?)?;
        Some(proxy.uri().to_string())
    }
}
