//! Mining on a node: runs the engine, and the HTTP server of the on-demand worker if there is one.

use anyhow::bail;
use miner::run::{self, Engine};
use miner::telemetry::Snapshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::on_demand::Server;
use crate::share_log::Writing;

/// What to run.
#[derive(Debug)]
pub struct Mining {
    /// The engine's configuration.
    pub engine: run::Config,
    /// The server through which blocks are requested from the on-demand worker.
    pub server: Option<Server>,
    /// The log of shares that the engine fills.
    pub share_log: Option<Writing>,
}

/// Mines until `stop` is cancelled.
///
/// # Errors
///
/// Returns an error if the engine fails or the server ends unexpectedly.
pub async fn run(mining: Mining, stop: CancellationToken) -> anyhow::Result<Snapshot> {
    let ended = serve(mining.engine, mining.server, stop).await;
    if let Some(share_log) = mining.share_log {
        share_log.finish().await;
    }
    ended
}

async fn serve(
    engine: run::Config,
    server: Option<Server>,
    stop: CancellationToken,
) -> anyhow::Result<Snapshot> {
    let mut serving = JoinSet::new();
    if let Some(server) = server {
        serving.spawn(server.run(stop.clone()));
    }
    let mut engine = Box::pin(Engine::new(engine)?.run(stop.clone()));
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
