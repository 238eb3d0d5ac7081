//! The JSON messages of the line protocol, without the process.
//!
//! An answer belongs to the job it names, even after another job was sent. Bad lines are skipped,
//! but a line over the limit, or too many bad lines in a row, are an error.

use std::collections::VecDeque;
use std::ops::Range;

use chainweb::Nonce;
use serde::Deserialize;

use super::failure::Failure;
use super::hex;
use super::log::quoted;
use super::scheduler::IssuedWork;
use crate::job::Solution;

/// The longest line, in bytes.
const LINE: usize = 4 << 10;
/// The number of recent jobs whose answers are accepted: those of several minutes.
const REMEMBERED: usize = 64;
/// The number of bad lines skipped in a row. Some programs print a greeting.
const BAD_LINES: u32 = 1000;

/// The most characters of what is wrong with a line.
const PROBLEM: usize = 200;

/// The line for "no job".
pub(super) const NO_JOB: &[u8] = b"{\"job\":null}\n";

/// Returns the nonces of one process. The ranges are adjacent and do not wrap around. The start
/// of the first depends on `first_nonce`.
pub(super) fn nonce_span(process: usize, processes: usize, first_nonce: u64) -> Range<u64> {
    let [process, processes] = [process, processes].map(|number| number as u64);
    // One range more than processes, to leave room for the start to vary.
    let count = u64::MAX / (processes + 1);
    let start = first_nonce % (count + 1) + process * count;
    start..start + count
}

/// A message from a process.
#[derive(Debug)]
pub(super) enum Message {
    /// The first correct answer for a job.
    Solution(Solution),
    /// The number of hashes since the last such message.
    Hashes(u64),
    /// A bad line or answer, which is skipped.
    Bad(Failure),
}

/// The state of the exchange with one process.
#[derive(Debug, Default)]
pub(super) struct LineProtocol {
    /// The number of bad lines since the last good one.
    bad_lines: u32,
    /// The recent jobs by name, newest first, without their work once they are solved.
    sent: VecDeque<(String, Option<IssuedWork>)>,
}

/// The fields of a message.
#[derive(Deserialize)]
struct Fields {
    job: Option<String>,
    nonce: Option<String>,
    hashes: Option<String>,
}

impl LineProtocol {
    /// Returns the line for a job.
    pub(super) fn job_line(&mut self, work: IssuedWork, span: &Range<u64>) -> Vec<u8> {
        let name = format!("{:016x}", work.job.id.0);
        let header = const_hex::encode(work.header.as_bytes());
        let target = const_hex::encode(work.header.target().to_le_bytes());
        let (start, count) = (span.start, span.end - span.start);
        let line = format!(
            r#"{{"job":"{name}","header":"{header}","target":"{target}","nonce_start":"{start:016x}","nonce_count":"{count:016x}"}}"#
        );
        self.sent.truncate(REMEMBERED - 1);
        self.sent.push_front((name, Some(work)));
        (line + "\n").into_bytes()
    }

    /// Removes the complete lines from `output`. Returns their messages, and the failure for which
    /// the process is to be ended, if there is one.
    pub(super) fn receive(&mut self, output: &mut Vec<u8>) -> (Vec<Message>, Option<Failure>) {
        let too_long = Some(Failure::TooMuchOutput(LINE, "a line of JSON"));
        let mut messages = Vec::new();
        let end = output.iter().rposition(|byte| *byte == b'\n');
        let lines: Vec<u8> = output.drain(..end.map_or(0, |end| end + 1)).collect();
        for line in lines.split(|byte| *byte == b'\n') {
            if line.len() > LINE {
                return (messages, too_long);
            }
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match self.parse(line) {
                Ok(parsed) => {
                    self.bad_lines = 0;
                    messages.extend(parsed);
                }
                Err(_) if self.bad_lines == BAD_LINES => return (messages, Some(Failure::Garbage)),
                Err(problem) => {
                    self.bad_lines += 1;
                    messages.push(Message::Bad(Failure::BadLine(problem, quoted(line))));
                }
            }
        }
        (messages, too_long.filter(|_| output.len() > LINE))
    }

    /// Parses a line, which can contain an answer and a number of hashes. Returns what is wrong
    /// with it as an error.
    fn parse(&mut self, line: &[u8]) -> Result<Vec<Message>, String> {
        let fields = serde_json::from_slice(line).map_err(|error| {
            // It may repeat the line.
            error.to_string().chars().take(PROBLEM).collect::<String>()
        })?;
        let Fields { job, nonce, hashes } = fields;
        let mut messages = Vec::new();
        if nonce.is_none() && hashes.is_none() {
            return Err("it has neither \"nonce\" nor \"hashes\"".to_owned());
        }
        if let Some(hashes) = hashes {
            let hashes = hex::number(hashes.as_bytes(), 1..=16);
            let hashes = hashes.ok_or("\"hashes\" must be a string of 1 to 16 hex digits")?;
            messages.push(Message::Hashes(hashes));
        }
        if let Some(nonce) = nonce {
            let job = job.ok_or("\"nonce\" needs the \"job\" it is for")?;
            let nonce = hex::number(nonce.as_bytes(), 16..=16);
            let nonce = nonce.ok_or("\"nonce\" must be a string of 16 hex digits")?;
            messages.extend(self.answer(&job, Nonce::new(nonce)));
        }
        Ok(messages)
    }

    /// Checks an answer. Answers for a solved job are ignored.
    fn answer(&mut self, name: &str, nonce: Nonce) -> Option<Message> {
        let Some((_, work)) = self.sent.iter_mut().find(|(sent, _)| sent == name) else {
            let name = quoted(name.as_bytes());
            return Some(Message::Bad(Failure::UnknownJob(name)));
        };
        let solution = work.as_ref()?.solution(nonce);
        if solution.is_ok() {
            *work = None;
        }
        Some(solution.map_or_else(Message::Bad, Message::Solution))
    }
}

#[cfg(test)]
mod tests;
