//! The proxy between this machine and a node.
//!
//! Reads `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` with the library that requests
//! use, so the two cannot differ.

use std::env;

use hyper_util::client::proxy::matcher::Matcher;

use crate::Endpoint;

impl Endpoint {
    /// Returns the proxy for requests to this node, without its password, and the variable that
    /// sets it, as `http://proxy:3128/ (from http_proxy)`. `None` without a proxy.
    pub fn proxy(&self) -> Option<String> {
        if self.is_loopback() {
            return None;
        }
        let proxy = Matcher::from_system().intercept(&self.to_string().parse().ok()?)?;
        // The order of the library.
        let own = if self.is_tls() {
            ["HTTPS_PROXY", "https_proxy"]
        } else {
            ["HTTP_PROXY", "http_proxy"]
        };
        let first_set = |names: [&'static str; 2]| {
            let name = names.into_iter().find(|name| env::var(name).is_ok())?;
            env::var(name)
                .is_ok_and(|value| !value.is_empty())
                .then_some(name)
        };
        let variable = first_set(own).or_else(|| first_set(["ALL_PROXY", "all_proxy"]));
        let source = variable.unwrap_or("the settings of the system");
        Some(format!("{} (from {source})", proxy.uri()))
    }
}
