//! The limits of the client in time and size, plain fields that tests scale down.

use std::time::Duration;

use rand::{Rng, RngExt};

/// The limits of requests in time and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For connecting, TLS included. Counts towards the times below.
    pub connect: Duration,
    /// For `/info`, from the request to the last byte of the response.
    pub info: Duration,
    /// For `/mining/work`. A node without work holds the request until this limit.
    pub work: Duration,
    /// For `/mining/solved`.
    pub solved: Duration,
    /// For `/cut` and for a page of ancestors.
    pub cut: Duration,
    /// For opening an update stream, from the request to the head of the response: a node sends it
    /// at once. Doubles with each opening in a row that gets no response, up to six times this.
    pub updates_open: Duration,
    /// For silence on an update stream. Longer than the 216 to 264 s after which a node ends a
    /// stream, since a quiet chain has no events.
    pub updates_idle: Duration,
    /// The pauses before an update stream is opened again.
    pub reopen: Backoff,
    /// For the body of `/info`, `/cut` and a page of ancestors.
    pub max_json_bytes: usize,
    /// For the body of `/mining/work`: 36 bytes and a header of 178 + 36·n bytes, with n adjacent
    /// chains.
    pub max_work_bytes: usize,
    /// For the text of a refusal; the rest is not read.
    pub max_text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            info: Duration::from_secs(10),
            work: Duration::from_secs(10),
            solved: Duration::from_secs(10),
            cut: Duration::from_secs(10),
            updates_open: Duration::from_secs(10),
            updates_idle: Duration::from_mins(5),
            reopen: Backoff::default(),
            max_json_bytes: 1 << 20,
            max_work_bytes: 4096,
            max_text_bytes: 1024,
        }
    }
}

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first pause; the bound doubles with each failure.
    pub first: Duration,
    /// The longest pause, and so the delay before a recovery is noticed.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            max: Duration::from_millis(1500),
        }
    }
}

impl Backoff {
    /// Returns the pause after `failures` failures in a row: between half and all of
    /// `first · 2^(failures − 1)`, at most `max`; zero without a failure.
    pub fn pause(&self, failures: u32, rng: &mut impl Rng) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let longest = self.first.saturating_mul(factor).min(self.max);
        longest.mul_f64(rng.random_range(0.5..=1.0))
    }

    /// Returns a pause of at most `first`, to spread simultaneous attempts.
    pub(crate) fn jitter(&self, rng: &mut impl Rng) -> Duration {
        self.first
            .min(self.max)
            .mul_f64(rng.random_range(0.0..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[track_caller]
    fn check(backoff: Backoff, failures: u32, shortest_ms: u64, longest_ms: u64) {
        let range = Duration::from_millis(shortest_ms)..=Duration::from_millis(longest_ms);
        let mut rng = SmallRng::seed_from_u64(failures.into());
        let pauses: Vec<_> = (0..200)
            .map(|_| backoff.pause(failures, &mut rng))
            .collect();
        assert!(
            pauses.iter().all(|pause| range.contains(pause)),
            "{pauses:?}"
        );
        // The jitter covers the whole range.
        let fifth = (range.end().abs_diff(*range.start())).mul_f64(0.2);
        assert!(pauses.iter().any(|pause| *pause <= *range.start() + fifth));
        assert!(pauses.iter().any(|pause| *pause + fifth >= *range.end()));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff::default();
        check(backoff, 0, 0, 0);
        check(backoff, 1, 50, 100);
        check(backoff, 2, 100, 200);
        check(backoff, 4, 400, 800);
        check(backoff, 5, 750, 1500);
        check(backoff, 33, 750, 1500);
        check(backoff, u32::MAX, 750, 1500);
    }

    #[test]
    fn a_first_pause_longer_than_the_longest_is_cut() {
        let longest = Duration::from_millis(10);
        let backoff = Backoff {
            first: Duration::MAX,
            max: longest,
        };
        check(backoff, 1, 5, 10);
        check(backoff, u32::MAX, 5, 10);
        assert!(backoff.jitter(&mut SmallRng::seed_from_u64(1)) <= longest);
    }
}
