//! The server's certificate and key, which can change while it runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, fs, io};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The time between two looks at the files.
const PERIOD: Duration = Duration::from_mins(1);

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// A file has no certificate, or no key, in PEM.
    #[error("no {wanted} in PEM in {}", path.display())]
    Pem {
        /// `certificate` or `private key`.
        wanted: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the parser.
        #[source]
        source: pem::Error,
    },
    /// The certificate and the key cannot be used together.
    #[error("cannot use the certificate {} with the key {}", certificate.display(), key.display())]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// The error of the TLS library.
        #[source]
        source: rustls::Error,
    },
}

/// A certificate and its key, from files in PEM.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    loaded: Mutex<Loaded>,
}

struct Loaded {
    config: Arc<ServerConfig>,
    /// The bytes of both files when they were read last.
    files: [Vec<u8>; 2],
    /// The last error that was logged, until the files can be used again.
    error: Option<String>,
}

impl Tls {
    /// Loads a certificate, followed by those of its issuers, and its private key.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read or used.
    pub fn load(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let files = [read(&certificate)?, read(&key)?];
        let config = configure(&certificate, &key, &files)?;
        Ok(Self {
            certificate,
            key,
            loaded: Mutex::new(Loaded {
                config,
                files,
                error: None,
            }),
        })
    }

    /// Reads both files again. New connections use them if they have changed and can be used; else
    /// the certificate in use stays. Logs a change, and each error once.
    ///
    /// The server calls it once a minute. It may be called at any other time.
    pub fn reload(&self) {
        let error = match self.try_reload() {
            Ok(is_changed) => {
                self.loaded().error = None;
                if is_changed {
                    let certificate = self.certificate.display();
                    info!(event = "tls_reloaded", %certificate, "certificate reloaded");
                }
                return;
            }
            Err(error) => with_causes(&error),
        };
        let mut loaded = self.loaded();
        if loaded.error.as_ref() != Some(&error) {
            warn!(event = "tls_reload_failed", %error, "cannot reload the certificate; the previous one stays in use");
            loaded.error = Some(error);
        }
    }

    /// Returns whether the files have changed.
    fn try_reload(&self) -> Result<bool, TlsError> {
        let files = [read(&self.certificate)?, read(&self.key)?];
        if self.loaded().files == files {
            return Ok(false);
        }
        let config = configure(&self.certificate, &self.key, &files)?;
        let mut loaded = self.loaded();
        loaded.config = config;
        loaded.files = files;
        Ok(true)
    }

    /// Reloads once a minute until `stop` is cancelled.
    pub(crate) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let pause = || stop.run_until_cancelled(tokio::time::sleep(PERIOD));
        while pause().await.is_some() {
            self.reload();
        }
    }

    /// Returns the configuration for a new connection.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded().config)
    }

    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        // No panic leaves it half changed.
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the paths, not the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Returns an error with its causes.
fn with_causes(error: &TlsError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn read(path: &PathBuf) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read {
        path: path.clone(),
        source,
    })
}

fn configure(
    certificate: &PathBuf,
    key: &PathBuf,
    [chain, secret]: &[Vec<u8>; 2],
) -> Result<Arc<ServerConfig>, TlsError> {
    let in_pem = |wanted, path: &PathBuf| {
        let path = path.clone();
        move |source| TlsError::Pem {
            wanted,
            path,
            source,
        }
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.and_then(|chain| {
        if chain.is_empty() {
            return Err(pem::Error::NoItemsFound);
        }
        Ok(chain)
    });
    let chain = chain.map_err(in_pem("certificate", certificate))?;
    let secret = PrivateKeyDer::from_pem_slice(secret).map_err(in_pem("private key", key))?;
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, secret)
        });
    config.map(Arc::new).map_err(|source| TlsError::Pair {
        certificate: certificate.clone(),
        key: key.clone(),
        source,
    })
}
