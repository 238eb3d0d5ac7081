//! A running command and its pipes.
//!
//! Whoever drives it takes step after step: each moves bytes where some can be moved, so that no pipe ever blocks
//! another. Input that waits is at most two pieces, the one that is being written and the newest; output that nobody
//! takes is bounded, and then the command waits. What the bytes mean is not known here.

use std::io;
use std::mem;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use super::group::{Group, Pipes};
use super::stderr::ErrorLog;

/// The most output that waits to be taken.
const OUTPUT: usize = 64 << 10;
const CHUNK: usize = 4 << 10;

/// Between two looks at whether a group has ended, which nothing tells.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A command that has been started.
#[derive(Debug)]
pub(super) struct Process {
    group: Group,
    ended: bool,
    stdin: Option<ChildStdin>,
    input: Input,
    stdout: Option<ChildStdout>,
    output: Vec<u8>,
    stderr: Option<ChildStderr>,
    errors: ErrorLog,
    chunks: Box<[[u8; CHUNK]; 2]>,
}

/// What a step has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is output.
    Output,
    /// The command itself has ended; others of its group may run, and output may still come.
    Ended,
    /// It has ended, and nothing comes any more.
    Over,
}

/// How a command has ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// `None` if it did not end though it was killed.
    pub(super) status: Option<ExitStatus>,
    /// The output that had not been taken.
    pub(super) output: Vec<u8>,
    /// The end of what it wrote to standard error, as one line.
    pub(super) errors: String,
}

/// What is to be written.
#[derive(Debug, Default)]
struct Input {
    piece: Vec<u8>,
    written: usize,
    next: Option<Vec<u8>>,
    closing: bool,
}

impl Process {
    /// Starts the command; `name` is what its words on standard error are told under.
    pub(super) fn start(mut command: Command, name: usize) -> io::Result<Self> {
        let (group, pipes) = Group::start(&mut command)?;
        let Pipes {
            stdin,
            stdout,
            stderr,
        } = pipes;
        Ok(Self {
            group,
            ended: false,
            stdin: Some(stdin),
            input: Input::default(),
            stdout: Some(stdout),
            output: Vec::new(),
            stderr: Some(stderr),
            errors: ErrorLog::new(name),
            chunks: Box::new([[0; CHUNK]; 2]),
        })
    }

    /// Has a piece written, in the place of one whose writing has not begun.
    pub(super) fn write(&mut self, piece: Vec<u8>) {
        if self.stdin.is_some() {
            self.input.next = Some(piece);
        }
    }

    /// Closes the input once what waits is written.
    pub(super) fn close_input(&mut self) {
        self.input.closing = true;
    }

    /// The output that has not been taken.
    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    /// Takes the output that has come.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        mem::take(&mut self.output)
    }

    /// Goes on until something has happened. Nothing is lost if the future is dropped.
    pub(super) async fn step(&mut self) -> Step {
        let [out, err] = &mut *self.chunks;
        loop {
            let room = CHUNK.min(OUTPUT - self.output.len());
            if self.ended && self.stderr.is_none() && (self.stdout.is_none() || room == 0) {
                return Step::Over;
            }
            if self.input.is_written() && self.input.closing {
                self.stdin = None;
            }
            let pending = self.input.pending();
            // Reading, writing and waiting for a signal lose nothing when they are dropped.
            tokio::select! {
                read = read(&mut self.stdout, &mut out[..room]), if self.stdout.is_some() && room > 0 => {
                    if read > 0 {
                        self.output.extend_from_slice(&out[..read]);
                        return Step::Output;
                    }
                    self.stdout = None;
                }
                read = read(&mut self.stderr, err), if self.stderr.is_some() => {
                    self.errors.take(Instant::now(), &err[..read]);
                    if read == 0 {
                        self.stderr = None;
                    }
                }
                written = write(&mut self.stdin, pending), if self.stdin.is_some() && pending.is_some() => {
                    match written {
                        Ok(written) => self.input.written += written,
                        // It does not want to read; that is no failure by itself.
                        Err(_) => self.stdin = None,
                    }
                }
                () = self.group.leader_ended(), if !self.ended => {
                    self.ended = true;
                    return Step::Ended;
                }
            }
        }
    }

    /// Closes the input and gives the command time to end by itself.
    pub(super) async fn hang_up(&mut self, grace: Duration) {
        self.close_input();
        self.until_over(grace).await;
    }

    /// Asks the whole group to end and gives it time to do so.
    pub(super) async fn terminate(&mut self, grace: Duration) {
        self.group.signal(Signal::TERM);
        let alone = async {
            while self.step().await != Step::Over {}
            // What its shell has started may hold none of the pipes, and need longer than the shell.
            while self.group.has_others() {
                sleep(LOOK_AGAIN).await;
            }
        };
        timeout(grace, alone).await.ok();
    }

    /// Kills whatever of the group still runs, takes what is left in the pipes, and reaps the command.
    pub(super) async fn finish(mut self, grace: Duration) -> Ending {
        self.group.signal(Signal::KILL);
        // A process may hang within the system, and what has left the group may hold the pipes for ever: at the end of the
        // program that must not take what is left of its grace.
        self.until_ended(grace).await;
        self.until_over(grace / 4).await;
        let status = if self.ended {
            self.group.reap(grace / 4).await.ok()
        } else {
            None
        };
        Ending {
            status,
            output: self.output,
            errors: self.errors.tail(),
        }
    }

    async fn until_ended(&mut self, limit: Duration) {
        let ended = async { while !self.ended && self.step().await != Step::Over {} };
        timeout(limit, ended).await.ok();
    }

    async fn until_over(&mut self, limit: Duration) {
        let over = async { while self.step().await != Step::Over {} };
        timeout(limit, over).await.ok();
    }
}

impl Input {
    fn is_written(&self) -> bool {
        self.written == self.piece.len() && self.next.is_none()
    }

    /// What is to be written now.
    fn pending(&mut self) -> Option<&[u8]> {
        if self.written == self.piece.len() {
            self.written = 0;
            self.piece = self.next.take().unwrap_or_default();
        }
        (!self.piece.is_empty()).then(|| &self.piece[self.written..])
    }
}

/// The number of bytes that came; 0 when none will come any more.
async fn read(pipe: &mut Option<impl AsyncRead + Unpin>, chunk: &mut [u8]) -> usize {
    match pipe {
        Some(pipe) => pipe.read(chunk).await.unwrap_or(0),
        None => 0,
    }
}

async fn write(pipe: &mut Option<ChildStdin>, bytes: Option<&[u8]>) -> io::Result<usize> {
    match (pipe, bytes) {
        (Some(pipe), Some(bytes)) => pipe.write(bytes).await,
        _ => Ok(0),
    }
}

#[cfg(test)]
mod tests;
