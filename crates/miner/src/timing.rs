//! Every duration that the client waits for, in one place, so that tests can shorten them all.

use std::time::Duration;

/// The clock skew of a node that is reported when exceeded. Mining does not depend on it: creation times come from the
/// node.
pub const SKEW_TOLERATED: Duration = Duration::from_secs(5);

/// The durations of the coordinator, the workers and the program around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Work older than this is fetched again: the node forgets its payload after five minutes.
    pub refetch_age: Duration,
    /// Work older than this cannot be handed in any more and is dropped.
    pub payload_lifetime: Duration,
    /// How often work that no update stream covers is compared with the node's cut.
    pub cut_check: Duration,
    /// The pause after the node has offered a chain that is already held, unless an update comes first.
    pub held_chain_pause: Duration,
    /// The pause after the node has given work that the worker does not want, and between two looks at its cut for a
    /// worker that wants work on certain chains, unless an update comes first.
    pub unwanted_pause: Duration,
    /// The first pause after a failed request; it doubles with each failure in a row.
    pub retry_min: Duration,
    /// The longest pause after a failed request.
    pub retry_max: Duration,
    /// The pause after the node has refused this miner: somebody has to change a configuration first.
    pub misconfigured_retry: Duration,
    /// When a block that the node has taken is first looked up in the cut.
    pub fate_first: Duration,
    /// How often it is looked up after that.
    pub fate_interval: Duration,
    /// How often a CPU thread moves the creation time of its job.
    pub restamp: Duration,
    /// The time that a CPU thread hashes between two looks at the jobs.
    pub batch: Duration,
    /// How often the status line is logged.
    pub status: Duration,
    /// How often the table of Stratum workers is logged.
    pub worker_table: Duration,
    /// How long shutting down may take.
    pub grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            refetch_age: Duration::from_mins(2),
            payload_lifetime: Duration::from_mins(5),
            cut_check: Duration::from_secs(1),
            held_chain_pause: Duration::from_secs(1),
            unwanted_pause: Duration::from_millis(100),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(1),
            misconfigured_retry: Duration::from_secs(30),
            fate_first: Duration::from_secs(2),
            fate_interval: Duration::from_secs(10),
            restamp: Duration::from_secs(1),
            batch: Duration::from_millis(1),
            status: Duration::from_secs(10),
            worker_table: Duration::from_mins(1),
            grace: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// The pause after the `failures`-th failure in a row, the first being 1.
    pub fn backoff(&self, failures: u32) -> Duration {
        doubled(self.retry_min, failures).min(self.retry_max)
    }
}

/// The durations of external commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandTiming {
    /// How long a process waits for a job of its own before it shares one.
    pub job_share: Duration,
    /// How long a command may take to end when it is asked to; two of these are less than the grace of the program.
    pub grace: Duration,
    /// The first pause after a command has failed; it doubles with each failure in a row.
    pub retry_min: Duration,
    /// The longest pause after a command has failed. One that has run for longer fails for the first time again.
    pub retry_max: Duration,
    /// How often a failure that goes on is told.
    pub report: Duration,
}

impl Default for CommandTiming {
    fn default() -> Self {
        Self {
            job_share: Duration::from_millis(500),
            grace: Duration::from_secs(2),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(30),
            report: Duration::from_mins(1),
        }
    }
}

impl CommandTiming {
    /// The pause after the `failures`-th failure in a row, the first being 1.
    pub fn backoff(&self, failures: u32) -> Duration {
        doubled(self.retry_min, failures).min(self.retry_max)
    }
}

/// The pause after so many failures in a row, without a bound.
fn doubled(first: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16))
}
