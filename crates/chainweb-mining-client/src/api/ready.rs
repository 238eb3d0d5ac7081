//! Whether the program is ready to mine, and why not.
//!
//! The worker's port needs no check: the program ends if it cannot listen.

use std::time::{Duration, Instant};

use miner::telemetry::Snapshot;
use serde::Serialize;
use utoipa::ToSchema;

/// How long there may be no work between two jobs: less than a request to a node that hangs takes
/// to fail.
const PAUSE: Duration = Duration::from_secs(5);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use miner::telemetry::snapshot::Network;

    use super::readiness;
    use crate::metrics::tests::snapshot;

    #[test]
    fn a_node_that_hangs_is_known_by_its_missing_work_before_its_request_fails() {
        let mut snapshot = snapshot(None);
        let version = "development".parse().expect("a version");
        snapshot.nodes[0].network = Some(Network { version, chains: 2 });
        let after = |seconds| {
            let now = snapshot.at + Duration::from_secs(seconds);
            readiness(&snapshot, Some(snapshot.at), false, now)
        };
        assert!(after(4).ready);
        // A request has ten seconds by default.
        let hangs = after(6);
        assert_eq!(
            (hangs.ready, &*hangs.reason),
            (false, "node node:1848 gives no work")
        );
    }
}
