//! What can go wrong with a command.
//!
//! A broken command fails again and again, in every process. The log has the first failure of each
//! kind, and then one line per interval with the number of failures.

use std::collections::HashMap;
use std::io;
use std::mem::{Discriminant, discriminant};
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chainweb::Nonce;

use super::log::RateLimit;

/// A failure of a command.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot start the shell: {0}")]
    Start(io::Error),
    #[error("{status}{}", meaning(*.status))]
    Exit { status: ExitStatus },
    #[error("exited before its standard input was closed")]
    EarlyExit,
    #[error("still running after SIGKILL")]
    Unkillable,
    #[error("expected a nonce of 16 hex digits on standard output, got {0}")]
    NoNonce(String),
    #[error("printed more than {0} bytes to standard output, expected {1}")]
    TooMuchOutput(usize, &'static str),
    #[error("nonce {0} does not solve the work{1}")]
    WrongNonce(Nonce, &'static str),
    #[error("printed a line that is not a message: {0}: {1}")]
    BadLine(String, String),
    #[error("answered for job {0}, which is unknown or expired")]
    UnknownJob(String),
    #[error("printed more than 1000 lines in a row that are not messages")]
    Garbage,
}

/// The hint of [`Failure::WrongNonce`] for a nonce in the wrong byte order.
pub(super) const REVERSED: &str =
    ", but would with its bytes reversed: print the most significant digit first";

/// Exit codes 126 and 127 are the shell's own (POSIX, Shell Command Language, 2.8.2).
fn meaning(status: ExitStatus) -> &'static str {
    match status.code() {
        Some(126) => " (the command cannot be executed)",
        Some(127) => " (the command was not found)",
        _ => "",
    }
}

/// Checks the status of a command, which is `None` if it still runs.
///
/// # Errors
///
/// Returns a failure unless the status is 0.
pub(super) fn check_exit(status: Option<ExitStatus>) -> Result<(), Failure> {
    let status = status.ok_or(Failure::Unkillable)?;
    let success = status.success().then_some(());
    success.ok_or(Failure::Exit { status })
}

/// Limits how often failures are logged, separately for each kind.
#[derive(Debug, Default)]
pub(super) struct FailureLimit(Mutex<HashMap<Discriminant<Failure>, RateLimit>>);

impl FailureLimit {
    /// Returns the number of such failures since the last logged one, or `None` if one was logged
    /// less than `interval` ago.
    pub(super) fn count(&self, now: Instant, failure: &Failure, interval: Duration) -> Option<u64> {
        let mut limits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = limits.entry(discriminant(failure)).or_default();
        limit.admit(now, 1, interval)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn each_kind_is_logged_once_an_interval_with_the_count_since() {
        let start = Instant::now();
        let minute = Duration::from_mins(1);
        let limit = FailureLimit::default();
        let count = |now, failure| limit.count(now, failure, minute);
        let unkillable = Failure::Unkillable;
        let garbage = Failure::Garbage;
        assert_eq!(count(start, &unkillable), Some(1));
        assert_eq!(count(start, &garbage), Some(1));
        for second in 1..60 {
            assert_eq!(
                count(start + Duration::from_secs(second), &unkillable),
                None
            );
        }
        assert_eq!(count(start + minute, &unkillable), Some(60));
        assert_eq!(count(start + minute, &garbage), Some(1));
        assert_eq!(count(start + 3 * minute, &unkillable), Some(1));
    }

    #[test]
    fn exit_statuses_are_described() {
        #[track_caller]
        fn check(wait_status: i32, text: &str) {
            let status = ExitStatus::from_raw(wait_status);
            assert_eq!(Failure::Exit { status }.to_string(), text);
        }
        check(3 << 8, "exit status: 3");
        check(
            126 << 8,
            "exit status: 126 (the command cannot be executed)",
        );
        check(127 << 8, "exit status: 127 (the command was not found)");
        check(9, "signal: 9 (SIGKILL)");
        check(0, "exit status: 0");
    }
}
