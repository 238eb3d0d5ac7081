//! Every bound of the client: how long it waits and how much it reads.
//!
//! All of them are plain fields, so that a test can scale the times down.

use std::time::Duration;

use rand::{Rng, RngExt};

/// How long requests may take and how large answers may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For a connection to be established, TLS included. Part of the times below.
    pub connect: Duration,
    /// For `/info`, from the request to the last byte of the answer.
    pub info: Duration,
    /// For `/mining/work`. A node that has no work holds the request for ever.
    pub work: Duration,
    /// For `/mining/solved`.
    pub solved: Duration,
    /// For `/cut` and for a page of ancestors.
    pub cut: Duration,
    /// For the silence on an update stream, and for its opening. A node ends its streams after 216
    /// to 264 s and sends nothing in between but events, so this is longer.
    pub updates_idle: Duration,
    /// Between the end of one update stream and the opening of the next.
    pub reopen: Backoff,
    /// For the body of `/info`, `/cut` and a page of ancestors.
    pub max_json_bytes: usize,
    /// For the body of `/mining/work`: 36 bytes more than a header, which has 178 bytes and 36 for
    /// each neighbour of its chain.
    pub max_work_bytes: usize,
    /// For what is kept of the text of a refusal; the rest is not read.
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
            updates_idle: Duration::from_mins(5),
            reopen: Backoff::default(),
            max_json_bytes: 1 << 20,
            max_work_bytes: 4096,
            max_text_bytes: 1024,
        }
    }
}

/// Growing, jittered pauses between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first pause; each further one may be twice as long.
    pub first: Duration,
    /// No pause is longer. It bounds how late the end of a fault is noticed.
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
    /// The pause before the attempt that follows `failures` failures in a row, between half and all
    /// of `first · 2^(failures − 1)`, or of `max` if that is less. None after no failure.
    pub fn pause(&self, failures: u32, rng: &mut impl Rng) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let longest = self.first.saturating_mul(factor).min(self.max);
        longest.mul_f64(rng.random_range(0.5..=1.0))
    }

    /// A pause of at most `first`, to spread what would otherwise happen at the same moment.
    pub fn jitter(&self, rng: &mut impl Rng) -> Duration {
        self.first
            .min(self.max)
            .mul_f64(rng.random_range(0.0..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

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
        // Jittered over the whole range and not only somewhere in it.
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
