//! Whether the program is ready to mine, and why not.
//!
//! The worker's port needs no check: the program ends if it cannot listen.

use std::time::{Duration, Instant};

use miner::telemetry::Snapshot;
use serde::Serialize;
use utoipa::ToSchema;

/// How long there may be no work between two jobs.
const PAUSE: Duration = Duration::from_secs(15);
/// The age of a snapshot from which the engine does not run.
const STUCK: Duration = Duration::from_secs(30);

/// Whether the program is ready to mine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether it is.
    pub(super) ready: bool,
    /// Why, in a sentence.
    pub(super) reason: String,
}

/// Returns whether the program is ready at `now`. `worked` is the last moment with a job;
/// `on_demand`, whether work is requested only when blocks are.
pub(super) fn readiness(
    snapshot: &Snapshot,
    worked: Option<Instant>,
    on_demand: bool,
    now: Instant,
) -> Readiness {
    let ready = |reason: &str| Readiness {
        ready: true,
        reason: reason.to_owned(),
    };
    let unready = |reason: String| Readiness {
        ready: false,
        reason,
    };
    let age = now.saturating_duration_since(snapshot.at);
    if age >= STUCK {
        let age = age.as_secs();
        return unready(format!("the engine has not run for {age} s"));
    }
    let mut reason = "no node has answered yet".to_owned();
    for node in &snapshot.nodes {
        if let Some(failure) = node.down() {
            reason = format!("node {}: {}", node.address, failure.error);
            continue;
        }
        if node.network.is_none() {
            continue;
        }
        if on_demand {
            return ready("the node answers, and blocks can be requested");
        }
        if worked.is_some_and(|at| now.saturating_duration_since(at) < PAUSE) {
            return ready("a node gives work");
        }
        reason = format!("node {} gives no work", node.address);
    }
    unready(reason)
}
