//! The protocol of the Haskell client: a command for each work.
//!
//! It gets the target as its last argument and the header on standard input, and prints the nonce. A command whose job
//! is lost is ended before the next one starts, so that they never share a device; what it has found by then counts.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{Nonce, WorkHeader};
use clap::ValueEnum;
use tokio::time::{sleep, sleep_until};
use tracing::debug;

use super::deal::Task;
use super::failure::{Complaint, Failure, Shown};
use super::hex;
use super::process::{Process, Step};
use super::seat::{self, Seat};
use super::target::TargetEncoding;
use crate::job::Solution;

/// The most that a command may print: a nonce, with much room around it.
const OUTPUT: usize = 4 << 10;

/// How a command is given its work.
#[derive(Clone, Copy, Debug, Default)]
pub struct Once {
    /// How the target is written.
    pub target: TargetEncoding,
    /// How the header is written.
    pub input: InputEncoding,
    /// How long a command may run before it is started again.
    pub time_limit: Option<Duration>,
}

/// How the header stands on the standard input of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum InputEncoding {
    /// Its bytes.
    #[default]
    Binary,
    /// A line of hex digits, two for each byte.
    Hex,
}

/// Why a command is not waited for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Ended,
    JobLost,
    TimeLimit,
    TooMuchOutput,
}

enum Outcome {
    Solved(Solution),
    Ended(Reason),
    Failed(Complaint),
}

/// Runs command after command until there are no tasks any more.
pub(super) async fn run(mut seat: Seat, once: Once) {
    let mut solved = None;
    while let Some(task) = seat.task(solved).await {
        let begun = Instant::now();
        match attempt(&mut seat, once, &task).await {
            Outcome::Solved(solution) => {
                // The job is the task still, until it is known that it is solved.
                solved = Some(solution.job.id);
                seat.hand_in(solution).await;
            }
            Outcome::Ended(reason) => {
                debug!(process = seat.process, job = %task.job.id, ?reason, "the external command was ended");
            }
            Outcome::Failed(complaint) => {
                if seat.failed(complaint, begun.elapsed()).await.is_break() {
                    return;
                }
            }
        }
    }
}

async fn attempt(seat: &mut Seat, once: Once, task: &Task) -> Outcome {
    let grace = seat.config.timing.grace;
    let given = task.header();
    sleep_until(given.valid_from.into()).await;
    let target = once.target.to_hex(given.header.target());
    let command = seat.config.command.with(Some(&target));
    let mut process = match Process::start(command, seat.process) {
        Ok(process) => process,
        Err(error) => {
            return Outcome::Failed(Complaint::of_running(seat.process, Failure::Start(error)));
        }
    };
    process.write(once.input.encode(&given.header));
    process.close_input();
    let reason = until_done(seat, once, task, &mut process).await;
    if reason != Reason::Ended {
        process.terminate(grace).await;
    }
    let ending = process.finish(grace).await;
    match (
        judge(reason, ending.status, &ending.output, &given.header),
        reason,
    ) {
        (Ok(nonce), _) => Outcome::Solved(Solution {
            job: Arc::clone(&task.job),
            nonce,
            creation_time: given.creation_time,
            found_by: None,
        }),
        // That it failed when it was ended says nothing.
        (Err(_), Reason::JobLost | Reason::TimeLimit) => Outcome::Ended(reason),
        (Err(failure), _) => Outcome::Failed(Complaint::of_ending(seat.process, failure, ending)),
    }
}

