//! Lines about the health of a node: silent streams, late blocks, a clock that is off.

use tracing::{debug, info, warn};

use super::list;
use crate::telemetry::event::{FailureCause, NodeEvent};
use crate::telemetry::snapshot::NodeSnapshot;
use crate::telemetry::{Event, Standing};

/// Why blocks come too late, and how to find out.
const LATE: &str = "the node lags behind its network (compare its /cut with another node's); the \
    connection to it is slow (doctor measures the round trip); a proxy holds the update streams \
    back (nginx: proxy_buffering off); the worker finishes old work first";

/// What to do about a stream without events.
const HELD_BACK: &str = "a proxy before the node may hold the streams back: in nginx set \
    proxy_buffering off for /chainweb/; or the node is still starting";
/// What to do about a stream that is refused.
const REFUSED: &str = "let all paths that begin with /chainweb/ through to the node unchanged, and \
    start it with --enable-mining-coordination (more streams: updateStreamLimit)";

/// Logs that update streams do not open.
pub(super) fn log_updates_refused(node: &str, cause: FailureCause, error: &str) {
    let fix = match cause {
        FailureCause::NoAnswer => HELD_BACK,
        _ => REFUSED,
    };
    warn!(
        event = "updates_refused",
        node, error, fix, "update streams do not open: looking for new blocks in the cut instead"
    );
}

/// Logs that another node serves.
pub(super) fn log_choice(event: &Event, nodes: &[NodeSnapshot]) {
    let Event::NodeChosen {
        node,
        before,
        standing,
    } = event
    else {
        return;
    };
    let [node, before] = [node, before].map(|id| &nodes[id.0].address);
    let reason = standing.name();
    if *standing == Standing::Ready {
        info!(
            event = "node_chosen",
            node, before, reason, "mining on the preferred node again"
        );
    } else {
        warn!(
            event = "node_chosen",
            node, before, reason, "mining on another node: the one before {standing}"
        );
    }
}

/// Logs what a node is good for.
fn log_standing(node: &str, standing: Standing, before: Standing) {
    let reason = standing.name();
    match standing {
        Standing::Behind | Standing::Forked | Standing::OtherNetwork => warn!(
            event = "node_set_aside",
            node, reason, "node {standing}: no work from it is mined"
        ),
        Standing::Ready if before.loses_blocks() => {
            info!(event = "node_ready", node, "node is ready again");
        }
        _ => debug!(event = "node_standing", node, "node {standing}"),
    }
}

/// Logs how reliable what the node sends is.
pub(super) fn log_health(node: &str, event: &NodeEvent) {
    match event {
        NodeEvent::UpdatesSilent { silence, chains } => warn!(
            event = "updates_silent",
            node,
            silence_seconds = silence.as_secs_f64(),
            chains = list(chains),
            fix = HELD_BACK,
            "update streams are open but silent: opening them again, comparing the cut meanwhile"
        ),
        NodeEvent::UpdatesResumed { after } => info!(
            event = "updates_resumed",
            node,
            after_seconds = after.as_secs_f64(),
            "update streams report blocks again"
        ),
        NodeEvent::Standing { standing, before } => log_standing(node, *standing, *before),
        NodeEvent::OrphansInARow { blocks } => warn!(
            event = "orphans_in_a_row",
            node,
            blocks,
            causes = LATE,
            "blocks are orphaned in a row: opening the update streams again, comparing the cut \
             meanwhile"
        ),
        NodeEvent::BlocksLate { times } => warn!(
            event = "blocks_late",
            node,
            times,
            causes = LATE,
            "all recent blocks came too late, and none was accepted"
        ),
        NodeEvent::ClockSkew(skew) => {
            // Rules for the creation time: kadena-io/chainweb-node,
            // `Chainweb/BlockHeader/Validation.hs`.
            let message = if skew.seconds() > 0.0 {
                "node clock is ahead: the network will refuse these blocks as long as their time is \
                 in the future, unless this machine's clock is wrong"
            } else {
                "node clock is behind: the network will refuse these blocks if a parent block is \
                 newer than the node's clock, unless this machine's clock is wrong"
            };
            warn!(
                event = "clock_skew",
                node,
                skew_seconds = skew.seconds(),
                fix = "set the clocks of both machines by NTP; blocks carry the node's time",
                "{message}"
            );
        }
        NodeEvent::ClockSkewEnded => info!(
            event = "clock_skew_ended",
            node, "node clock agrees with this machine's again"
        ),
        _ => {}
    }
}
