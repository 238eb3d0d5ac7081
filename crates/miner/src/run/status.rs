//! The line that tells every few seconds how mining goes.

use std::time::{Duration, Instant};

use node::Client;
use tracing::{info, warn};

use crate::coordinator::Coordinator;
use crate::meter::{Meter, Reading};
use crate::units::About;

/// A clock that differs by more is worth a word. Mining does not depend on it: creation times come from the node.
pub(crate) const SKEW_TOLERATED: Duration = Duration::from_secs(5);

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
        let expected = match jobs.iter().next() {
            None => "no work".to_owned(),
            Some(_) if rate.0 <= 0.0 => "nobody hashes".to_owned(),
            Some(job) => {
                About::seconds(job.work.target().difficulty().as_f64() / rate.0).to_string()
            }
        };
        info!(
            rate = %rate,
            accepted = counters.blocks.in_cut,
            pending = counters.blocks.pending,
            orphaned = counters.blocks.orphaned,
            stale = counters.solutions_stale,
            rejected = counters.solutions_rejected,
            jobs = jobs.iter().len(),
            node_latency = %self.latency.map_or_else(|| "unknown".to_owned(), |time| About(time).to_string()),
            block_expected_in = %expected,
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
