//! The persistent protocol: a process is started once and receives jobs as lines of JSON.
//!
//! The process receives only the newest job, which replaces a job not written yet. If the process
//! ends, it is restarted.

use std::sync::Arc;
use std::time::Instant;

use super::failure::{Failure, check_exit};
use super::line_protocol::{LineProtocol, Message, NO_JOB, nonce_span};
use super::runner::Runner;

/// Runs one process until it ends or the worker shuts down.
pub(super) async fn run(runner: &mut Runner) {
    let mut process = match runner.start(None) {
        Ok(process) => process,
        Err(failure) => return runner.back_off(&failure, None).await,
    };
    let config = &runner.config;
    let grace = config.timing.grace;
    let span = nonce_span(runner.index, config.processes.get(), config.first_nonce);
    let mut protocol = LineProtocol::default();
    let mut fatal = None;
    // A restarted process has not received the current task.
    runner.tasks.mark_changed();
    while !process.ended && fatal.is_none() {
        // Both are cancel safe.
        tokio::select! {
            changed = runner.tasks.changed() => {
                if changed.is_err() {
                    break;
                }
                let task = runner.tasks.borrow_and_update().clone();
                let job = task.as_ref().map(|task| Arc::clone(&task.job));
                runner.tally.start(Instant::now(), job);
                process.write(match task {
                    Some(task) => protocol.job_line(task.issue().await, &span),
                    None => NO_JOB.to_vec(),
                });
            }
            _ = process.step() => fatal = receive(runner, &mut protocol, &mut process.output).await,
        }
    }
    if runner.is_closed() {
        process.close_input();
        process.drain(grace).await;
    }
    if runner.is_closed() || fatal.is_some() {
        process.terminate(grace).await;
    }
    process.finish(grace).await;
    let fatal = fatal.or(receive(runner, &mut protocol, &mut process.output).await);
    if !runner.is_closed() {
        let failure = fatal.or(check_exit(process.status).err());
        let failure = failure.unwrap_or(Failure::EarlyExit);
        runner.back_off(&failure, Some(&process)).await;
    }
}

/// Handles the messages in the output. Returns the failure for which the process is to be ended.
async fn receive(
    runner: &mut Runner,
    protocol: &mut LineProtocol,
    output: &mut Vec<u8>,
) -> Option<Failure> {
    let (messages, fatal) = protocol.receive(output);
    for message in messages {
        match message {
            Message::Solution(solution) => runner.submit(solution).await,
            Message::Hashes(hashes) => runner.tally.add(Instant::now(), hashes),
            Message::Bad(failure) => runner.report(&failure, "", None),
        }
    }
    fatal
}
