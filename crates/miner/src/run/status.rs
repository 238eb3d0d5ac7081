//! The line that tells every few seconds how mining goes.

use std::time::{Duration, Instant};

use node::Client;
use tracing::{info, warn};

use crate::coordinator::Coordinator;
use crate::meter::{Meter, Rate, Reading};
use crate::timing::SKEW_TOLERATED;
use crate::units::{About, or_unknown};

/// What the next line is measured against.
#[derive(Debug)]
pub(super) struct Status {
    last: Instant,
    hashed: Reading,
    latency: Option<Duration>,
    told_skew: bool,
}

impl Status {
    pub(super) fn new(now: Instant, meter: &Meter) -> Self {
        Self {
            last: now,
            hashed: meter.counted(),
            latency: None,
            told_skew: false,
        }
    }

    /// The time that a node took for an answer. For work it includes the wait for some.
    pub(super) fn latency(&mut self, latency: Duration) {
        self.latency = Some(latency);
    }

    pub(super) fn log(
        &mut self,
        now: Instant,
        meter: &Meter,
        coordinator: &Coordinator,
        clients: &[Client],
    ) {
        let time = now.saturating_duration_since(self.last);
        let rate = meter.present_rate(now, self.hashed, time);
        (self.last, self.hashed) = (now, meter.counted());
        let counters = coordinator.counters();
        let jobs = coordinator.jobs();
        let expected = match (jobs.iter().next(), rate.hashes_per_second()) {
            _ if rate == Rate::None => None,
            (None, _) => Some("no work".to_owned()),
            _ if rate == Rate::Unknown => Some("unknown".to_owned()),
            (Some(_), rate) if rate <= 0.0 => Some("nobody hashes".to_owned()),
            (Some(job), rate) => {
                let hashes = job.work.target().difficulty().as_f64();
                Some(About::seconds(hashes / rate).to_string())
            }
        };
        info!(
            rate = rate.field().map(display),
            accepted = counters.blocks.accepted,
            pending = counters.blocks.pending,
            orphaned = counters.blocks.orphaned,
            stale = counters.solutions_stale,
            rejected = counters.solutions_rejected,
            jobs = jobs.iter().len(),
            node_latency = %or_unknown(self.latency.map(About)),
            block_expected_in = expected.map(display),
            "status"
        );
        for client in clients {
            let skew = client
                .clock_skew()
                .filter(|skew| skew.exceeds(SKEW_TOLERATED));
            if let Some(skew) = skew
                && !self.told_skew
            {
                self.told_skew = true;
                warn!(node = %client.endpoint(), seconds = skew.seconds(), "the node's clock differs from this machine's");
            }
        }
    }
}
