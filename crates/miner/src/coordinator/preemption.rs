//! When work with a newer payload is fetched for a job that is still good.
//!
//! A job whose chain has moved is retired at once: for that there is no choice. A node also renews the payload of a
//! block that is yet to be mined; the job in hand then only lacks the newest transactions, and how soon it makes way is a
//! policy. It decides about the time of the fetch alone: what the fetch brings takes the job's place if it differs.
//! It knows neither jobs nor requests.

use std::time::{Duration, Instant};

use super::Ticket;

/// When newer work is fetched after the node has told of a newer payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preemption {
    /// At once, each time.
    Immediate,
    /// When the batch in hand is complete: the worker then begins a header anew by itself, and one with a newer payload
    /// costs it nothing.
    BatchComplete {
        /// The time from one such header to the next, counted from the arrival of the job. One that is beyond the end of
        /// time leaves a job alone until its age has it fetched again.
        batch: Duration,
    },
    /// So long after the first payload that is newer.
    Delayed(Duration),
    /// At once, but not sooner after the last answer with work for the chain than this.
    Conditional {
        /// The least time between two.
        min_interval: Duration,
    },
}

impl Default for Preemption {
    /// As seldom as a node renews payloads by itself.
    fn default() -> Self {
        Self::Conditional {
            min_interval: Duration::from_secs(15),
        }
    }
}

impl Preemption {
    /// When to fetch, for a job that came in at `received` and was last given by its node at `confirmed`; none for never.
    pub(super) fn due(
        self,
        heard: Instant,
        received: Instant,
        confirmed: Instant,
    ) -> Option<Instant> {
        match self {
            Self::Immediate => Some(heard),
            Self::BatchComplete { batch } => end_of_batch(heard, received, batch),
            Self::Delayed(delay) => heard.checked_add(delay),
            Self::Conditional { min_interval } => {
                Some(heard.max(confirmed.checked_add(min_interval)?))
            }
        }
    }
}

/// The end of the batch that `heard` falls into.
fn end_of_batch(heard: Instant, received: Instant, batch: Duration) -> Option<Instant> {
    let elapsed = heard.saturating_duration_since(received);
    let over = elapsed.as_nanos().checked_rem(batch.as_nanos())?;
    let over = Duration::from_nanos(u64::try_from(over).ok()?);
    heard.max(received).checked_add(batch.saturating_sub(over))
}

/// A newer payload that the node has told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) at: Instant,
    /// Answers to requests from before may not have it yet.
    pub(super) ticket: Ticket,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times in milliseconds, of a job that came in at 1000 and was given again at 3000.
    #[track_caller]
    fn check(policy: Preemption, heard_ms: u64, due_ms: Option<u64>) {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let due = policy.due(at(heard_ms), at(1000), at(3000));
        assert_eq!(due, due_ms.map(at), "{policy:?} at {heard_ms}");
    }

    #[test]
    fn each_policy_has_its_time() {
        let ms = Duration::from_millis;
        check(Preemption::Immediate, 3100, Some(3100));
        check(Preemption::Delayed(ms(250)), 3100, Some(3350));
        let batch = Preemption::BatchComplete { batch: ms(700) };
        check(batch, 3000, Some(3100));
        check(batch, 3099, Some(3100));
        check(batch, 3100, Some(3800));
        let conditional = Preemption::Conditional {
            min_interval: ms(500),
        };
        check(conditional, 3100, Some(3500));
        check(conditional, 3500, Some(3500));
        check(conditional, 3600, Some(3600));
    }

    #[test]
    fn a_payload_told_of_before_the_job_came_waits_for_a_whole_batch() {
        let batch = Duration::from_millis(700);
        check(Preemption::BatchComplete { batch }, 900, Some(1700));
    }

    #[test]
    fn what_never_ends_is_never_due() {
        let batch = Duration::MAX;
        check(Preemption::BatchComplete { batch }, 3100, None);
        check(Preemption::Delayed(Duration::MAX), 3100, None);
        let min_interval = Duration::MAX;
        check(Preemption::Conditional { min_interval }, 3100, None);
    }
}
