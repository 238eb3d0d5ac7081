//! The cryptography provider of TLS and its trusted certificates.
//!
//! No other file names the provider. Trusted are the platform's certificates, if any, and Mozilla's
//! root certificates, which are compiled in for images without certificates.

use reqwest::{Certificate, ClientBuilder};
use rustls::crypto::{CryptoProvider, ring};

/// Installs the cryptography provider for the process, unless there is one.
/// [`Client::new`](crate::Client::new) calls it.
pub fn install_crypto_provider() {
    if CryptoProvider::get_default().is_none() {
        // An error means that another thread has just installed a provider.
        ring::default_provider().install_default().ok();
    }
}

/// Configures an HTTPS client with the trusted certificates of [`Client`](crate::Client), and
/// installs the provider.
///
/// # Errors
/// If a compiled-in certificate cannot be read.
pub fn with_trust(builder: ClientBuilder) -> reqwest::Result<ClientBuilder> {
    install_crypto_provider();
    trust(builder, true, false)
}

/// Configures the trusted certificates of a client.
pub(crate) fn trust(
    builder: ClientBuilder,
    tls: bool,
    insecure: bool,
) -> reqwest::Result<ClientBuilder> {
    if !tls {
        // Plain HTTP needs no certificates.
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
