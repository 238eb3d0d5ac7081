//! Mining on a node: runs the engine, the HTTP servers of the API and the on-demand worker, the
//! alerts, and reports to the service manager.

use anyhow::bail;
use miner::history::History;
use miner::run::{self, Engine};
use miner::telemetry::Snapshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::alerts::Alerts;
use crate::api::{self, Known};
use crate::live::Setup;
use crate::on_demand::Server;
use crate::service;
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
    /// The API, unless it is off.
    pub api: Option<api::Server>,
    /// Where alerts go, if anywhere.
    pub alerts: Option<Alerts>,
}

/// Mines until `stop` is cancelled, shown by `live`.
///
/// # Errors
///
/// Returns an error if the engine fails or the server ends unexpectedly.
pub async fn run(
    mut mining: Mining,
    stop: CancellationToken,
    live: Option<&Setup>,
) -> anyhow::Result<Snapshot> {
    let share_log = mining.share_log.take();
    let ended = serve(mining, stop, live).await;
    if let Some(share_log) = share_log {
        share_log.finish().await;
    }
    ended
}

async fn serve(
    mining: Mining,
    stop: CancellationToken,
    live: Option<&Setup>,
) -> anyhow::Result<Snapshot> {
    let mut serving = JoinSet::new();
    if let Some(server) = mining.server {
        serving.spawn(server.run(stop.clone()));
    }
    let pause = mining.engine.worker.pause();
    let history = mining.engine.history.as_ref().map(History::reader);
    let engine = Engine::new(mining.engine)?;
    let mut reporting = JoinSet::new();
    if let Some(alerts) = mining.alerts {
        reporting.spawn(alerts.run(engine.snapshots()));
    }
    // Every port listens.
    reporting.spawn(service::report(engine.snapshots(), stop.clone()));
    let known = Known {
        snapshots: engine.snapshots(),
        history,
    };
    let _live = live.and_then(|live| live.start(known.snapshots.clone(), pause));
    let engine = engine.run(stop.clone());
    let mut engine = Box::pin(api::beside(mining.api, known, stop.clone(), engine));
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
    reporting.join_all().await;
    Ok(snapshot)
}
