//! The choices of the coordinator, among them when to fetch work with a refreshed payload.

use std::time::{Duration, Instant};

use crate::job::Proof;
use crate::timing::Timing;

/// The choices of the coordinator.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The number of nodes. They are numbered from 0 in the order of preference.
    pub nodes: usize,
    /// The number of the last nodes that only insure jobs. Less than the number of nodes.
    pub submit_only: usize,
    /// The highest number of live jobs, each on a chain of its own; at least 1.
    pub work_slots: usize,
    /// When to fetch new work after a payload refresh.
    pub preemption: Preemption,
    /// The number of blocks on top of one of ours that make its place final.
    pub confirmations: u64,
    /// What a solution has to prove before it is submitted.
    pub proof: Proof,
    /// All durations.
    pub timing: Timing,
}

#[cfg(any(test, feature = "bench"))]
impl Config {
    /// Returns the choices for a worker with proof of work on so many nodes.
    pub(crate) fn of_nodes(nodes: usize) -> Self {
        Self {
            nodes,
            submit_only: 0,
            work_slots: 2,
            preemption: Preemption::default(),
            confirmations: 6,
            proof: Proof::Verified,
            timing: Timing::default(),
        }
    }
}

/// When to fetch new work after the node has refreshed the payload of a job's block.
///
/// A new block on a job's chain always retires the job at once. After a refresh the job is still
/// good and only lacks the newest transactions; the refreshed work replaces it if it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preemption {
    /// At once, after each refresh.
    Immediate,
    /// At the end of the current batch, when the worker starts on a new header anyway.
    BatchComplete {
        /// The length of a batch; batches are counted from the arrival of the job. If it exceeds
        /// the range of [`Instant`], only the age of the job leads to a fetch.
        batch: Duration,
    },
    /// This long after the first refresh.
    Delayed(Duration),
    /// At once, but only some time after the last answer with work for the chain.
    Conditional {
        /// The shortest time between the answer and the fetch.
        min_interval: Duration,
    },
}

impl Default for Preemption {
    /// The interval at which nodes refresh payloads by themselves.
    fn default() -> Self {
        Self::Conditional {
            min_interval: Duration::from_secs(15),
        }
    }
}

impl Preemption {
    /// Returns when to fetch new work for a job received at `received` and last issued by its node
    /// at `issued`; `None` for never.
    pub(super) fn due(
        self,
        refreshed: Instant,
        received: Instant,
        issued: Instant,
    ) -> Option<Instant> {
        match self {
            Self::Immediate => Some(refreshed),
            Self::BatchComplete { batch } => end_of_batch(refreshed, received, batch),
            Self::Delayed(delay) => refreshed.checked_add(delay),
            Self::Conditional { min_interval } => {
                Some(refreshed.max(issued.checked_add(min_interval)?))
            }
        }
    }
}

/// Returns the end of the batch at the time of a refresh.
fn end_of_batch(refreshed: Instant, received: Instant, batch: Duration) -> Option<Instant> {
    let elapsed = refreshed.saturating_duration_since(received);
    let over = elapsed.as_nanos().checked_rem(batch.as_nanos())?;
    let over = Duration::from_nanos(u64::try_from(over).ok()?);
    refreshed
        .max(received)
        .checked_add(batch.saturating_sub(over))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times in milliseconds, for a job that arrived at 1000 and was issued again at 3000.
    #[track_caller]
    fn check(policy: Preemption, refreshed_ms: u64, due_ms: Option<u64>) {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let due = policy.due(at(refreshed_ms), at(1000), at(3000));
        assert_eq!(due, due_ms.map(at), "{policy:?} at {refreshed_ms}");
    }

    #[test]
    fn each_policy_sets_the_time_of_the_fetch() {
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
    fn a_refresh_before_the_job_arrived_waits_for_a_whole_batch() {
        let batch = Duration::from_millis(700);
        check(Preemption::BatchComplete { batch }, 900, Some(1700));
    }

    #[test]
    fn an_endless_pause_is_never_due() {
        let batch = Duration::MAX;
        check(Preemption::BatchComplete { batch }, 3100, None);
        check(Preemption::Delayed(Duration::MAX), 3100, None);
        let min_interval = Duration::MAX;
        check(Preemption::Conditional { min_interval }, 3100, None);
    }
}
