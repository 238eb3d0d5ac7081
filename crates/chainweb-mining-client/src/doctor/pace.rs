//! Clock and round trip, which can cost blocks but do not prevent mining.

use std::time::{Duration, Instant};

use miner::telemetry::estimate::BLOCK_DELAY;
use miner::timing::SKEW_TOLERATED;
use miner::units::About;
use node::{Client, Skew};

use super::check::{Check, Finding};
use super::trouble::{fact, remedy};

/// The number of round trips measured.
const ROUND_TRIPS: usize = 5;

/// Warn above this fraction of late blocks.
const LATE_SHARE: f64 = 0.02;

/// Compares the clocks by the dates of the node's answers.
pub(super) fn clock(skew: Option<Skew>) -> Finding {
    let Some(skew) = skew else {
        return Finding::skipped(Check::Clock, "the node does not report its time");
    };
    if skew.exceeds(SKEW_TOLERATED) {
        let apart = About::seconds(skew.seconds().abs());
        let side = if skew.seconds() > 0.0 {
            "ahead of"
        } else {
            "behind"
        };
        let figure = format!("the node's is {apart} {side} this machine's");
        let advice = "blocks carry the node's time, and the network rejects those from the future or \
                      older than their parent: set the clocks of both machines right (NTP)";
        return Finding::warn(Check::Clock, figure, advice);
    }
    let micros = skew
        .least_micros()
        .unsigned_abs()
        .max(skew.most_micros().unsigned_abs());
    let most = About(Duration::from_micros(micros));
    Finding::ok(
        Check::Clock,
        format!("the node's is within {most} of this machine's"),
    )
}

/// Measures the median time of a few requests on an open connection.
pub(super) async fn round_trip(client: &Client, block_delay: Option<Duration>) -> Finding {
    let mut times = Vec::new();
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        if let Err(error) = client.info().await {
            return Finding::warn(Check::RoundTrip, fact(&error), remedy(&error));
        }
        times.push(began.elapsed());
    }
    times.sort();
    let median = times[ROUND_TRIPS / 2];
    let figure = format!("{} (median of {ROUND_TRIPS})", About(median));
    // Half of it delays the news of a block to this machine, half a block from here to the node.
    let block_delay = block_delay.filter(|delay| !delay.is_zero());
    let late = median.as_secs_f64() / block_delay.unwrap_or(BLOCK_DELAY).as_secs_f64();
    if late <= LATE_SHARE {
        return Finding::ok(Check::RoundTrip, figure);
    }
    let percent = (late * 100.0).min(100.0);
    let advice = format!(
        "about {percent:.0} % of the blocks come too late because of it: use a node that is nearer or less busy"
    );
    Finding::warn(Check::RoundTrip, figure, advice)
}
