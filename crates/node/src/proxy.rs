//! Which proxy of the environment stands between this machine and a node.
//!
//! It reads `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` with the code that decides it for
//! requests, so that the two cannot differ.

use hyper_util::client::proxy::matcher::Matcher;

use crate::Endpoint;

impl Endpoint {
    /// The proxy that requests to this node go through, without its password; `None` if they go
    /// straight to it.
    pub fn proxy(&self) -> Option<String> {
        if self.is_loopback() {
            return None;
        }
        let proxy = Matcher::from_system().intercept(&self.to_string().parse().ok()?)?;
        Some(proxy.uri().to_string())
    }
}
