//! What a command does wrong, and how often that is told.
//!
//! A command that cannot work fails again and again, with every process: each kind of failure is told once and then as
//! a number, at most once in an interval.

use std::io;
use std::mem::{Discriminant, discriminant};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use chainweb::Nonce;
use tracing::field::display;
use tracing::{debug, trace, warn};

use super::process::Ending;
use super::stderr::plain;
use crate::units::About;

/// The longest piece of output that is shown.
const SHOWN: usize = 60;

/// Something that a command has done wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the shell cannot be started: {0}")]
    Start(io::Error),
    #[error("{}", describe(*.0))]
    Exit(ExitStatus),
    #[error("it ended, and is to run until its standard input ends")]
    Left,
    #[error("it did not end when it was killed")]
    Stuck,
    #[error("expected a nonce of 16 hex digits on its standard output, got {0}")]
    NoNonce(Shown),
    #[error("it wrote more than {0} bytes to its standard output, where {1} is expected")]
    TooMuchOutput(usize, &'static str),
    #[error("its nonce {nonce} does not solve the work{}", hint(*.order))]
    WrongNonce { nonce: Nonce, order: ByteOrder },
    #[error("it wrote a line that is no message: {0}: {1}")]
    BadLine(String, Shown),
    #[error("it answered for the job {0}, which it was not given, or long ago")]
    UnknownJob(Shown),
    #[error("it wrote {0} lines in a row that are no messages")]
    Garbage(u32),
}

/// Whether a nonce would solve the work with its bytes in the other order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Reversed,
    Unrelated,
}

/// What is said of a nonce in the wrong byte order.
pub(super) const REVERSED: &str =
    ", but would with its bytes reversed: the most significant digit has to come first";

fn hint(order: ByteOrder) -> &'static str {
    match order {
        ByteOrder::Reversed => REVERSED,
        ByteOrder::Unrelated => "",
    }
}

/// The beginning of something that a stranger wrote.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown(String);

impl Shown {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let bytes = bytes.trim_ascii();
        let shown = plain(&bytes[..bytes.len().min(SHOWN)]);
        Self(match bytes.len() {
            0 => "nothing".to_owned(),
            1..=SHOWN => format!("\"{shown}\""),
            _ => format!("\"{shown}…\""),
        })
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The codes 126 and 127 are the shell's own (POSIX, Shell Command Language, 2.8.2).
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(126), _) => "exit status 126: the command cannot be executed".to_owned(),
        (Some(127), _) => "exit status 127: the command was not found".to_owned(),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// A failure with what there is to be known about it.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) process: usize,
    pub(super) failure: Failure,
    /// How the command ended, if it did.
    pub(super) status: Option<ExitStatus>,
    /// The end of what it wrote to standard error.
    pub(super) errors: String,
    /// When it is started again, if it has to be.
    pub(super) again_in: Option<Duration>,
}

impl Complaint {
    pub(super) fn of_ending(process: usize, failure: Failure, ending: Ending) -> Self {
        Self {
            process,
            failure,
            status: ending.status,
            errors: ending.errors,
            again_in: None,
        }
    }

    pub(super) fn of_running(process: usize, failure: Failure) -> Self {
        Self {
            process,
            failure,
            status: None,
            errors: String::new(),
            again_in: None,
        }
    }
}

/// What has been told.
#[derive(Debug)]
pub(super) struct Complaints {
    interval: Duration,
    told: Vec<Told>,
}

#[derive(Debug)]
struct Told {
    kind: Discriminant<Failure>,
    at: Instant,
    since: u64,
}

impl Complaints {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            told: Vec::new(),
        }
    }

    /// Tells of a failure, if it is time to.
    pub(super) fn take(&mut self, now: Instant, complaint: &Complaint) {
        let Complaint {
            process,
            failure,
            status,
            errors,
            again_in,
        } = complaint;
        let status = match failure {
            // It is the failure.
            Failure::Exit(_) => None,
            _ => status.map(describe),
        };
        let (status, stderr) = (
            status.as_deref(),
            Some(errors).filter(|text| !text.is_empty()),
        );
        let restarts = again_in.is_some();
        let again_in = again_in.map(|pause| display(About(pause)));
        match self.count(now, discriminant(failure)) {
            Some(times) => warn!(
                process, %failure, status, stderr, again_in, times,
                "the external command failed"
            ),
            None if restarts => debug!(
                process, %failure, status, stderr, again_in,
                "the external command failed again"
            ),
            // Such are lines, of which there may be many.
            None => trace!(process, %failure, "the external command failed again"),
        }
    }

    /// How often it has happened since it was last told, if it is to be told now.
    fn count(&mut self, now: Instant, kind: Discriminant<Failure>) -> Option<u64> {
        let Some(told) = self.told.iter_mut().find(|told| told.kind == kind) else {
            self.told.push(Told {
                kind,
                at: now,
                since: 0,
            });
            return Some(1);
        };
        told.since += 1;
        if now.saturating_duration_since(told.at) < self.interval {
            return None;
        }
        told.at = now;
        Some(std::mem::take(&mut told.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_once_an_interval_with_the_number_since() {
        let begun = Instant::now();
        let minute = Duration::from_mins(1);
        let mut complaints = Complaints::new(minute);
        let stuck = discriminant(&Failure::Stuck);
        let garbage = discriminant(&Failure::Garbage(1));
        assert_eq!(complaints.count(begun, stuck), Some(1));
        assert_eq!(complaints.count(begun, garbage), Some(1));
        for second in 1..60 {
            assert_eq!(
                complaints.count(begun + Duration::from_secs(second), stuck),
                None
            );
        }
        assert_eq!(complaints.count(begun + minute, stuck), Some(60));
        assert_eq!(complaints.count(begun + minute, garbage), Some(1));
        assert_eq!(complaints.count(begun + 3 * minute, stuck), Some(1));
    }

    #[test]
    fn ends_are_told_as_what_they_are() {
        #[track_caller]
        fn check(wait_status: i32, text: &str) {
            let status = ExitStatus::from_raw(wait_status);
            assert_eq!(Failure::Exit(status).to_string(), text);
        }
        check(3 << 8, "exit status 3");
        check(126 << 8, "exit status 126: the command cannot be executed");
        check(127 << 8, "exit status 127: the command was not found");
        check(9, "ended by signal 9");
        check(0, "exit status 0");
    }

    #[test]
    fn of_what_strangers_write_the_beginning_is_shown() {
        #[track_caller]
        fn check(bytes: &[u8], text: &str) {
            assert_eq!(Shown::new(bytes).to_string(), text);
        }
        check(b" \n", "nothing");
        check(b"found\nit\n", "\"found | it\"");
        check(&[b'x'; 60], &format!("\"{}\"", "x".repeat(60)));
        check(&[b'x'; 61], &format!("\"{}…\"", "x".repeat(60)));
    }
}
