//! A conversation in lines of JSON, without the process: what is said to it, and what its answers mean.
//!
//! An answer belongs to the job that it names, also if another has been given since. A line that is no message is
//! passed over; one without an end, or too many in a row, are the end of the conversation.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::deal::Stamped;
use super::failure::{Failure, Shown};
use super::{hex, seat};
use crate::job::{Job, Solution};

/// The longest line that is read.
const LINE: usize = 4 << 10;
/// How many jobs are remembered: those of minutes, while a process is expected to drop a job at once.
const REMEMBERED: usize = 64;
/// How many lines in a row may be no messages: more than the greeting of a chatty program.
const BAD_LINES: u32 = 1000;

/// A part of the nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NonceSpan {
    pub(super) start: u64,
    pub(super) count: u64,
}

impl NonceSpan {
    /// The part of one of several processes. The parts lie side by side from a place on that `first_nonce` tells, and none
    /// passes the largest nonce.
    pub(super) fn of(process: usize, processes: usize, first_nonce: u64) -> Self {
        let processes = u64::try_from(processes).expect("a number of processes");
        let process = u64::try_from(process).expect("a number of processes");
        // One part more than there are, for the place to vary in.
        let count = u64::MAX / (processes + 1);
        Self {
            start: first_nonce % (count + 1) + process * count,
            count,
        }
    }
}

/// What a process has said.
#[derive(Debug)]
pub(super) enum Heard {
    Solution(Solution),
    Hashes(u64),
    Wrong(Failure),
}

/// The state of a conversation.
#[derive(Debug, Default)]
pub(super) struct Talk {
    line: Vec<u8>,
    bad_lines: u32,
    given: VecDeque<Given>,
}

#[derive(Debug)]
struct Given {
    name: String,
    job: Arc<Job>,
    stamped: Stamped,
    is_solved: bool,
}

#[derive(Serialize)]
struct JobLine<'a> {
    job: &'a str,
    header: String,
    target: String,
    nonce_start: String,
    nonce_count: String,
}

#[derive(Deserialize)]
struct Message {
    job: Option<String>,
    nonce: Option<String>,
    hashes: Option<String>,
}

impl Talk {
    /// The line that gives a job.
    pub(super) fn give(&mut self, job: &Arc<Job>, stamped: Stamped, span: NonceSpan) -> Vec<u8> {
        let name = format!("{:016x}", job.id.0);
        let line = JobLine {
            job: &name,
            header: const_hex::encode(stamped.header.as_bytes()),
            target: const_hex::encode(stamped.header.target().to_le_bytes()),
            nonce_start: format!("{:016x}", span.start),
            nonce_count: format!("{:016x}", span.count),
        };
        let mut line = serde_json::to_vec(&line).expect("a struct of strings");
        line.push(b'\n');
        if self.given.len() == REMEMBERED {
            self.given.pop_front();
        }
        self.given.push_back(Given {
            name,
            job: Arc::clone(job),
            stamped,
            is_solved: false,
        });
        line
    }

    /// The line that says that there is no job.
    pub(super) fn give_none() -> Vec<u8> {
        b"{\"job\":null}\n".to_vec()
    }

    /// Takes some output and adds what it says. An error ends the conversation.
    pub(super) fn hear(
        &mut self,
        mut output: &[u8],
        heard: &mut Vec<Heard>,
    ) -> Result<(), Failure> {
        while let Some(end) = output.iter().position(|byte| *byte == b'\n') {
            self.extend(&output[..end])?;
            output = &output[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.hear_line(line.trim_ascii(), heard)?;
        }
        self.extend(output)
    }

    fn extend(&mut self, part: &[u8]) -> Result<(), Failure> {
        if self.line.len() + part.len() > LINE {
            return Err(Failure::TooMuchOutput(LINE, "a line of JSON"));
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn hear_line(&mut self, line: &[u8], heard: &mut Vec<Heard>) -> Result<(), Failure> {
        if line.is_empty() {
            return Ok(());
        }
        match self.understand(line) {
            Ok(said) => {
                self.bad_lines = 0;
                heard.extend(said);
            }
            Err(wrong) => {
                self.bad_lines += 1;
                if self.bad_lines > BAD_LINES {
                    return Err(Failure::Garbage(self.bad_lines));
                }
                let shown = Shown::new(line);
                heard.push(Heard::Wrong(Failure::BadLine(wrong, shown)));
            }
        }
        Ok(())
    }

    fn understand(&mut self, line: &[u8]) -> Result<Vec<Heard>, String> {
        let Message { job, nonce, hashes } =
            serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let mut heard = Vec::new();
        if nonce.is_none() && hashes.is_none() {
            return Err("there is neither \"nonce\" nor \"hashes\"".to_owned());
        }
        if let Some(hashes) = hashes {
            let hashes = hex::count(hashes.as_bytes())
                .ok_or("\"hashes\" has to be a string of 1 to 16 hex digits")?;
            heard.push(Heard::Hashes(hashes));
        }
        if let Some(nonce) = nonce {
            let job = job.ok_or("\"nonce\" needs the \"job\" that it is for")?;
            let nonce = hex::nonce(nonce.as_bytes())
                .ok_or("\"nonce\" has to be a string of 16 hex digits")?;
            heard.extend(self.answer(&job, nonce));
        }
        Ok(heard)
    }

    /// What an answer comes to. The first that is right counts; nothing is said of others after it.
    fn answer(&mut self, job: &str, nonce: chainweb::Nonce) -> Option<Heard> {
        let Some(given) = self.given.iter_mut().rev().find(|given| given.name == job) else {
            return Some(Heard::Wrong(Failure::UnknownJob(Shown::new(
                job.as_bytes(),
            ))));
        };
        if given.is_solved {
            return None;
        }
        if let Err(failure) = seat::verify(&given.stamped.header, nonce) {
            return Some(Heard::Wrong(failure));
        }
        given.is_solved = true;
        Some(Heard::Solution(Solution {
            job: Arc::clone(&given.job),
            nonce,
            creation_time: given.stamped.creation_time,
            found_by: None,
        }))
    }
}

#[cfg(test)]
mod tests;
