//! Client of one chainweb node's mining API, over HTTP/1.1.
//!
//! [`Client`] reads what the node is ([`Client::info`]), requests work ([`Client::work`]), submits
//! solutions ([`Client::solved`]), follows a chain ([`Client::updates`]) and looks up blocks
//! ([`Client::cut`], [`Client::ancestors`], [`Client::block_header`]). Every failure is a typed
//! [`Error`], and [`Error::retry`] returns when to retry. Response bodies are bounded, and no
//! response can panic.
//!
//! The client knows one node and sends each request once. Retries, the choice between nodes, and
//! whether work is still current are the caller's decisions.

mod ancestors;
mod answer;
#[cfg(feature = "bench")]
pub mod benching;
mod client;
mod cut;
mod endpoint;
mod error;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod info;
mod limits;
mod miner;
mod proxy;
mod refusal;
mod skew;
mod tls;
mod transport;
mod updates;
mod version;

pub use ancestors::{Ancestor, MAX_ANCESTORS, MAX_HEADERS, Mined};
pub use client::{BuildError, Client, Config};
pub use cut::{Cut, Progress, Tip};
pub use endpoint::{DEFAULT_PORT, Endpoint, EndpointError};
pub use error::{Error, Malformed};
pub use info::Info;
pub use limits::{Backoff, Limits};
pub use miner::Miner;
pub use refusal::{Refusal, Retry};
pub use skew::Skew;
pub use tls::{
    Fingerprint, FingerprintError, PemError, Trust, install_crypto_provider, with_trust,
};
pub use transport::{CertificateFault, Hint, NoAnswer};
pub use updates::{Lost, UpdateEvent};
pub use version::{Version, VersionError};
