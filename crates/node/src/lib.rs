//! Client of one chainweb node's mining API, over HTTP/1.1.
//!
//! [`Client`] asks a node what it is ([`Client::info`]), for work ([`Client::work`]), hands solutions
//! in ([`Client::solved`]), listens for changes of a chain ([`Client::updates`]) and looks up what
//! became of a block ([`Client::cut`], [`Client::ancestors`], [`Client::block_header`]). Every answer, and the absence of one,
//! becomes a type that says what happened and whether to ask again ([`Error::retry`]). Every body is
//! read up to a limit, and nothing a node sends can panic.
//!
//! It knows one node and makes each request once: choosing nodes, retrying, and deciding which work
//! is still worth hashing belong to its caller.

mod ancestors;
mod client;
mod cut;
mod endpoint;
mod error;
mod exchange;
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

pub use ancestors::MAX_ANCESTORS;
pub use client::{BuildError, Client, Config};
pub use cut::{Cut, Tip};
pub use endpoint::{DEFAULT_PORT, Endpoint, EndpointError};
pub use error::{Error, Malformed, Retry};
pub use info::Info;
pub use limits::{Backoff, Limits};
pub use miner::Miner;
pub use refusal::Refusal;
pub use skew::Skew;
pub use tls::install_crypto_provider;
pub use transport::{CertificateFault, Hint, NoAnswer};
pub use updates::{Lost, UpdateEvent};
pub use version::{Version, VersionError};