async fn until_done(seat: &mut Seat, once: Once, task: &Task, process: &mut Process) -> Reason {
    let limit = async {
        match once.time_limit {
            Some(limit) => sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(limit);
    loop {
        // The process loses nothing when a step is dropped, and neither do the others.
        tokio::select! {
            step = process.step() => match step {
                Step::Output if process.output().len() > OUTPUT => return Reason::TooMuchOutput,
                Step::Output => {}
                Step::Ended | Step::Over => return Reason::Ended,
            },
            () = seat.lost(task.job.id) => return Reason::JobLost,
            () = &mut limit => return Reason::TimeLimit,
        }
    }
}

/// What a command has come to that ended for this reason and with this output.
fn judge(
    reason: Reason,
    status: Option<ExitStatus>,
    output: &[u8],
    header: &WorkHeader,
) -> Result<Nonce, Failure> {
    if reason == Reason::TooMuchOutput || output.len() > OUTPUT {
        return Err(Failure::TooMuchOutput(OUTPUT, "a nonce of 16 hex digits"));
    }
    let status = status.ok_or(Failure::Stuck)?;
    if !status.success() {
        return Err(Failure::Exit(status));
    }
    let nonce =
        hex::nonce(output.trim_ascii()).ok_or_else(|| Failure::NoNonce(Shown::new(output)))?;
    seat::verify(header, nonce)?;
    Ok(nonce)
}

impl InputEncoding {
    fn encode(self, header: &WorkHeader) -> Vec<u8> {
        match self {
            Self::Binary => header.as_bytes().to_vec(),
            Self::Hex => format!("{}\n", const_hex::encode(header.as_bytes())).into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use chainweb::Nonce;

    use super::{InputEncoding, OUTPUT, Reason, judge};
    use crate::worker::external::failure::REVERSED;
    use crate::worker::external::test_job::{Nonces, job, nonces};

    #[test]
    fn output_is_a_nonce_that_solves_the_work_or_is_reported_for_what_it_is() {
        let job = job(1);
        let header = job.work.header();
        let Nonces {
            good,
            bad,
            reversed,
        } = nonces(&job);
        let check = |wait_status: i32, output: &str, expected: Result<Nonce, &str>| {
            let status = ExitStatus::from_raw(wait_status);
            let judged = judge(Reason::Ended, Some(status), output.as_bytes(), header);
            let judged = judged.map_err(|failure| failure.to_string());
            assert_eq!(judged, expected.map_err(str::to_owned), "{output:?}");
        };
        for text in [
            good.to_string(),
            format!("{good}\n"),
            format!(" \r\n{good}\t\n\n"),
            good.to_string().to_uppercase(),
            format!("0x{good}"),
        ] {
            check(0, &text, Ok(good));
        }
        let short = &good.to_string()[1..];
        for (text, shown) in [
            ("", "nothing".to_owned()),
            ("\n", "nothing".to_owned()),
            (short, format!("\"{short}\"")),
            ("no device", "\"no device\"".to_owned()),
            (&format!("nonce {good}"), format!("\"nonce {good}\"")),
        ] {
            let message =
                format!("expected a nonce of 16 hex digits on its standard output, got {shown}");
            check(0, text, Err(&message));
        }
        check(1 << 8, &good.to_string(), Err("exit status 1"));
        check(15, &good.to_string(), Err("ended by signal 15"));
        for (nonce, hint) in [(bad, ""), (reversed, REVERSED)] {
            let message = format!("its nonce {nonce} does not solve the work{hint}");
            check(0, &nonce.to_string(), Err(&message));
        }
        let too_much = "x".repeat(OUTPUT + 1);
        check(
            0,
            &too_much,
            Err(
                "it wrote more than 4096 bytes to its standard output, where a nonce of 16 hex digits is expected",
            ),
        );
    }

    #[test]
    fn the_header_is_given_as_bytes_or_as_a_line_of_digits() {
        let job = job(1);
        let header = job.work.header();
        assert_eq!(InputEncoding::Binary.encode(header), header.as_bytes());
        let line = InputEncoding::Hex.encode(header);
        assert_eq!((line.len(), line.last()), (2 * 286 + 1, Some(&b'\n')));
        assert_eq!(
            const_hex::decode(line.trim_ascii()).as_deref(),
            Ok(header.as_bytes())
        );
    }
}
