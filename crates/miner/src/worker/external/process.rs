//! A running command: its process group and its pipes.
//!
//! The command is the leader of a process group of its own, and signals go to the whole group:
//! killing only the shell would leave its children running. The leader is reaped last, so the
//! group's id cannot be reused while a signal can still be sent. Dropping a process kills its
//! group.
//!
//! The caller drives a process with [`Process::step`], which moves bytes on any ready pipe, so no
//! pipe blocks another. Input is at most two messages: one in progress and the newest. Output is
//! bounded: while it is full, the command waits.

use std::io;
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::OptionFuture;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};
use tokio::time::{sleep, timeout};

use super::log::StderrLog;
use super::process_table::processes;

/// The most unread output, in bytes.
const OUTPUT: usize = 64 << 10;

/// How often to check whether a process group has ended, for which there is no notification.
const GROUP_CHECK: Duration = Duration::from_millis(20);

/// The commands that are not reaped yet. The children of a process belong to all of it.
static COMMANDS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Returns the commands that are not reaped yet.
pub(super) fn commands() -> MutexGuard<'static, Vec<Pid>> {
    // No panic leaves the list half changed.
    COMMANDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A started command.
#[derive(Debug)]
pub(super) struct Process {
    index: usize,
    leader: Child,
    group: Pid,
    sigchld: unix::Signal,
    pub(super) started: Instant,
    /// Whether the command itself has ended. Its children may still run and write output.
    pub(super) ended: bool,
    /// `None` while the command runs, and if it runs even after SIGKILL.
    pub(super) status: Option<ExitStatus>,
    /// The rest of the message in progress.
    input: Vec<u8>,
    next_input: Option<Vec<u8>>,
    is_input_closed: bool,
    /// Output for the caller to consume.
    pub(super) output: Vec<u8>,
    stderr_chunk: Vec<u8>,
    pub(super) stderr_log: StderrLog,
}

impl Process {
    /// Starts the command, whose standard streams must be piped. `index` names it in the log.
    pub(super) fn start(mut command: Command, index: usize) -> io::Result<Self> {
        // Registered first, so that the end of the leader cannot be missed.
        let sigchld = unix::signal(SignalKind::child())?;
        let mut commands = commands();
        let leader = command.process_group(0).kill_on_drop(true).spawn()?;
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        let group = id.and_then(Pid::from_raw).expect("a new child has an id");
        commands.push(group);
        drop(commands);
        Ok(Self {
            index,
            group,
            sigchld,
            started: Instant::now(),
            ended: false,
            status: None,
            input: Vec::new(),
            next_input: None,
            is_input_closed: false,
            output: Vec::with_capacity(OUTPUT),
            stderr_chunk: Vec::with_capacity(4 << 10),
            stderr_log: StderrLog::default(),
            leader,
        })
    }

    /// Queues a message, in place of the queued one if its writing has not started.
    pub(super) fn write(&mut self, message: Vec<u8>) {
        self.next_input = Some(message);
    }

    /// Closes standard input once all messages are written.
    pub(super) fn close_input(&mut self) {
        self.is_input_closed = true;
    }

    /// Moves bytes until there is output or the command has ended. Returns `false` when nothing is
    /// left to do: the command has ended, and its pipes are closed or its output is full.
    ///
    /// Cancel safe.
    pub(super) async fn step(&mut self) -> bool {
        loop {
            if self.input.is_empty() {
                self.input = self.next_input.take().unwrap_or_default();
            }
            let has_input = !self.ended && !self.input.is_empty();
            if self.input.is_empty() && self.is_input_closed {
                self.leader.stdin = None;
            }
            let has_room = self.output.len() < OUTPUT;
            let stdin = self.leader.stdin.as_mut().filter(|_| has_input);
            let stdout = self.leader.stdout.as_mut().filter(|_| has_room);
            let stderr = self.leader.stderr.as_mut();
            let leader = WaitId::Pid(self.group);
            // Reading, writing and waiting for a signal are cancel safe.
            tokio::select! {
                Some(read) = OptionFuture::from(stdout.map(|pipe| pipe.read_buf(&mut self.output))) => {
                    match read {
                        Ok(1..) => return true,
                        Ok(0) | Err(_) => self.leader.stdout = None,
                    }
                }
                Some(read) = OptionFuture::from(stderr.map(|pipe| pipe.read_buf(&mut self.stderr_chunk))) => {
                    self.stderr_log.read(self.index, Instant::now(), &self.stderr_chunk);
                    self.stderr_chunk.clear();
                    if !matches!(read, Ok(1..)) {
                        self.leader.stderr = None;
                    }
                }
                Some(written) = OptionFuture::from(stdin.map(|pipe| pipe.write(&self.input))) => {
                    match written {
                        Ok(written) => drop(self.input.drain(..written)),
                        // A command need not read its input.
                        Err(_) => self.leader.stdin = None,
                    }
                }
                _ = child_ended(&mut self.sigchld, &leader, WaitIdOptions::NOWAIT), if !self.ended => {
                    self.ended = true;
                    return true;
                }
                else => return false,
            }
        }
    }

    /// Moves bytes for up to `limit`, until the command has ended and its pipes are closed.
    pub(super) async fn drain(&mut self, limit: Duration) {
        let over = async { while self.step().await {} };
        timeout(limit, over).await.ok();
    }

    /// Sends SIGTERM to the whole group and gives it up to `grace` to end.
    pub(super) async fn terminate(&mut self, grace: Duration) {
        self.signal(Signal::TERM);
        let ended = async {
            while self.step().await {}
            // Children without a pipe can outlive the shell.
            while is_alive(self.group) {
                sleep(GROUP_CHECK).await;
            }
        };
        timeout(grace, ended).await.ok();
    }

    /// Kills the rest of the group, drains the pipes and reaps the command.
    pub(super) async fn finish(&mut self, grace: Duration) {
        self.signal(Signal::KILL);
        // A process can hang in the kernel, and a daemon can hold the pipes forever. The limits
        // keep the end of the program within its own grace period.
        let ended = async { while !self.ended && self.step().await {} };
        timeout(grace, ended).await.ok();
        self.drain(grace / 4).await;
        if self.ended {
            self.status = self.leader.wait().await.ok();
            // A container's first process, which this program may be, has to reap orphans.
            let group = WaitId::Pgid(Some(self.group));
            let none = WaitIdOptions::empty();
            let orphans = async { while child_ended(&mut self.sigchld, &group, none).await {} };
            timeout(grace / 4, orphans).await.ok();
        }
    }

    fn signal(&self, signal: Signal) {
        // Once the leader is reaped, the id of the group may be another's.
        if self.leader.id().is_some() {
            // Fails if all processes have ended meanwhile.
            kill_process_group(self.group, signal).ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The runtime reaps the leader once it has ended.
        self.signal(Signal::KILL);
        commands().retain(|command| *command != self.group);
    }
}

/// Waits until such a child has ended. Returns `false` if there is no such child. Cancel safe.
async fn child_ended(sigchld: &mut unix::Signal, child: &WaitId<'_>, flags: WaitIdOptions) -> bool {
    let flags = flags | WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    loop {
        match waitid(child.clone(), flags) {
            Ok(None) => _ = sigchld.recv().await,
            result => return result.is_ok(),
        }
    }
}

/// Whether a process of the group is alive. A zombie is not.
fn is_alive(group: Pid) -> bool {
    processes().any(|process| process.group == Some(group) && !process.is_zombie)
}

#[cfg(test)]
mod tests;
