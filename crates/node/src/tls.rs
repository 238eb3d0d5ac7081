//! Which cryptography TLS uses and whom it trusts.
//!
//! The one place that names the provider, so that it can be switched. Trust is the platform's
//! certificates, where there are any, and Mozilla's compiled-in roots, so that a client can be built
//! in an image without certificates.

use reqwest::{Certificate, ClientBuilder};
use rustls::crypto::{CryptoProvider, ring};

/// Installs the cryptography for TLS, process-wide. Does nothing if a provider is installed already;
/// [`Client::new`](crate::Client::new) calls it.
pub fn install_crypto_provider() {
    if CryptoProvider::get_default().is_none() {
        // Losing the race against another thread leaves a provider installed, which is all we want.
        ring::default_provider().install_default().ok();
    }
}

/// Has any HTTPS client trust what the clients of nodes trust, and installs the cryptography for it.
pub fn with_trust(builder: ClientBuilder) -> reqwest::Result<ClientBuilder> {
    install_crypto_provider();
    trust(builder, true, false)
}

/// Sets up whom a client for the given kind of endpoint trusts.
pub(crate) fn trust(
    builder: ClientBuilder,
    tls: bool,
    insecure: bool,
) -> reqwest::Result<ClientBuilder> {
    if !tls {
        // Plain HTTP needs no certificates: none are loaded.
        return Ok(builder.tls_certs_only([]));
    }
    if insecure {
        return Ok(builder.tls_danger_accept_invalid_certs(true));
    }
    let roots: Result<Vec<_>, _> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect();
    Ok(builder.tls_certs_merge(roots?))
}
