//! The hashes of commands that run once per header, of which only an answer reports a number.
//!
//! A command that ends without an answer reports nothing. Its hashes are estimated by the rate in
//! the previous answer, and so are those of a running command, or the rate would jump at its end.

use std::time::Instant;

use super::tally::Tally;

/// What an answer reports besides the nonce, as far as these are numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Report {
    /// The hashes of this run.
    pub(super) hashes: Option<u64>,
    /// The hashes per second.
    pub(super) rate: Option<f64>,
}

/// The pace of the commands of one process.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The hashes per second in the previous answer that reports them.
    rate: Option<f64>,
    /// The hashes of the current run that are counted already.
    counted: u64,
}

impl Report {
    /// Reads the words after the nonce: the hashes and the hashes per second, both decimal.
    pub(super) fn of<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut texts = words
            .into_iter()
            .map(|word| std::str::from_utf8(word).unwrap_or_default());
        let (hashes, rate) = (texts.next(), texts.next());
        let is_rate = |rate: &f64| rate.is_finite() && *rate > 0.0;
        Self {
            hashes: hashes.and_then(|text| text.parse().ok()),
            rate: rate.and_then(|text| text.parse().ok()).filter(is_rate),
        }
    }
}

impl Pace {
    /// Whether running commands can be counted.
    pub(super) fn is_known(&self) -> bool {
        self.rate.is_some()
    }

    /// Counts the hashes of the current run up to now by the known rate.
    pub(super) fn estimate(&mut self, tally: &mut Tally, started: Instant, now: Instant) {
        if let Some(rate) = self.rate {
            let running = now.saturating_duration_since(started);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the rate is positive, and the largest number is as wrong as a larger one"
            )]
            let hashes = (rate * running.as_secs_f64()) as u64;
            self.count(tally, now, hashes);
        }
    }

    /// Counts the hashes of a run that has ended, by its answer if that reports them.
    pub(super) fn end(
        &mut self,
        tally: &mut Tally,
        started: Instant,
        now: Instant,
        report: Report,
    ) {
        let running = now.saturating_duration_since(started);
        let by_hashes = |hashes: u64| hashes as f64 / running.as_secs_f64();
        let rate = report.rate.or(report.hashes.map(by_hashes));
        self.rate = rate.filter(|rate| rate.is_finite()).or(self.rate);
        match report.hashes {
            Some(hashes) => self.count(tally, now, hashes),
            None => self.estimate(tally, started, now),
        }
        self.counted = 0;
        tally.start(now, None);
    }

    fn count(&mut self, tally: &mut Tally, now: Instant, hashes: u64) {
        tally.add(now, hashes.saturating_sub(self.counted));
        self.counted = self.counted.max(hashes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::meter::HashMeter;

    #[test]
    fn words_after_the_nonce_count_where_they_are_numbers() {
        #[track_caller]
        fn check(words: &str, hashes: Option<u64>, rate: Option<f64>) {
            let words = words.split(' ').map(str::as_bytes);
            assert_eq!(Report::of(words), Report { hashes, rate });
        }
        check("", None, None);
        check("1000", Some(1000), None);
        check("1000 250.5", Some(1000), Some(250.5));
        check("1000 1e9", Some(1000), Some(1e9));
        check("GPU 7", None, Some(7.0));
        for rate in ["fast", "-1", "0", "inf", "NaN"] {
            check(&format!("-1 {rate} 3"), None, None);
        }
    }

    #[test]
    fn runs_without_a_report_count_by_the_last_known_rate() {
        let meter = Arc::new(HashMeter::new(1));
        let mut tally = Tally::new(Arc::clone(&meter), 0);
        let start = Instant::now();
        let mut pace = Pace::default();
        let at = |running| start + Duration::from_secs(running);
        let end = |pace: &mut Pace, tally: &mut Tally, running, hashes, rate| {
            pace.end(tally, start, at(running), Report { hashes, rate });
            meter.read().hashes
        };
        assert_eq!(end(&mut pace, &mut tally, 5, None, None), 0);
        assert!(!pace.is_known());
        assert_eq!(end(&mut pace, &mut tally, 10, Some(900), Some(100.0)), 900);
        pace.estimate(&mut tally, start, at(2));
        assert_eq!(meter.read().hashes, 1100);
        // The report replaces the estimate.
        assert_eq!(end(&mut pace, &mut tally, 10, Some(500), None), 1400);
        assert_eq!(end(&mut pace, &mut tally, 10, None, None), 1900);
    }
}
