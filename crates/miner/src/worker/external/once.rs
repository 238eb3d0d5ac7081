//! The one-shot protocol, which is the Haskell client's: one run of the command per header.
//!
//! The command receives the target as its last argument and the header on standard input. The first
//! word that it prints is the nonce; two more may be its hashes and its hash rate. A command whose
//! job is lost is ended before the next one starts, so two never share a device; a nonce printed
//! until then still counts.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::Nonce;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::config::Once;
use super::failure::{Failure, check_exit};
use super::hex;
use super::log::quoted;
use super::pace::Report;
use super::runner::Runner;
use super::scheduler::IssuedWork;
use crate::job::Solution;

/// The most output of a command, in bytes: a nonce and plenty of white space.
const OUTPUT: usize = 4 << 10;
/// The time for a command to end by itself after its answer.
const AFTER_ANSWER: Duration = Duration::from_millis(100);
/// How often the hashes of a running command are estimated.
const ESTIMATE: Duration = Duration::from_secs(1);

/// Waits for a task and runs the command once. Returns early at shutdown.
pub(super) async fn run(runner: &mut Runner, once: Once) {
    let Some(task) = runner.next_task().await else {
        return;
    };
    let grace = runner.config.timing.grace;
    let work = task.issue().await;
    let target = once.target.to_hex(work.header.target());
    let mut process = match runner.start(Some(&target)) {
        Ok(process) => process,
        Err(failure) => return runner.back_off(&failure, None).await,
    };
    process.write(once.input.encode(&work.header));
    process.close_input();
    let started = process.started;
    runner.tally.start(started, Some(Arc::clone(&work.job)));
    let mut found = None;
    let wait = async {
        while found.is_none() && !process.ended && process.output.len() <= OUTPUT {
            let is_paced = runner.pace.is_known();
            // All of these are cancel safe.
            tokio::select! {
                _ = process.step() => {}
                () = runner.lost(work.job.id) => return Some("job lost"),
                () = sleep(ESTIMATE), if is_paced => {
                    runner.pace.estimate(&mut runner.tally, started, Instant::now());
                }
            }
            found = answer(&work, &process.output).ok();
        }
        None
    };
    let time_limit = once.time_limit.unwrap_or(Duration::MAX);
    let interrupted = timeout(time_limit, wait).await;
    let interrupted = interrupted.unwrap_or(Some("time limit"));
    let ended = Instant::now();
    let is_submitted = found.is_some();
    if let Some((solution, _)) = found {
        // The work of this run comes before the block, as far as it is known.
        runner.pace.estimate(&mut runner.tally, started, ended);
        // The block does not wait for the end of its command.
        runner.submit(solution).await;
        process.drain(AFTER_ANSWER).await;
    }
    let has_exited = process.ended;
    if !has_exited {
        process.terminate(grace).await;
    }
    process.finish(grace).await;
    let judged = judge(&work, process.status, &process.output);
    let report = judged
        .as_ref()
        .map_or(Report::default(), |(_, report)| *report);
    runner.pace.end(&mut runner.tally, started, ended, report);
    match (judged, interrupted) {
        _ if is_submitted => {}
        (Ok((solution, _)), _) => runner.submit(solution).await,
        // An interrupted command has not failed.
        (Err(_), Some(reason)) => {
            debug!(process = runner.index, job = %work.job.id, reason, "external command ended");
            return;
        }
        (Err(failure), None) => return runner.back_off(&failure, Some(&process)).await,
    }
    // The block counts all the same. The status of a command ended by the client says nothing.
    if has_exited && let Err(failure) = check_exit(process.status) {
        runner.report(&failure, &process.stderr_log.tail(), None);
    }
}

/// Returns the solution in the output of a command that has ended, and what it reports. A good
/// nonce counts with any status, and whatever follows it.
pub(super) fn judge(
    work: &IssuedWork,
    exit: Option<ExitStatus>,
    output: &[u8],
) -> Result<(Solution, Report), Failure> {
    let answer = answer(work, output);
    if answer.is_err() {
        if output.len() > OUTPUT {
            return Err(Failure::TooMuchOutput(OUTPUT, "a nonce of 16 hex digits"));
        }
        check_exit(exit)?;
    }
    answer
}

/// Returns the solution in the first word of the output, and what the next two report.
fn answer(work: &IssuedWork, output: &[u8]) -> Result<(Solution, Report), Failure> {
    let mut words = output
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let nonce = words.next().and_then(|word| hex::number(word, 16..=16));
    let nonce = nonce.ok_or_else(|| Failure::NoNonce(quoted(output)))?;
    let solution = work.solution(Nonce::new(nonce))?;
    Ok((solution, Report::of(words)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use chainweb::Nonce;

    use super::{OUTPUT, judge};
    use crate::worker::external::failure::REVERSED;
    use crate::worker::external::test_job::{Nonces, issued, job, nonces};

    #[test]
    fn output_is_a_good_nonce_or_a_precise_failure() {
        let job = job(1);
        let work = issued(&job);
        let Nonces {
            good,
            bad,
            reversed,
        } = nonces(&job);
        let check = |wait_status: i32, output: &str, expected: Result<Nonce, &str>| {
            let status = ExitStatus::from_raw(wait_status);
            let judged = judge(&work, Some(status), output.as_bytes());
            let judged = judged.map(|(solution, _)| solution.nonce);
            let judged = judged.map_err(|failure| failure.to_string());
            assert_eq!(judged, expected.map_err(str::to_owned), "{output:?}");
        };
        for text in [
            good.to_string(),
            format!("{good}\n"),
            format!(" \r\n{good}\t\n\n"),
            good.to_string().to_uppercase(),
            format!("0x{good}"),
            // bigolchungus prints its hashes and hashes per second, and no newline.
            format!("{good} 16777216 2.5e8"),
            format!("{good}\nsolved in 3 s\n"),
        ] {
            check(0, &text, Ok(good));
        }
        let short = &good.to_string()[1..];
        for (text, quoted) in [
            ("", "nothing".to_owned()),
            ("\n", "nothing".to_owned()),
            (short, format!("\"{short}\"")),
            ("no device", "\"no device\"".to_owned()),
            (&format!("nonce {good}"), format!("\"nonce {good}\"")),
        ] {
            let message =
                format!("expected a nonce of 16 hex digits on standard output, got {quoted}");
            check(0, text, Err(&message));
        }
        check(1 << 8, &good.to_string(), Ok(good));
        check(15, &good.to_string(), Ok(good));
        check(0, &format!("{good}\n{}", "x".repeat(OUTPUT)), Ok(good));
        check(1 << 8, &bad.to_string(), Err("exit status: 1"));
        check(15, "", Err("signal: 15 (SIGTERM)"));
        for (nonce, hint) in [(bad, ""), (reversed, REVERSED)] {
            let message = format!("nonce {nonce} does not solve the work{hint}");
            check(0, &nonce.to_string(), Err(&message));
        }
        let too_much = "x".repeat(OUTPUT + 1);
        check(
            0,
            &too_much,
            Err(
                "printed more than 4096 bytes to standard output, expected a nonce of 16 hex digits",
            ),
        );
    }
}
