//! The cryptography provider of TLS and its trusted certificates.
//!
//! No other file names the provider. By default the platform's certificates, if any, and Mozilla's
//! root certificates are trusted, which are compiled in for images without certificates.

mod fingerprint;
mod verify;

use reqwest::{Certificate, ClientBuilder};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

pub use self::fingerprint::{Fingerprint, FingerprintError};
use self::verify::Accepted;
pub(crate) use self::verify::OtherFingerprint;

/// The certificates of a node that are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those issued by an authority that this machine trusts.
    #[default]
    Machine,
    /// Only these and those issued by them, for the name of the node. One of these is trusted even
    /// if it is marked as an authority.
    Only(Vec<CertificateDer<'static>>),
    /// Only the one with this fingerprint, for any name and at any time.
    Pinned(Fingerprint),
    /// All.
    Any,
}

/// The error of reading certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// There is none.
    #[error("contains no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    Empty,
    /// One cannot be read.
    #[error("certificate {0} cannot be read")]
    Certificate(usize),
}

impl Trust {
    /// Trusts only the certificates in the text of a PEM file.
    ///
    /// # Errors
    /// If there is no certificate, or one that cannot be read.
    pub fn only_pem(text: &[u8]) -> Result<Self, PemError> {
        let mut certificates = Vec::new();
        for (certificate, number) in CertificateDer::pem_slice_iter(text).zip(1..) {
            let certificate = certificate.map_err(|_| PemError::Certificate(number))?;
            let added = RootCertStore::empty().add(certificate.clone());
            added.map_err(|_| PemError::Certificate(number))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(PemError::Empty);
        }
        Ok(Self::Only(certificates))
    }
}

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
    trust(builder, true, &Trust::Machine)
}

/// Configures the trusted certificates of a client.
pub(crate) fn trust(
    builder: ClientBuilder,
    tls: bool,
    trust: &Trust,
) -> reqwest::Result<ClientBuilder> {
    if !tls {
        // Plain HTTP needs no certificates.
        return Ok(builder.tls_certs_only([]));
    }
    match trust {
        Trust::Machine => {
            let roots: Result<Vec<_>, _> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
                .iter()
                .map(|der| Certificate::from_der(der))
                .collect();
            Ok(builder.tls_certs_merge(roots?))
        }
        Trust::Any => Ok(builder.tls_danger_accept_invalid_certs(true)),
        Trust::Only(certificates) => Ok(accepting(builder, Accepted::listed(certificates))),
        Trust::Pinned(fingerprint) => Ok(accepting(builder, Accepted::Pinned(*fingerprint))),
    }
}

fn accepting(builder: ClientBuilder, accepted: Accepted) -> ClientBuilder {
    builder.tls_backend_preconfigured(verify::config(accepted))
}
