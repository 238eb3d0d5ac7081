//! The work of one process. Its reports name no job, so the hashes since the one before are spread
//! over the jobs that it had in this time.

use std::sync::Arc;
use std::time::Instant;

use crate::job::Job;
use crate::meter::HashMeter;
use crate::telemetry::estimate::expected_blocks;

/// The most jobs that are remembered between two reports. The oldest are forgotten.
const MOST_SPANS: usize = 64;

/// Adds up the work of one process.
#[derive(Debug)]
pub(super) struct Tally {
    meter: Arc<HashMeter>,
    process: usize,
    /// The jobs since the last report, oldest first, and when each began.
    spans: Vec<(Instant, Option<Arc<Job>>)>,
}

impl Tally {
    pub(super) fn new(meter: Arc<HashMeter>, process: usize) -> Self {
        Self {
            meter,
            process,
            spans: Vec::new(),
        }
    }

    /// The process hashes this job from now on, or none.
    pub(super) fn start(&mut self, now: Instant, job: Option<Arc<Job>>) {
        if self.spans.len() == MOST_SPANS {
            self.spans.remove(0);
        }
        self.spans.push((now, job));
    }

    /// Adds the hashes since the last call.
    pub(super) fn add(&mut self, now: Instant, hashes: u64) {
        let ends = self.spans.iter().skip(1).map(|(start, _)| *start);
        let spans: Vec<_> = self
            .spans
            .iter()
            .zip(ends.chain([now]))
            .filter_map(|((start, job), end)| Some((*start, end, job.as_ref()?)))
            .collect();
        let seconds = |(start, end, _): &(Instant, Instant, _)| {
            end.saturating_duration_since(*start).as_secs_f64()
        };
        let all: f64 = spans.iter().map(seconds).sum();
        let (mut expected, mut stale) = (0.0, 0.0);
        for (at, span @ (start, end, job)) in spans.iter().enumerate() {
            let part = if all > 0.0 {
                seconds(span) / all
            } else {
                f64::from(u8::from(at + 1 == spans.len()))
            };
            let hashes = hashes as f64 * part;
            expected += expected_blocks(hashes, job.work.target().difficulty());
            stale += hashes * job.outdated_part(*start, *end);
        }
        self.meter.thread(self.process).add(hashes, expected, stale);
        let last = self.spans.pop();
        self.spans.clear();
        self.spans.extend(last.map(|(_, job)| (now, job)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use chainweb::Difficulty;

    use super::{MOST_SPANS, Tally};
    use crate::meter::HashMeter;
    use crate::worker::sample::job;

    fn tally() -> (Tally, impl Fn() -> String) {
        let meter = Arc::new(HashMeter::new(1));
        let tally = Tally::new(Arc::clone(&meter), 0);
        let spent = move || {
            let spent = meter.spent();
            format!("{} {} {:.3}", spent.hashes, spent.stale, spent.expected)
        };
        (tally, spent)
    }

    #[test]
    fn hashes_are_spread_over_the_jobs_since_the_last_report() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let of = |id, hashes| job(id, Difficulty::from_u128(hashes).target(), start);
        let (easy, hard) = (of(1, 1000), of(2, 4000));
        let (mut tally, spent) = tally();
        tally.start(at(0), Some(Arc::clone(&easy)));
        tally.add(at(10), 500);
        assert_eq!(spent(), "500 0 0.500");
        // Ten more seconds of the first, twenty without a job, and thirty of the second.
        easy.outdate(at(15));
        tally.start(at(20), None);
        tally.start(at(40), Some(hard));
        tally.add(at(70), 8000);
        assert_eq!(spent(), "8500 1000 4.000");
        tally.add(at(70), 400);
        assert_eq!(spent(), "8900 1000 4.100");
    }

    #[test]
    fn a_process_that_reports_nothing_takes_no_more_and_more_memory() {
        let start = Instant::now();
        let (mut tally, spent) = tally();
        tally.add(start, 7);
        for id in 0..1000 {
            tally.start(
                start,
                Some(job(id, Difficulty::from_u128(1).target(), start)),
            );
        }
        assert!(tally.spans.len() <= MOST_SPANS);
        assert_eq!(spent(), "7 0 0.000");
    }
}
