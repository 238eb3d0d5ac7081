//! The check of a node's certificate against a file of certificates or a fingerprint.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::Fingerprint;

/// The certificate is not the pinned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node's certificate has the fingerprint {0}")]
pub(crate) struct OtherFingerprint(Fingerprint);

/// The certificates that a verifier accepts.
#[derive(Debug)]
pub(super) enum Accepted {
    /// Those listed, and those issued by them.
    Listed {
        certificates: Vec<CertificateDer<'static>>,
        /// The check of what they issued; `None` if the list is empty.
        issued: Option<Arc<WebPkiServerVerifier>>,
    },
    /// The one with this fingerprint.
    Pinned(Fingerprint),
}

impl Accepted {
    pub(super) fn listed(certificates: &[CertificateDer<'static>]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        let issued = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        Self::Listed {
            certificates: certificates.to_vec(),
            issued: issued.build().ok(),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    let provider = CryptoProvider::get_default().cloned();
    provider.unwrap_or_else(|| Arc::new(ring::default_provider()))
}

/// Returns a TLS configuration for these certificates.
pub(super) fn config(accepted: Accepted) -> ClientConfig {
    let verifier = Verifier {
        accepted,
        algorithms: provider().signature_verification_algorithms,
    };
    ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth()
}

#[derive(Debug)]
struct Verifier {
    accepted: Accepted,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.accepted {
            Accepted::Pinned(pinned) => match Fingerprint::of(certificate) {
                found if found == *pinned => Ok(ServerCertVerified::assertion()),
                found => {
                    let error = OtherError(Arc::new(OtherFingerprint(found)));
                    Err(CertificateError::Other(error).into())
                }
            },
            Accepted::Listed {
                certificates,
                issued,
            } => {
                let issued = issued.as_ref().ok_or(CertificateError::UnknownIssuer)?;
                match issued.verify_server_cert(certificate, intermediates, name, ocsp, now) {
                    // The time is checked before the chain and the name after it.
                    Err(Error::InvalidCertificate(fault))
                        if !is_of_time_or_name(&fault) && certificates.contains(certificate) =>
                    {
                        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                        Ok(ServerCertVerified::assertion())
                    }
                    verified => verified,
                }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_of_time_or_name(fault: &CertificateError) -> bool {
    matches!(
        fault,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. }
    )
}
