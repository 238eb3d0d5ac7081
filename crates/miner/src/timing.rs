//! All durations of the client, in one place for tests to shorten them.

use std::time::Duration;

/// The clock skew of a node above which it is reported. The creation times of blocks come from the
/// node, so only its clock matters.
pub const SKEW_TOLERATED: Duration = Duration::from_secs(5);

/// The durations of the coordinator, the workers and the program around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Work older than this is fetched again: the node discards its payload after five minutes.
    pub refetch_age: Duration,
    /// Work older than this can no longer be submitted, and its job is retired.
    pub payload_lifetime: Duration,
    /// How often unconfirmed jobs are compared with the node's cut.
    pub cut_check: Duration,
    /// How long at least no update has to come from a node before its cut is compared. Longer if
    /// updates are rare, and while the cut does not move.
    pub silence_min: Duration,
    /// The longest silence before the cut is compared.
    pub silence_max: Duration,
    /// The longest plausible time from a change of the cut to its update.
    pub late_update: Duration,
    /// How long the answer with a cut may take during such a silence before it is reported.
    pub late_cut: Duration,
    /// The shortest time between two openings of streams that may be dead; doubles up to
    /// `reopen_max` while a stream misses changes.
    pub reopen_min: Duration,
    /// The longest time until a stream that misses changes is opened again.
    pub reopen_max: Duration,
    /// The pause after the node issues work on chains with live jobs several times in a row, or
    /// work that is not current, unless an update comes first.
    pub held_chain_pause: Duration,
    /// The pause after the node issues work of no use many times in a row to a worker with a demand
    /// for certain chains, and between requests for the cut on its behalf, unless an update comes
    /// first.
    pub unwanted_pause: Duration,
    /// The shortest time between two cuts for a worker with a demand, however fast blocks come.
    pub shown_interval: Duration,
    /// The shortest time between requests for work while updates outdate it without a new block.
    pub flooded_interval: Duration,
    /// The first pause after a failed request; it doubles with each failure in a row.
    pub retry_min: Duration,
    /// The longest pause after a failed request.
    pub retry_max: Duration,
    /// The longest pause after the node refuses the miner key, until a person changes a
    /// configuration. The first ones are shorter, and a sign of life of the node ends them.
    pub misconfigured_retry: Duration,
    /// The time from the submission of a block to its first lookup in the cut.
    pub first_block_lookup: Duration,
    /// The shortest time between further lookups of a block. It grows with the age of the block.
    pub block_lookup_interval: Duration,
    /// The longest time between two lookups of a block.
    pub block_lookup_max: Duration,
    /// The shortest time after which an answer counts as missing where there are several nodes; it
    /// is twice the time that one answer in a hundred exceeds.
    pub hang_min: Duration,
    /// The longest time after which an answer counts as missing where there are several nodes.
    pub hang_max: Duration,
    /// How often the cuts of several nodes are compared.
    pub peer_check: Duration,
    /// How often the blocks of several nodes are compared.
    pub fork_check: Duration,
    /// How long the cut of a node may be behind that of another.
    pub behind: Duration,
    /// How long a preferred node has to be ready before it serves again.
    pub return_after: Duration,
    /// Four changes of node within this time are too many.
    pub many_changes_within: Duration,
    /// How long a node serves after too many changes, though a preferred one is ready.
    pub stay: Duration,
    /// How often a CPU thread updates the creation time of its job.
    pub restamp: Duration,
    /// The time for which a CPU thread hashes before it checks for new jobs.
    pub batch: Duration,
    /// How often the status line is logged.
    pub status: Duration,
    /// How often the table of mining devices is logged.
    pub worker_table: Duration,
    /// How often the state of the program is published.
    pub snapshot: Duration,
    /// The longest time for shutting down.
    pub grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            refetch_age: Duration::from_mins(2),
            payload_lifetime: Duration::from_mins(5),
            cut_check: Duration::from_secs(1),
            silence_min: Duration::from_secs(10),
            silence_max: Duration::from_secs(30),
            late_update: Duration::from_secs(2),
            late_cut: Duration::from_secs(4),
            reopen_min: Duration::from_secs(15),
            reopen_max: Duration::from_mins(1),
            held_chain_pause: Duration::from_secs(1),
            unwanted_pause: Duration::from_millis(100),
            shown_interval: Duration::from_millis(20),
            flooded_interval: Duration::from_millis(200),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(1),
            misconfigured_retry: Duration::from_secs(30),
            first_block_lookup: Duration::from_secs(2),
            block_lookup_interval: Duration::from_secs(10),
            block_lookup_max: Duration::from_mins(5),
            hang_min: Duration::from_millis(500),
            hang_max: Duration::from_secs(2),
            peer_check: Duration::from_secs(2),
            fork_check: Duration::from_secs(10),
            behind: Duration::from_secs(5),
            return_after: Duration::from_mins(1),
            many_changes_within: Duration::from_mins(5),
            stay: Duration::from_mins(10),
            restamp: Duration::from_secs(1),
            batch: Duration::from_millis(1),
            status: Duration::from_secs(10),
            worker_table: Duration::from_mins(1),
            snapshot: Duration::from_secs(1),
            grace: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// Returns the pause after the `refusals`-th refusal in a row that a person has to mend,
    /// counted from 1: 0.1, 1, 5, then 30 s with the default settings.
    pub(crate) fn refused(&self, refusals: u32) -> Duration {
        let pause = match refusals {
            0 | 1 => self.retry_min,
            2 => self.retry_min * 10,
            3 => self.retry_min * 50,
            _ => self.misconfigured_retry,
        };
        pause.min(self.misconfigured_retry)
    }

    /// Returns the pause after the `failures`-th failure in a row, counted from 1.
    pub(crate) fn backoff(&self, failures: u32) -> Duration {
        doubled(self.retry_min, failures).min(self.retry_max)
    }
}

/// The durations of external commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandTiming {
    /// The time for which a process waits for a job of its own before it shares one.
    pub job_share: Duration,
    /// The longest time for a command to end on request. Twice this is less than the grace of the
    /// program.
    pub grace: Duration,
    /// The first pause after a command fails; it doubles with each failure in a row.
    pub retry_min: Duration,
    /// The longest pause after a command fails. A run longer than this resets the count of
    /// failures.
    pub retry_max: Duration,
    /// How often a persistent failure is logged.
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
    /// Returns the pause after the `failures`-th failure in a row, counted from 1.
    #[cfg_attr(not(unix), expect(dead_code, reason = "for the external worker"))]
    pub(crate) fn backoff(&self, failures: u32) -> Duration {
        doubled(self.retry_min, failures).min(self.retry_max)
    }
}

/// Returns the pause after this many failures in a row, without an upper limit.
fn doubled(first: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16))
}
