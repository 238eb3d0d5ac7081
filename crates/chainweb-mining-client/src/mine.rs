//! Mining on a node: runs the engine, and the HTTP servers of the API and the on-demand worker.

use anyhow::bail;
use miner::run::{self, Engine};
use miner::telemetry::Snapshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::on_demand::Server;

/// What to run.
#[derive(Debug)]
pub struct Mining {
    /// The engine's configuration.
    pub engine: run::Config,
    /// The server through which blocks are requested from the on-demand worker.
    pub server: Option<Server>,
    /// The API, unless it is off.
    pub api: Option<api::Server>,
}

/// Mines until `stop` is cancelled.
///
/// # Errors
///
/// Returns an error if the engine fails or the server ends unexpectedly.
pub async fn run(mining: Mining, stop: CancellationToken) -> anyhow::Result<Snapshot> {
    let mut serving = JoinSet::new();
    if let Some(server) = mining.server {
        serving.spawn(server.run(stop.clone()));
    }
    let engine = Engine::new(mining.engine)?;
    let snapshots = engine.snapshots();
    let engine = engine.run(stop.clone());
    let mut engine = Box::pin(api::beside(mining.api, snapshots, stop.clone(), engine));
    let snapshot = tokio::select! {
        snapshot = &mut engine => snapshot?,
        Some(_) = serving.join_next() => {
            if !stop.is_cancelled() {
                bail!("the on-demand server ended unexpectedly");
            }
            engine.await?
        }
    };
    serving.join_all().await;
    Ok(snapshot)
}
