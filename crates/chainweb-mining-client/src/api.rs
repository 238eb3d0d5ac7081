//! The HTTP API: what the program knows, for pages, scripts and monitors. It changes nothing.
//!
//! All answers come from the engine's snapshots, one about every second: no request reaches the
//! engine, and each document of a snapshot is written once, however many ask for it.

mod answer;
mod archive;
#[cfg(feature = "bench")]
pub mod benching;
mod changes;
mod clock;
mod csv;
mod events;
mod model;
mod openapi;
mod page;
mod published;
mod ready;
mod remembered;
mod routes;
mod shared;
mod stream;

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::response::IntoResponse;
use hyper::StatusCode;
use miner::history::Reader;
use miner::telemetry::Snapshot;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tracing::info;

use self::answer::Problem;
use self::archive::Archive;
use self::published::Publisher;
use self::shared::Shared;
use crate::http::{FOREIGN, guarded, serve};

/// Connections at a time; more wait in the backlog of the socket. Streams take at most some.
const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// Returns the description of the API in OpenAPI, as JSON.
pub fn description() -> &'static str {
    &openapi::DOCUMENT
}

/// Streams at a time.
const MAX_STREAMS: usize = 100;

/// What is known of an engine.
#[derive(Debug)]
pub(crate) struct Known {
    /// Its state.
    pub(crate) snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    /// Its history, if it has one.
    pub(crate) history: Option<Reader>,
}

/// A listening API, which answers once it runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    /// Whether the default port was not free.
    is_moved: bool,
    /// Names of this machine, by which browsers may address it.
    allowed: Vec<String>,
    /// The kind of worker.
    worker: String,
    /// The port for mining devices, if the worker has one.
    stratum_port: Option<u16>,
}

impl Server {
    pub(crate) fn new(
        listener: TcpListener,
        is_moved: bool,
        allowed: Vec<String>,
        worker: &str,
    ) -> Self {
        Self {
            listener,
            is_moved,
            allowed,
            worker: worker.to_owned(),
            stratum_port: None,
        }
    }

    /// Returns the address of the page.
    pub(crate) fn url(&self) -> Option<String> {
        let address = self.listener.local_addr().ok()?;
        Some(format!("http://{address}/"))
    }

    /// Adds the port for mining devices.
    pub(crate) fn with_stratum_port(mut self, port: Option<u16>) -> Self {
        self.stratum_port = port;
        self
    }

    /// Serves until `stop` is cancelled, and returns when the last connection is closed.
    async fn run(self, known: Known, stop: CancellationToken) {
        self.log_ready();
        let (sender, published) = watch::channel(None);
        let Known {
            mut snapshots,
            history,
        } = known;
        let shared = Shared::new(published, Archive::new(history));
        let mut publisher = Publisher::new(self.worker, self.stratum_port, shared.streams());
        let publishing = async move {
            loop {
                let snapshot = snapshots.borrow_and_update().clone();
                if let Some(snapshot) = snapshot {
                    sender.send_replace(Some(Arc::new(publisher.publish(snapshot))));
                }
                if snapshots.changed().await.is_err() {
                    break;
                }
            }
        };
        let router = guarded(routes::router(shared), &self.allowed, Some("/"), || {
            let hint = "--api-allowed-host allows a name";
            Problem::new(StatusCode::FORBIDDEN, FOREIGN, hint).into_response()
        });
        // Streams are left as they are.
        let router = router.layer(CompressionLayer::new());
        // Streams end with what they show.
        let publishing = stop.run_until_cancelled(publishing);
        let serving = serve(self.listener, router, MAX_CONNECTIONS, stop.clone());
        tokio::join!(publishing, serving);
    }

    fn log_ready(&self) {
        let Ok(address) = self.listener.local_addr() else {
            return;
        };
        let message = if self.is_moved {
            "API ready: its default port is taken"
        } else {
            "API ready"
        };
        info!(event = "api_ready", %address, "{message}");
        if !address.ip().is_loopback() {
            info!(
                event = "api_beyond_loopback",
                %address,
                "other machines can read account, nodes, devices, rates and blocks; --api-listen \
                 127.0.0.1:1918 prevents it"
            );
        }
    }
}

/// Runs an engine with its API, if there is one. The end of the API does not end the engine.
pub(crate) async fn beside<T>(
    server: Option<Server>,
    known: Known,
    stop: CancellationToken,
    engine: impl Future<Output = T>,
) -> T {
    let stop = stop.child_token();
    let mut serving = JoinSet::new();
    if let Some(server) = server {
        serving.spawn(server.run(known, stop.clone()));
    }
    let ended = engine.await;
    stop.cancel();
    while serving.join_next().await.is_some() {}
    ended
}
