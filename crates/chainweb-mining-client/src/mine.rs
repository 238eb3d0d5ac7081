//! Mining on a node: runs the engine, and the HTTP server of the on-demand worker if there is one.

use anyhow::bail;
use miner::run::{self, Engine};
use miner::telemetry::Snapshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::live::Setup;
use crate::on_demand::Server;

/// What to run.
#[derive(Debug)]
pub struct Mining {
    /// The engine's configuration.
    pub engine: run::Config,
    /// The server through which blocks are requested from the on-demand worker.
    pub server: Option<Server>,
}

/// Mines until `stop` is cancelled, shown by `live`.
///
/// # Errors
///
/// Returns an error if the engine fails or the server ends unexpectedly.
pub async fn run(
    mining: Mining,
    stop: CancellationToken,
    live: Option<&Setup>,
) -> anyhow::Result<Snapshot> {
    let mut serving = JoinSet::new();
    if let Some(server) = mining.server {
        serving.spawn(server.run(stop.clone()));
    }
    let pause = mining.engine.worker.pause();
    let engine = Engine::new(mining.engine)?;
    let _live = live.and_then(|live| live.start(engine.snapshots(), pause));
    let mut engine = Box::pin(engine.run(stop.clone()));
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
