//! The persistent protocol: a process that is started once and told of its jobs in lines.
//!
//! It is told the newest job only: one that has not been read is replaced. A process that ends is started again.

use std::time::Instant;

use tokio::time::sleep_until;

use super::failure::{Complaint, Failure};
use super::process::{Process, Step};
use super::seat::Seat;
use super::talk::{Heard, NonceSpan, Talk};

/// Why a process is spoken with no longer.
enum Reason {
    /// There are no tasks any more.
    Over,
    Ended,
    Hopeless(Failure),
}

/// Keeps a process until there are no tasks any more.
pub(super) async fn run(mut seat: Seat) {
    loop {
        let begun = Instant::now();
        let Some(complaint) = converse(&mut seat).await else {
            return;
        };
        if seat.failed(complaint, begun.elapsed()).await.is_break() {
            return;
        }
    }
}

/// Speaks with one process until it ends, and gives what is to be said of that; `None` if there are no tasks any more.
async fn converse(seat: &mut Seat) -> Option<Complaint> {
    let grace = seat.config.timing.grace;
    let mut process = match Process::start(seat.config.command.with(None), seat.process) {
        Ok(process) => process,
        Err(error) => return Some(Complaint::of_running(seat.process, Failure::Start(error))),
    };
    let mut talk = Talk::default();
    let reason = speak(seat, &mut talk, &mut process).await;
    match reason {
        Reason::Ended => {}
        Reason::Over => {
            process.hang_up(grace).await;
            process.terminate(grace).await;
        }
        Reason::Hopeless(_) => process.terminate(grace).await,
    }
    let ending = process.finish(grace).await;
    // The end of a long answer is no matter any more.
    let rest = hear(seat, &mut talk, &ending.output).await;
    let failure = match (reason, rest, ending.status) {
        (Reason::Over, _, _) => return None,
        (Reason::Hopeless(failure), _, _) | (Reason::Ended, Err(failure), _) => failure,
        (Reason::Ended, Ok(()), Some(status)) if status.success() => Failure::Left,
        (Reason::Ended, Ok(()), Some(status)) => Failure::Exit(status),
        (Reason::Ended, Ok(()), None) => Failure::Stuck,
    };
    Some(Complaint::of_ending(seat.process, failure, ending))
}

async fn speak(seat: &mut Seat, talk: &mut Talk, process: &mut Process) -> Reason {
    let config = &seat.config;
    let span = NonceSpan::of(seat.process, config.processes.get(), config.first_nonce);
    // A new process does not know the task, whoever has seen it before.
    seat.tasks.mark_changed();
    loop {
        // The process loses nothing when a step is dropped, and neither does the watch.
        tokio::select! {
            changed = seat.tasks.changed() => {
                if changed.is_err() {
                    return Reason::Over;
                }
                let task = seat.tasks.borrow_and_update().clone();
                process.write(match task {
                    Some(task) => {
                        let stamped = task.header();
                        sleep_until(stamped.valid_from.into()).await;
                        talk.give(&task.job, stamped, span)
                    }
                    None => Talk::give_none(),
                });
            }
            step = process.step() => match step {
                Step::Output => {
                    let output = process.take_output();
                    if let Err(failure) = hear(seat, talk, &output).await {
                        return Reason::Hopeless(failure);
                    }
                }
                Step::Ended | Step::Over => return Reason::Ended,
            },
        }
    }
}

/// Takes in what the process has said.
async fn hear(seat: &mut Seat, talk: &mut Talk, output: &[u8]) -> Result<(), Failure> {
    let mut heard = Vec::new();
    let goes_on = talk.hear(output, &mut heard);
    for said in heard {
        match said {
            Heard::Solution(solution) => seat.hand_in(solution).await,
            Heard::Hashes(hashes) => seat.meter.thread(seat.process).add(hashes),
            Heard::Wrong(failure) => {
                seat.complain(Complaint::of_running(seat.process, failure))
                    .await;
            }
        }
    }
    goes_on
}
