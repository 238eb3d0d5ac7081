//! Clock and round trip: what makes mining worse without keeping anybody from it.

use std::time::{Duration, Instant};

use node::{Client, Skew};

use super::check::{Check, Finding};
use super::trouble::{fact, remedy};
use miner::timing::SKEW_TOLERATED;
use miner::units::About;

/// What a node that does not tell is taken for: every public network has this.
pub(super) const BLOCK_DELAY: Duration = Duration::from_secs(30);

/// Round trips that are measured.
const ROUND_TRIPS: usize = 5;

/// The share of a chain's blocks that come too late from which on it is worth a word.
const LATE_SHARE: f64 = 0.02;

/// How far the clocks are apart, as the node's answers tell.
pub(super) fn clock(skew: Option<Skew>) -> Finding {
    let Some(skew) = skew else {
        return Finding::skipped(Check::Clock, "the node does not tell its time");
    };
    if skew.exceeds(SKEW_TOLERATED) {
        let apart = About::seconds(skew.seconds().abs());
        let side = if skew.seconds() > 0.0 {
            "ahead of"
        } else {
            "behind"
        };
        return Finding::warn(
            Check::Clock,
            format!("the node's is {apart} {side} this machine's"),
            "blocks carry the node's time, and the network takes none from its future and none from before their \
             parents: see that the clocks of both machines are right (NTP)",
        );
    }
    let bounds = [skew.least_micros(), skew.most_micros()];
    let most = bounds.map(i64::unsigned_abs).into_iter().max();
    let most = About(Duration::from_micros(most.unwrap_or(0)));
    Finding::ok(
        Check::Clock,
        format!("the node's is within {most} of this machine's"),
    )
}

/// The median of a few requests on a connection that is open.
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
    // Half of it passes until this machine learns of a block, half until the node learns of one from here.
    let block_delay = block_delay.filter(|delay| !delay.is_zero());
    let late = median.as_secs_f64() / block_delay.unwrap_or(BLOCK_DELAY).as_secs_f64();
    if late <= LATE_SHARE {
        return Finding::ok(Check::RoundTrip, figure);
    }
    let percent = (late * 100.0).min(100.0);
    let advice = format!(
        "about {percent:.0} % of the blocks come too late because of it: take a node that is nearer or less busy"
    );
    Finding::warn(Check::RoundTrip, figure, advice)
}
